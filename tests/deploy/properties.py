"""What deploy/ promises of the pods, as functions over the rendered documents. Each yields descriptions of what is wrong."""
import re

from render import every_container, pod_template

PROGRAMS = {"/usr/bin/sallyportd": "sallyportd", "/usr/bin/sallyport-sync": "sallyport-sync"}


class Rendered:
    def __init__(self, mode, documents):
        self.mode = mode
        self.documents = documents
        self.workloads = [d for d in documents if pod_template(d)]

    def of_kind(self, kind):
        return [d for d in self.documents if d["kind"] == kind]

    def pods(self):
        for workload in self.workloads:
            yield workload["metadata"]["name"], pod_template(workload)

    def containers(self, init=True):
        for name, template in self.pods():
            for container in every_container(template["spec"]) if init else template["spec"]["containers"]:
                yield f"{name}/{container['name']}", container

    def selected(self, labels):
        return [t for _, t in self.pods() if labels.items() <= t["metadata"]["labels"].items()]


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
    for name, template in it.pods():
        if template["spec"].get("automountServiceAccountToken") is not False:
            yield f"{name}: a token is mounted"
        if template["spec"].get("serviceAccountName") in (None, "default"):
            yield f"{name}: no service account of its own"
    for account in it.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield "the service account mounts its token"


def pods_have_seccomp_and_a_group(it):
    for name, template in it.pods():
        context = template["spec"].get("securityContext", {})
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name}: no seccomp profile"
        if context.get("runAsNonRoot") is not True:
            yield f"{name}: may run as root"
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


def pods_have_time_to_drain(it):
    for name, template in it.pods():
        for container in template["spec"]["containers"]:
            stop = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
            if len(stop) != 2 or stop[0] != "sleep" or int(stop[1]) < 5:
                yield f"{name}/{container['name']}: ends while it is still sent calls"
                continue
            drain_s = int(option(container, "drain-ms")[0]) / 1000
            if template["spec"]["terminationGracePeriodSeconds"] < int(stop[1]) + drain_s + 5:
                yield f"{name}/{container['name']}: is killed before it has drained"
            # Ages vary by a tenth, and a fifth of the drain, at most 5 s, is kept for the last calls.
            age_s = int((option(container, "max-connection-age") or ["0"])[0])
            if program(container) == "sallyportd" and not 0 < age_s * 1.1 < drain_s - min(drain_s / 5, 5):
                yield f"{name}/{container['name']}: connections do not leave while it drains"


# ---- containers ----

def containers_give_nothing_away(it):
    for name, container in it.containers():
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
    users = {}
    for _, container in it.containers():
        users.setdefault(program(container), set()).add(container.get("securityContext", {}).get("runAsUser", 0))
    if users != {"sallyportd": {10402}, "sallyport-sync": {10401}}:
        yield f"users {users}"


def containers_have_requests_and_memory_limits(it):
    for name, container in it.containers():
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})):
            yield f"{name}: requests {resources.get('requests')}"
        if "memory" not in resources.get("limits", {}):
            yield f"{name}: no memory limit"
        if "cpu" in resources.get("limits", {}):
            yield f"{name}: is throttled"


def images_have_a_version(it):
    for name, container in it.containers():
        if not re.fullmatch(r"[a-z0-9./-]+:[0-9]+\.[0-9]+\.[0-9]+", container["image"]):
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
        listens = option(container, "listen") + option(container, "http-listen") + option(container, "health-listen")
        wanted = sorted(port_of(address) for address in listens if not on_loopback(address))
        declared = sorted(port["containerPort"] for port in container["ports"])
        if wanted != declared:
            yield f"{name}: listens on {wanted}, declares {declared}"


def listeners_outside_of_the_pod_are_mutual_tls(it):
    for name, container in it.containers(init=False):
        listens = option(container, "listen") + option(container, "http-listen")
        outside = [address for address in listens if not on_loopback(address)]
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
        if not option(container, "callers") and not flag(container, "follow-only"):
            yield f"{name}: does not say who may ask what"


def files_that_options_name_are_mounted(it):
    for name, template in it.pods():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        volumes.update({claim["metadata"]["name"]: claim for workload in it.workloads
                        for claim in workload["spec"].get("volumeClaimTemplates", [])})
        for container in every_container(template["spec"]):
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            paths = [arg.split("=", 1)[1] for arg in container["args"] if re.match(r"--[a-z-]+=/", arg)]
            for path in paths:
                under = [m for m in mounts if path.startswith(m + "/")]
                if not under or mounts[under[0]]["name"] not in volumes:
                    yield f"{name}/{container['name']}: nothing is mounted for {path}"
            for mount in mounts.values():
                if {"secret", "configMap"} & set(volumes.get(mount["name"], {})) and not mount.get("readOnly"):
                    yield f"{name}/{container['name']}: {mount['name']} is not read-only"
                if mount["name"] == "store" and mount.get("readOnly"):
                    yield f"{name}/{container['name']}: readers cannot register on a read-only mount"
        for volume in template["spec"]["volumes"]:
            if "secret" in volume and volume["secret"].get("defaultMode") != 0o440:
                yield f"{name}: {volume['name']} can be read by others"


# ---- around the pods ----

def services_reach_named_ports_of_pods(it):
    for service in it.of_kind("Service"):
        pods = it.selected(service["spec"]["selector"])
        names = {port["name"] for pod in pods for c in pod["spec"]["containers"] for port in c["ports"]}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in names:
                yield f"service {service['metadata']['name']}: no pod has a port {port['targetPort']}"


def network_policies_begin_with_nothing(it):
    policies = it.of_kind("NetworkPolicy")
    for name, template in it.pods():
        labels = template["metadata"]["labels"].items()
        of_pod = [p for p in policies if p["spec"]["podSelector"].get("matchLabels", {}).items() <= labels]
        closed = {kind for policy in of_pod for kind in policy["spec"]["policyTypes"]}
        if closed != {"Ingress", "Egress"}:
            yield f"{name}: policies for {closed or 'nothing'}"
        for policy in of_pod:
            for rule in policy["spec"].get("ingress", []):
                if not rule.get("from") or not rule.get("ports"):
                    yield f"{policy['metadata']['name']}: lets anybody in, or to any port"
            for rule in policy["spec"].get("egress", []):
                if not rule.get("ports"):
                    yield f"{policy['metadata']['name']}: lets out to any port"
    opened = {port["port"] for p in policies for rule in p["spec"].get("ingress", [])
              for port in rule.get("ports", [])}
    if not {"grpc", 7400} & opened or not {"sync-grpc", 7401} & opened:
        yield f"nobody reaches the services: {opened}"


def metrics_are_scraped(it):
    monitors = it.of_kind("ServiceMonitor")
    if len(monitors) != 1:
        yield f"{len(monitors)} service monitors"
    for monitor in monitors:
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        ports = {port["name"] for service in it.of_kind("Service") if labels <= service["metadata"].get("labels", {}).items()
                 for port in service["spec"]["ports"]}
        asked = {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]
                 if endpoint["scheme"] == "https" and {"ca", "cert", "keySecret", "serverName"} == set(endpoint["tlsConfig"])}
        if asked != {"http", "sync-http"} or not asked <= ports:
            yield f"asks {asked} of {ports}"


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
    if len(init) != 1 or init[0]["args"][0] != "init" or not flag(init[0], "if-missing"):
        yield "nothing makes the store once"
    elif not option(init[0], "key-file") or option(init[0], "key-file")[0].startswith(option(init[0], "store")[0]):
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
