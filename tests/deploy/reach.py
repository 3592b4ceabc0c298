"""Who reaches what under the rendered NetworkPolicies: their meaning in Kubernetes, for peers by pod or by address."""
import ipaddress


class Peer:
    """A pod of a namespace, or an address outside of the cluster."""

    def __init__(self, namespace=None, labels=None, address=None):
        self.namespace, self.labels, self.address = namespace, labels or {}, address

    def __repr__(self):
        return self.address or f"{self.namespace}{self.labels}"


def selects(selector, labels):
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def is_peer(rule, peer, own_namespace):
    if "ipBlock" in rule:
        return peer.address is not None and ipaddress.ip_address(peer.address) in ipaddress.ip_network(rule["ipBlock"]["cidr"])
    if peer.address is not None:
        return False
    if "namespaceSelector" in rule:
        if not selects(rule["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace}):
            return False
    elif peer.namespace != own_namespace:
        return False
    return selects(rule.get("podSelector", {}), peer.labels)


def allowed(policies, direction, pod, peer, port, protocol="TCP"):
    """Whether `peer` may connect to `port` of the pod (Ingress), or the pod to that of `peer` (Egress)."""
    mine = [p for p in policies if direction in p["spec"]["policyTypes"] and selects(p["spec"]["podSelector"], pod.labels)]
    if not mine:
        return True
    key = {"Ingress": "from", "Egress": "to"}[direction]
    for policy in mine:
        for rule in policy["spec"].get(direction.lower()) or []:
            ports = rule.get("ports")
            fits_port = not ports or any(p["port"] == port and p.get("protocol", "TCP") == protocol for p in ports)
            if fits_port and (not rule.get(key) or any(is_peer(peers, peer, pod.namespace) for peers in rule[key])):
                return True
    return False
