"""What deploy/ promises of the pods, as functions over the rendered documents. Each yields descriptions of what is wrong."""
import re

from reach import Peer, allowed
from render import every_container, pod_template

PROGRAMS = {"/usr/bin/sallyportd": "sallyportd", "/usr/bin/sallyport-sync": "sallyport-sync", "/usr/bin/sallyport": "sallyport"}
USERS = {"sallyportd": 10402, "sallyport-sync": 10401, "sallyport": 10401}
NAMESPACE = "sallyport"


class Rendered:
    """`workloads` have a store, `clients` run the command line."""

    def __init__(self, mode, documents):
        self.mode = mode
        self.documents = documents
        self.workloads = [d for d in documents if d["kind"] in ("StatefulSet", "Deployment")]
        self.clients = [d for d in documents if d["kind"] in ("CronJob", "Pod")]

    def of_kind(self, kind):
        return [d for d in self.documents if d["kind"] == kind]

    def pods(self, clients=False):
        for workload in self.workloads + (self.clients if clients else []):
            yield workload["metadata"]["name"], pod_template(workload)

    def containers(self, init=True, clients=False):
        for name, template in self.pods(clients):
            for container in every_container(template["spec"]) if init else template["spec"]["containers"]:
                if container["command"][0] in PROGRAMS:
                    yield f"{name}/{container['name']}", container

    def selected(self, labels):
        return [t for _, t in self.pods() if labels.items() <= t["metadata"]["labels"].items()]

    def fixed_users(self):
        return any("fsGroup" in t["spec"]["securityContext"] for _, t in self.pods())


def program(container):
    return PROGRAMS[container["command"][0]]


def option(container, name):
    """The values that an option is given in `args`."""
    return [arg.split("=", 1)[1] for arg in container["args"] if arg.startswith(f"--{name}=")]


def flag(container, name):
    return f"--{name}" in container["args"]


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def on_loopback(address):
    return address.startswith("127.")


# ---- pods ----

def pods_share_their_process_namespace(it):
    for name, template in it.pods():
        if template["spec"].get("shareProcessNamespace") is not True:
            yield f"{name}: LMDB cannot tell which readers live"


def pods_have_no_token(it):
    for name, template in it.pods(clients=True):
        if template["spec"].get("automountServiceAccountToken") is not False:
            yield f"{name}: a token is mounted"
        if template["spec"].get("serviceAccountName") in (None, "default"):
            yield f"{name}: no service account of its own"
    for account in it.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield "the service account mounts its token"


def pods_have_seccomp_and_a_group(it):
    for name, template in it.pods(clients=True):
        context = template["spec"].get("securityContext", {})
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name}: no seccomp profile"
        if context.get("runAsNonRoot") is not True:
            yield f"{name}: may run as root"
        if not it.fixed_users():
            if {"fsGroup", "runAsGroup", "runAsUser", "fsGroupChangePolicy"} & set(context):
                yield f"{name}: fixes what the platform chooses"
            continue
        if context.get("fsGroup") != context.get("runAsGroup") or not context.get("fsGroup"):
            yield f"{name}: its containers do not share the volume's group"
        if context.get("fsGroupChangePolicy") != "OnRootMismatch":
            yield f"{name}: each mount gives the group every file"


def pods_see_nothing_of_the_node(it):
    for name, template in it.pods():
        spec = template["spec"]
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                yield f"{name}: {field}"
        for volume in spec["volumes"]:
            if not set(volume) - {"name"} <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}:
                yield f"{name}: volume {volume['name']} is none of those that are wanted"


def seconds(container, name):
    return int((option(container, name) or ["0"])[0]) / 1000


def pods_have_time_to_drain(it):
    for name, template in it.pods():
        ends_s = {}
        for container in template["spec"]["containers"]:
            if container["command"][0] not in PROGRAMS:
                continue
            quiet_s, drain_s = seconds(container, "quiet-ms"), seconds(container, "drain-ms")
            ends_s[container["name"]] = quiet_s + drain_s
            if quiet_s < 5:
                yield f"{name}/{container['name']}: ends while it is still sent calls"
            # What docs/operations.md gives it for what may hang.
            if template["spec"]["terminationGracePeriodSeconds"] < quiet_s + drain_s + 8:
                yield f"{name}/{container['name']}: is killed before it has drained"
            if flag(container, "follow-only") and quiet_s < ends_s["sallyportd"]:
                yield f"{name}/{container['name']}: ends while the server still answers"
            # Ages vary by a tenth, and a fifth of the drain, at most 5 s, is kept for the last calls.
            age_s = int((option(container, "max-connection-age") or ["0"])[0])
            if program(container) == "sallyportd" and not 0 < age_s * 1.1 < drain_s - min(drain_s / 5, 5):
                yield f"{name}/{container['name']}: connections do not leave while it drains"


# ---- containers ----

def containers_give_nothing_away(it):
    for name, container in it.containers(clients=True):
        context = container.get("securityContext", {})
        wanted = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "privileged": False, "runAsNonRoot": True}
        for field, value in wanted.items():
            if context.get(field) is not value:
                yield f"{name}: {field} is {context.get(field)}"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: capabilities {context.get('capabilities')}"
        if "seccompProfile" in context or "runAsGroup" in context:
            yield f"{name}: overrides what the pod says"


def the_two_programs_are_two_users(it):
    for name, container in it.containers(clients=True):
        user = container.get("securityContext", {}).get("runAsUser")
        if user != (USERS[program(container)] if it.fixed_users() else None):
            yield f"{name}: user {user}"


def the_store_is_below_a_folder_that_only_the_writer_may_write(it):
    """The volume's root is the group's, and the reader is in the group: only `folder` sees it."""
    for name, template in it.pods():
        first, second = every_container(template["spec"])[:2]
        root = next((m for m in first["volumeMounts"] if m["name"] == "store"), {})
        if "subPath" in root or first["args"] != ["prepare", f"--store={root.get('mountPath')}/writer"]:
            yield f"{name}: nothing makes the writer's folder first"
        if second["args"] != ["prepare", "--store=/var/lib/sallyport/store"]:
            yield f"{name}: nothing takes back what a mount gives the group"
        for container in every_container(template["spec"])[1:]:
            for mount in container["volumeMounts"]:
                if mount["name"] == "store" and mount.get("subPath") != "writer":
                    yield f"{name}/{container['name']}: sees the root of the volume"


def containers_have_requests_and_memory_limits(it):
    for name, container in it.containers(clients=True):
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})):
            yield f"{name}: requests {resources.get('requests')}"
        if "memory" not in resources.get("limits", {}):
            yield f"{name}: no memory limit"
        if "cpu" in resources.get("limits", {}):
            yield f"{name}: is throttled"


def images_have_a_version_or_digest(it):
    for name, container in it.containers(clients=True):
        if not re.fullmatch(r"[a-z0-9./-]+(:[0-9]+\.[0-9]+\.[0-9]+|(:[0-9.]+)?@sha256:[0-9a-f]{64})", container["image"]):
            yield f"{name}: image {container['image']}"


def probes_ask_the_health_port(it):
    for name, container in it.containers(init=False):
        port = port_of(option(container, "health-listen")[0])
        for probe, service in (("startupProbe", "liveness"), ("livenessProbe", "liveness"), ("readinessProbe", None)):
            asked = container.get(probe, {}).get("grpc", {})
            if asked.get("port") != port or (asked.get("service") or None) != service:
                yield f"{name}: {probe} asks {asked}"


def listeners_are_declared_ports(it):
    for name, container in it.containers(init=False):
        listens = [a for kind in ("listen", "http-listen", "metrics-listen", "health-listen") for a in option(container, kind)]
        wanted = sorted(port_of(address) for address in listens if address != "none" and not on_loopback(address))
        declared = sorted(port["containerPort"] for port in container["ports"])
        if wanted != declared:
            yield f"{name}: listens on {wanted}, declares {declared}"


def listeners_outside_of_the_pod_are_mutual_tls(it):
    for name, container in it.containers(init=False):
        listens = option(container, "listen") + option(container, "http-listen") + option(container, "metrics-listen")
        outside = [address for address in listens if address != "none" and not on_loopback(address)]
        if flag(container, "insecure"):
            yield f"{name}: would listen in plaintext too"
        for needed in ("tls-cert", "tls-key", "tls-client-ca") if outside else ():
            if not option(container, needed):
                yield f"{name}: listens on {outside} without --{needed}"
        report_to = option(container, "report-to")
        if report_to and not option(container, "report-tls-ca"):
            yield f"{name}: reports in plaintext"
        if program(container) == "sallyportd" and not report_to:
            yield f"{name}: does not report, so no key is ever known to be unused"
        if not option(container, "callers"):
            yield f"{name}: does not say who may ask what"


def files_that_options_name_are_mounted(it):
    for name, template in it.pods():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        volumes.update({claim["metadata"]["name"]: claim for workload in it.workloads
                        for claim in workload["spec"].get("volumeClaimTemplates", [])})
        for container in every_container(template["spec"]):
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            paths = [arg.split("=", 1)[1] for arg in container.get("args", []) if re.match(r"--[a-z-]+=/", arg)]
            for path in paths:
                under = [m for m in mounts if path.startswith(m + "/")]
                if not under or mounts[under[0]]["name"] not in volumes:
                    yield f"{name}/{container['name']}: nothing is mounted for {path}"
            for mount in mounts.values():
                if {"secret", "configMap"} & set(volumes.get(mount["name"], {})) and not mount.get("readOnly"):
                    yield f"{name}/{container['name']}: {mount['name']} is not read-only"
                if mount["name"] == "store" and mount.get("readOnly"):
                    yield f"{name}/{container['name']}: readers cannot register on a read-only mount"
    for name, template in it.pods(clients=True):
        for volume in template["spec"]["volumes"]:
            if "secret" in volume and volume["secret"].get("defaultMode") != 0o440:
                yield f"{name}: {volume['name']} can be read by others"


def security_events_go_to_stdout(it):
    for name, container in it.containers(init=False):
        if option(container, "event-log") != ["-"]:
            yield f"{name}: keeps no security events"


def revocation_list(container):
    """Where the program looks for it, by option or environment."""
    variable = {"sallyportd": "SALLYPORTD_TLS_CLIENT_CRL", "sallyport-sync": "SALLYPORT_SYNC_TLS_CLIENT_CRL"}[program(container)]
    by_variable = [entry.get("value") for entry in container.get("env", []) if entry["name"] == variable]
    return (option(container, "tls-client-crl") + by_variable + [None])[0]


def revoked_clients_are_refused_by_all_or_none(it):
    lists = {name: revocation_list(container) for name, container in it.containers(init=False)}
    if any(lists.values()) and not all(lists.values()):
        yield f"{sorted(name for name, path in lists.items() if not path)}: take revoked certificates"
    for name, template in it.pods():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for container in template["spec"]["containers"]:
            path = revocation_list(container) if container["command"][0] in PROGRAMS else None
            mounts = [m for m in container["volumeMounts"] if path and path.startswith(m["mountPath"] + "/")]
            # A mount of a single file (subPath) would never show a new list.
            if path and not any("configMap" in volumes[m["name"]] and m.get("readOnly") and "subPath" not in m for m in mounts):
                yield f"{name}/{container['name']}: {path} is not a ConfigMap's"


# ---- around the pods ----

def services_reach_named_ports_of_pods(it):
    for service in it.of_kind("Service"):
        pods = it.selected(service["spec"]["selector"])
        names = {port["name"] for pod in pods for c in pod["spec"]["containers"] for port in c["ports"]}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in names:
                yield f"service {service['metadata']['name']}: no pod has a port {port['targetPort']}"


def servers_and_admin_have_secrets_of_their_own(it):
    """What the servers hold lets nobody pass as the admin API, or write to etcd."""
    held = {"server": set(), "admin": set()}
    for _, template in it.pods():
        secrets = {v["name"]: v["secret"]["secretName"] for v in template["spec"]["volumes"] if "secret" in v}
        for container in template["spec"]["containers"]:
            if container["command"][0] not in PROGRAMS:
                continue
            admin = program(container) == "sallyport-sync" and not flag(container, "follow-only")
            held["admin" if admin else "server"] |= {secrets[m["name"]] for m in container["volumeMounts"] if m["name"] in secrets}
    if held["server"] & held["admin"] or not held["server"] or not held["admin"]:
        yield f"both hold {held['server'] & held['admin']} of {held}"


def what_etcd_says_is_signed(it):
    """Everybody has the public keys, the private one only the pod that makes changes."""
    if it.mode != "scaled":
        return
    for name, template in it.pods():
        sync = next(c for c in template["spec"]["containers"] if c["name"] == "sallyport-sync")
        if not option(sync, "source-verify-keys"):
            yield f"{name}: believes whoever may write to etcd"
        if bool(option(sync, "source-signing-key")) == flag(sync, "follow-only"):
            yield f"{name}: has the signing key, or cannot sign"
        for container in template["spec"]["containers"]:
            mounts = {m["mountPath"] for m in container["volumeMounts"]}
            if ("/etc/sallyport/signing" in mounts) != bool(option(container, "source-signing-key")):
                yield f"{name}/{container['name']}: sees the signing key"


def network_policies_name_who_connects(it):
    """Each rule names pods by labels, in namespaces by name, or addresses; and ports."""
    for policy in it.of_kind("NetworkPolicy"):
        for direction, key in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                if not rule.get(key) or not rule.get("ports"):
                    yield f"{policy['metadata']['name']}: {direction} of anybody, or to any port"
                for peer in rule.get(key, []):
                    named = peer.get("namespaceSelector", {}).get("matchExpressions", [{}])[0].get("key")
                    if "ipBlock" in peer:
                        continue
                    if not peer.get("podSelector", {}).get("matchLabels"):
                        yield f"{policy['metadata']['name']}: {direction} of any pod"
                    if "namespaceSelector" in peer and named != "kubernetes.io/metadata.name":
                        yield f"{policy['metadata']['name']}: {direction} of any namespace"


def what_policies_let_through(rendered):
    """What may connect to what: (direction, pod, peer, port, protocol), true or not."""
    full = "sallyport"
    pods = {}
    for name, template in rendered.pods():
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        pods[component] = Peer(NAMESPACE, template["metadata"]["labels"])
    client, admin_client = {"sallyport/client": full}, {"sallyport/admin-client": full}
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    internet, node_of_nobody = Peer(address="203.0.113.9"), Peer("default", {"app": "x"})
    decisions = pods.get("single") or pods["server"]
    admin = pods.get("single") or pods["admin"]
    policies = rendered.of_kind("NetworkPolicy")
    monitoring = next(peer["namespaceSelector"]["matchExpressions"][0]["values"][0] for p in policies
                      if p["metadata"]["name"].endswith("sallyport-metrics") for peer in p["spec"]["ingress"][0]["from"])
    every_port = range(7400, 7408)
    metrics = {"server": {7406, 7407}, "single": {7406, 7407}, "admin": {7407}}
    for component, pod in pods.items():
        ingress = [(Peer(NAMESPACE, client), {7400, 7402} if pod is decisions else set()),
                   (Peer(NAMESPACE, admin_client), {7401} if pod is admin else set()),
                   (Peer(NAMESPACE, {"sallyport/client": "other"}), set()),
                   (Peer("default", {**client, **admin_client}), set()),
                   (Peer(monitoring, prometheus), metrics[component]),
                   (Peer(monitoring, {"app": "grafana"}), set()), (Peer("default", prometheus), set()),
                   (internet, set()), (node_of_nobody, set())]
        if component in ("server", "admin"):
            ingress.append((pods["server"], {7401} if component == "admin" else set()))
            ingress.append((pods["admin"], set()))
        for peer, ports in ingress:
            for port in every_port:
                yield ("Ingress", pod, peer, port, "TCP"), port in ports
    for pod in pods.values():
        to_etcd = [(policy, peer) for policy in policies if policy["metadata"]["name"].endswith("-etcd")
                   for peer in policy["spec"]["egress"][0]["to"]]
        etcd = [Peer(address=peer["ipBlock"]["cidr"].split("/")[0]) if "ipBlock" in peer else
                Peer(peer["namespaceSelector"]["matchExpressions"][0]["values"][0], peer["podSelector"]["matchLabels"])
                for _, peer in to_etcd]
        if rendered.mode == "scaled" and not etcd:
            yield ("Egress", pod, internet, 2379, "TCP"), None
        for peer in etcd:
            yield ("Egress", pod, peer, 2379, "TCP"), True
            yield ("Egress", pod, peer, 22, "TCP"), False
        dns = Peer("kube-system", {"k8s-app": "kube-dns"})
        for protocol in ("UDP", "TCP"):
            yield ("Egress", pod, dns, 53, protocol), rendered.mode == "scaled"
        yield ("Egress", pod, Peer("kube-system", {"app": "x"}), 53, "UDP"), False
        yield ("Egress", pod, Peer("etcd", {"app": "x"}), 2379, "TCP"), False
        for port in (443, 2379, 7401):
            yield ("Egress", pod, internet, port, "TCP"), False
        yield ("Egress", pod, admin, 7401, "TCP"), rendered.mode == "scaled" and pod is decisions


def network_policies_let_through_what_is_needed_and_no_more(it):
    policies = it.of_kind("NetworkPolicy")
    for name, template in it.pods(clients=True):
        labels = template["metadata"]["labels"].items()
        if not any(p["spec"]["podSelector"]["matchLabels"].items() <= labels and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}
                   and not p["spec"].get("ingress") and not p["spec"].get("egress") for p in policies):
            yield f"{name}: no policy denies by default"
    for question, expected in what_policies_let_through(it):
        if allowed(policies, *question) is not expected:
            yield f"{question} is {not expected}"


def clients_of_the_release_may_connect(it):
    policies = it.of_kind("NetworkPolicy")
    targets = {t["metadata"]["labels"]["app.kubernetes.io/component"]: Peer(NAMESPACE, t["metadata"]["labels"]) for _, t in it.pods()}
    decisions, admin = targets.get("single") or targets["server"], targets.get("single") or targets["admin"]
    for name, template in it.pods(clients=True):
        pod = Peer(NAMESPACE, template["metadata"]["labels"])
        if pod.labels.get("app.kubernetes.io/component") != "client":
            continue
        for target, port in ((decisions, 7400), (admin, 7401)):
            if not allowed(policies, "Egress", pod, target, port) or not allowed(policies, "Ingress", target, pod, port):
                yield f"{name} cannot reach {port}"


def certificate_of(container, template):
    """server or admin: whose Secret the container's TLS files are."""
    volume = next(m["name"] for m in container["volumeMounts"] if m["mountPath"] == "/etc/sallyport/tls")
    secret = next(v["secret"]["secretName"] for v in template["spec"]["volumes"] if v["name"] == volume)
    return "admin" if "admin" in secret else "server"


def scraped_ports(rendered):
    """(job, server name, pod, container, port) of each port that a ServiceMonitor reads."""
    for monitor in rendered.of_kind("ServiceMonitor"):
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        for endpoint in monitor["spec"]["endpoints"]:
            for service in rendered.of_kind("Service"):
                if not labels <= service["metadata"].get("labels", {}).items():
                    continue
                port = next((p for p in service["spec"]["ports"] if p["name"] == endpoint["port"]), None)
                for template in rendered.selected(service["spec"]["selector"]) if port else ():
                    for container in template["spec"]["containers"]:
                        for declared in container["ports"]:
                            if declared["name"] == port["targetPort"]:
                                job = service["metadata"]["labels"][monitor["spec"]["jobLabel"]]
                                yield job, endpoint, template, container, declared["containerPort"]


def metrics_are_scraped_under_the_programs_names(it):
    seen = set()
    for job, endpoint, template, container, port in scraped_ports(it):
        name = container["name"]
        seen.add((template["metadata"]["labels"]["app.kubernetes.io/component"], name))
        if job != program(container):
            yield f"{name} is scraped as {job}"
        if port not in map(port_of, option(container, "metrics-listen")):
            yield f"{name} has no metrics on {port}"
        tls = endpoint["tlsConfig"]
        if endpoint["scheme"] != "https" or {"ca", "cert", "keySecret", "serverName"} != set(tls):
            yield f"{name} is scraped without mutual TLS"
        elif tls["serverName"].endswith("-admin") != (certificate_of(container, template) == "admin"):
            yield f"{name} does not have the name {tls['serverName']}"
    wanted = {(t["metadata"]["labels"]["app.kubernetes.io/component"], c["name"]) for _, t in it.pods()
              for c in t["spec"]["containers"] if c["command"][0] in PROGRAMS}
    if it.of_kind("ServiceMonitor") and seen != wanted:
        yield f"scraped are {seen} of {wanted}"


def the_namespace_is_restricted(it):
    for namespace in it.of_kind("Namespace"):
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "pods of any kind are let in"


# ---- only one mode ----

def single_is_one_pod_with_a_volume(it):
    if it.mode != "single":
        return
    workload = it.workloads[0]
    if len(it.workloads) != 1 or workload["kind"] != "StatefulSet" or workload["spec"]["replicas"] != 1:
        yield "not one StatefulSet with one replica"
        return
    if [c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", [])] != ["store"]:
        yield "the store is on no volume of its own"
    if {program(c) for _, c in it.containers(init=False)} != {"sallyportd", "sallyport-sync"}:
        yield "not both programs"
    init = pod_template(workload)["spec"].get("initContainers", [])
    if len(init) != 3 or init[2]["args"][0] != "init" or not flag(init[2], "if-missing"):
        yield "nothing makes the store once"
    elif not option(init[2], "key-file") or option(init[2], "key-file")[0].startswith(option(init[2], "store")[0]):
        yield "the operator's key goes to the log, or into the store"


def scaled_has_servers_with_followers(it):
    if it.mode != "scaled":
        return
    for workload in it.workloads:
        name = workload["metadata"]["name"]
        containers = {c["name"]: c for c in pod_template(workload)["spec"]["containers"]}
        volumes = {v["name"]: v for v in pod_template(workload)["spec"]["volumes"]}
        follower = containers["sallyport-sync"]
        source = option(follower, "source") or [e for e in follower.get("env", []) if e["name"] == "SALLYPORT_SYNC_SOURCE"]
        if workload["kind"] != "Deployment" or not source or not option(follower, "etcd-ca"):
            yield f"{name}: does not follow etcd by TLS"
        if "sallyportd" in containers:
            if not int((option(containers["sallyportd"], "max-staleness") or ["0"])[0]) > 0:
                yield f"{name}: accepts revoked keys for ever when cut off from etcd"
            if not flag(follower, "follow-only") or "reader" not in volumes["etcd"]["secret"]["secretName"]:
                yield f"{name}: its follower may write"
            if any(not on_loopback(address) for address in option(follower, "listen")):
                yield f"{name}: its follower can be called"
            if not volumes["store"].get("emptyDir", {}).get("sizeLimit"):
                yield f"{name}: its copy may fill the node"
            if "replicas" in workload["spec"]:
                yield f"{name}: each apply undoes what the autoscaler did"
            if workload["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
                yield f"{name}: an update takes servers away before others are ready"
        else:
            if flag(follower, "follow-only") or "writer" not in volumes["etcd"]["secret"]["secretName"]:
                yield f"{name}: the admin API cannot write"
            if workload["spec"]["replicas"] != 1 or workload["spec"]["strategy"] != {"type": "Recreate"}:
                yield f"{name}: two could keep half the record of last use each"
            if "persistentVolumeClaim" not in volumes["store"]:
                yield f"{name}: the record of last use is lost with the pod"
    if len(it.workloads) != 2:
        yield "not servers and an admin"


def scaled_spreads_scales_and_is_not_evicted_at_once(it):
    if it.mode != "scaled":
        return
    servers = next((w for w in it.workloads if any(c["name"] == "sallyportd" for c in pod_template(w)["spec"]["containers"])), None)
    labels = pod_template(servers)["metadata"]["labels"].items()
    spread = {c["topologyKey"] for c in pod_template(servers)["spec"].get("topologySpreadConstraints", [])
              if c["labelSelector"]["matchLabels"].items() <= labels}
    if spread != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
        yield f"spread over {spread}"
    budgets = [b for b in it.of_kind("PodDisruptionBudget") if b["spec"]["selector"]["matchLabels"].items() <= labels]
    if len(budgets) != 1 or not budgets[0]["spec"].get("maxUnavailable"):
        yield "no disruption budget for the servers"
    scalers = it.of_kind("HorizontalPodAutoscaler")
    if len(scalers) != 1 or scalers[0]["spec"]["scaleTargetRef"]["name"] != servers["metadata"]["name"]:
        yield "no autoscaler for the servers"
    elif scalers[0]["spec"]["minReplicas"] < 2:
        yield "one server may be all there is"


PROPERTIES = [value for name, value in sorted(globals().items())
              if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == ("it",)]
