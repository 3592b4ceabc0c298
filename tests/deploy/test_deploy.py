"""Usage: test_deploy.py BUILD_DIR. Tests of the overlays, the chart, the image and the units, without a cluster."""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

import generated
import render
from properties import PROPERTIES, Rendered, flag, option, program
from reach import Peer, allowed
from render import TOP, every_container, pod_template

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(TOP, "build/debug")
RENDERED = list(render.rendered())


def server_of(documents):
    """The pod template that has the decision server, and that container."""
    for document in documents:
        template = pod_template(document)
        for container in template["spec"]["containers"] if template else []:
            if container["name"] == "sallyportd":
                return template["spec"], container
    raise AssertionError("no server")


def take(mapping, *path):
    for key in path[:-1]:
        mapping = mapping[key]
    del mapping[path[-1]]


def put(mapping, value, *path):
    for key in path[:-1]:
        mapping = mapping[key]
    mapping[path[-1]] = value


def of_kind(documents, kind):
    return next(d for d in documents if d["kind"] == kind)


def policy(documents, suffix):
    return next(d["spec"] for d in documents if d["kind"] == "NetworkPolicy" and d["metadata"]["name"].endswith(f"sallyport-{suffix}"))


def is_server_monitor(documents):
    return not of_kind(documents, "ServiceMonitor")["spec"]["endpoints"][0]["tlsConfig"]["serverName"].endswith("-admin")


def give_servers_the_secret_of_admin(documents, server_pod):
    secrets = {v["name"]: v["secret"] for d in documents if pod_template(d) for v in pod_template(d)["spec"]["volumes"] if "secret" in v}
    volume = next(v for v in server_pod["volumes"] if v["name"] == "server-tls")
    put(volume, secrets["admin-tls"]["secretName"], "secret", "secretName")


def forget_revocations(server):
    server["args"] = [argument for argument in server["args"] if "crl" not in argument]
    server["env"] = [entry for entry in server["env"] if "CRL" not in entry["name"]]


def named(things, name):
    return next(thing for thing in things if thing["name"] == name)


def mount_of(container, name):
    return named(container["volumeMounts"], name)


def shorten_quiet_time(container):
    (index,) = [i for i, arg in enumerate(container["args"]) if arg.startswith("--quiet-ms=")]
    container["args"][index] = "--quiet-ms=4000" if container["args"][index] == "--quiet-ms=10000" else "--quiet-ms=39000"


def take_client_label(documents):
    client = next(d for d in documents if d["kind"] == "CronJob")
    take(pod_template(client), "metadata", "labels", "sallyport/admin-client")


def refusal_of_callers(path):
    """What the server has against a callers file, None for nothing: it then finds that it cannot listen, and ends."""
    done = subprocess.run([os.path.join(BUILD, "sallyportd"), "--store=none", f"--callers={path}", "--http-listen=none",
                           "--listen=unix:/nonexistent/socket"], capture_output=True, text=True, check=False, timeout=60)
    return None if "cannot listen on" in done.stderr else done.stderr or "it started"


# Ways to break the rendered documents, each with the property that must notice. (property, what happens to documents, pod, server)
SPOILT = [
    ("pods_share_their_process_namespace", lambda d, p, s: take(p, "shareProcessNamespace")),
    ("pods_have_no_token", lambda d, p, s: take(p, "automountServiceAccountToken")),
    ("pods_have_no_token", lambda d, p, s: put(of_kind(d, "ServiceAccount"), True, "automountServiceAccountToken")),
    ("pods_have_seccomp_and_a_group", lambda d, p, s: take(p, "securityContext", "seccompProfile")),
    ("pods_have_seccomp_and_a_group", lambda d, p, s: take(p, "securityContext", "runAsNonRoot")),
    ("pods_have_seccomp_and_a_group", lambda d, p, s: take(p, "securityContext", "fsGroupChangePolicy")),
    ("pods_have_seccomp_and_a_group", lambda d, p, s: put(p, 10399, "securityContext", "fsGroup")),
    ("pods_see_nothing_of_the_node", lambda d, p, s: put(p, True, "hostNetwork")),
    ("pods_see_nothing_of_the_node", lambda d, p, s: p["volumes"].append({"name": "n", "hostPath": {"path": "/"}})),
    ("pods_have_time_to_drain", lambda d, p, s: s["args"].remove("--quiet-ms=10000")),
    ("pods_have_time_to_drain", lambda d, p, s: shorten_quiet_time(p["containers"][1])),
    ("pods_have_time_to_drain", lambda d, p, s: put(p, 30, "terminationGracePeriodSeconds")),
    ("pods_have_time_to_drain", lambda d, p, s: s["args"].remove("--max-connection-age=20")),
    ("containers_give_nothing_away", lambda d, p, s: take(s, "securityContext", "readOnlyRootFilesystem")),
    ("containers_give_nothing_away", lambda d, p, s: take(s, "securityContext", "allowPrivilegeEscalation")),
    ("containers_give_nothing_away", lambda d, p, s: take(s, "securityContext", "capabilities")),
    ("containers_give_nothing_away", lambda d, p, s: put(s, ["NET_BIND_SERVICE"], "securityContext", "capabilities", "add")),
    ("containers_give_nothing_away", lambda d, p, s: put(s, True, "securityContext", "privileged")),
    ("the_two_programs_are_two_users", lambda d, p, s: put(s, 10401, "securityContext", "runAsUser")),
    ("containers_have_requests_and_memory_limits", lambda d, p, s: take(s, "resources", "requests", "cpu")),
    ("containers_have_requests_and_memory_limits", lambda d, p, s: take(s, "resources", "limits")),
    ("images_have_a_version_or_digest", lambda d, p, s: put(s, "sallyport:latest", "image")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "startupProbe")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "readinessProbe")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "livenessProbe", "grpc", "service")),
    ("probes_ask_the_health_port", lambda d, p, s: put(s, 7400, "readinessProbe", "grpc", "port")),
    ("listeners_are_declared_ports", lambda d, p, s: s["ports"].pop()),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].remove("--tls-client-ca=/etc/sallyport/tls/ca.crt")),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].remove("--report-tls-ca=/etc/sallyport/tls/ca.crt")),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].append("--insecure")),
    ("files_that_options_name_are_mounted", lambda d, p, s: s["volumeMounts"].remove(mount_of(s, "callers"))),
    ("files_that_options_name_are_mounted", lambda d, p, s: put(mount_of(s, "store"), True, "readOnly")),
    ("files_that_options_name_are_mounted", lambda d, p, s: take(mount_of(s, "server-tls"), "readOnly")),
    ("security_events_go_to_stdout", lambda d, p, s: s["args"].remove("--event-log=-")),
    ("security_events_go_to_stdout", lambda d, p, s: put(s["args"], "--event-log=/var/log/events", s["args"].index("--event-log=-"))),
    ("revoked_clients_are_refused_by_all_or_none", lambda d, p, s: forget_revocations(s)),
    ("revoked_clients_are_refused_by_all_or_none", lambda d, p, s: s["volumeMounts"].remove(mount_of(s, "crl"))),
    ("revoked_clients_are_refused_by_all_or_none", lambda d, p, s: put(mount_of(s, "crl"), "crl.pem", "subPath")),
    ("services_reach_named_ports_of_pods", lambda d, p, s: put(s["ports"][0], "other", "name")),
    ("servers_and_admin_have_secrets_of_their_own", lambda d, p, s: give_servers_the_secret_of_admin(d, p)),
    ("the_store_is_below_a_folder_that_only_the_writer_may_write", lambda d, p, s: take(mount_of(s, "store"), "subPath")),
    ("the_store_is_below_a_folder_that_only_the_writer_may_write", lambda d, p, s: p["initContainers"].pop(0)),
    ("the_store_is_below_a_folder_that_only_the_writer_may_write", lambda d, p, s: p["initContainers"].pop(1)),
    ("what_etcd_says_is_signed", lambda d, p, s: p["containers"][1]["args"].remove("--source-verify-keys=/etc/sallyport/verify/verify.pem")),
    ("what_etcd_says_is_signed", lambda d, p, s: p["containers"][1]["args"].append("--source-signing-key=/etc/sallyport/tls/tls.key")),
    ("network_policies_name_who_connects", lambda d, p, s: put(policy(d, "decisions")["ingress"][0]["from"][0], {}, "namespaceSelector")),
    ("network_policies_name_who_connects", lambda d, p, s: take(policy(d, "decisions")["ingress"][0]["from"][0], "podSelector")),
    ("network_policies_name_who_connects", lambda d, p, s: take(policy(d, "metrics")["ingress"][0], "ports")),
    ("network_policies_let_through_what_is_needed_and_no_more", lambda d, p, s: put(policy(d, "default-deny"), ["Ingress"], "policyTypes")),
    ("network_policies_let_through_what_is_needed_and_no_more", lambda d, p, s: put(policy(d, "default-deny"), [{}], "ingress")),
    ("network_policies_let_through_what_is_needed_and_no_more", lambda d, p, s: policy(d, "decisions")["ingress"][0]["ports"].append({"port": 7401})),
    ("network_policies_let_through_what_is_needed_and_no_more", lambda d, p, s: policy(d, "admin")["ingress"][0]["ports"].pop()),
    ("network_policies_let_through_what_is_needed_and_no_more", lambda d, p, s: policy(d, "metrics")["ingress"][0]["ports"].pop()),
    ("metrics_are_scraped_under_the_programs_names", lambda d, p, s: d.remove(of_kind(d, "ServiceMonitor"))),
    ("metrics_are_scraped_under_the_programs_names",
     lambda d, p, s: put(of_kind(d, "ServiceMonitor")["spec"]["endpoints"][0]["tlsConfig"], "other-admin.example.org-admin" if is_server_monitor(d) else "x", "serverName")),
    ("clients_of_the_release_may_connect", lambda d, p, s: take_client_label(d)),
    ("the_namespace_is_restricted", lambda d, p, s: take(of_kind(d, "Namespace"), "metadata", "labels")),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: p["initContainers"][2]["args"].remove("--if-missing")),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: p["initContainers"][2]["args"].remove("--key-file=/var/lib/sallyport/operator.key")),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: put(of_kind(d, "StatefulSet"), 2, "spec", "replicas")),
    ("scaled_has_servers_with_followers", lambda d, p, s: p["containers"][1]["args"].remove("--follow-only")),
    ("scaled_has_servers_with_followers", lambda d, p, s: s["args"].remove(next(a for a in s["args"] if "max-staleness" in a))),
    ("scaled_has_servers_with_followers", lambda d, p, s: take(named(p["volumes"], "store"), "emptyDir", "sizeLimit")),
    ("scaled_spreads_scales_and_is_not_evicted_at_once", lambda d, p, s: d.remove(of_kind(d, "PodDisruptionBudget"))),
    ("scaled_spreads_scales_and_is_not_evicted_at_once", lambda d, p, s: d.remove(of_kind(d, "HorizontalPodAutoscaler"))),
    ("scaled_spreads_scales_and_is_not_evicted_at_once", lambda d, p, s: p["topologySpreadConstraints"].pop()),
]


class Manifests(unittest.TestCase):
    def test_every_property_holds(self):
        for what, mode, documents in RENDERED:
            for holds in PROPERTIES:
                with self.subTest(what=what, property=holds.__name__):
                    self.assertEqual(list(holds(Rendered(mode, documents))), [])

    def test_every_property_notices_what_it_is_there_for(self):
        by_name = {holds.__name__: holds for holds in PROPERTIES}
        self.assertEqual({name for name, _ in SPOILT}, set(by_name))
        spoilt_somewhere = set()
        for what, mode, documents in RENDERED:
            for i, (name, spoil) in enumerate(SPOILT):
                other = {"single": "scaled", "scaled": "single"}[mode]
                if name.startswith(other) or not self.has_what_is_spoilt(documents, name):
                    continue
                with self.subTest(what=what, property=name, spoilt=i):
                    spoilt = copy.deepcopy(documents)
                    try:
                        spoil(spoilt, *server_of(spoilt))
                    except (KeyError, ValueError):
                        if what.startswith("helm/ci/"):
                            continue  # an example that does not have what would be taken away
                        raise
                    self.assertNotEqual(list(by_name[name](Rendered(mode, spoilt))), [])
                    spoilt_somewhere.add(name)
        self.assertEqual(spoilt_somewhere | {"clients_of_the_release_may_connect"}, set(by_name))

    def has_what_is_spoilt(self, documents, name):
        kinds = {document["kind"] for document in documents}
        needed = {"the_namespace_is_restricted": "Namespace", "clients_of_the_release_may_connect": "CronJob",
                  "metrics_are_scraped_under_the_programs_names": "ServiceMonitor"}
        if name == "what_etcd_says_is_signed":
            return "HorizontalPodAutoscaler" in kinds
        if name == "revoked_clients_are_refused_by_all_or_none":
            return any(mount["name"] == "crl" for mount in server_of(documents)[1]["volumeMounts"])
        return name not in needed or needed[name] in kinds

    def test_what_is_put_together_here_is_what_kustomize_renders(self):
        if not render.kustomize_command():
            self.skipTest("neither kubectl nor kustomize is here")
        for overlay in render.OVERLAYS:
            with tempfile.TemporaryDirectory() as folder:
                render.with_components(overlay, folder)
                self.assertEqual(render.comparable(render.by_hand(folder)), render.comparable(render.by_kustomize(folder)))

    def test_an_overlay_takes_an_image_by_digest(self):
        digest = "sha256:" + "0123456789abcdef" * 4
        image = {"name": "sallyport", "newName": "registry.example.org/sallyport", "digest": digest}
        build = render.by_kustomize if render.kustomize_command() else render.by_hand
        for overlay in render.OVERLAYS:
            with tempfile.TemporaryDirectory() as folder:
                # As in the overlays' own kustomization.yaml, whose `images` this one replaces.
                (settings,) = render.read(os.path.join(render.KUSTOMIZE, "overlays", overlay, "kustomization.yaml"))
                shutil.copytree(os.path.join(TOP, "deploy"), os.path.join(folder, "deploy"), symlinks=True)
                changed = os.path.join(folder, "deploy/kustomize/overlays", overlay)
                with open(os.path.join(changed, "kustomization.yaml"), "w", encoding="utf-8") as file:
                    json.dump({**settings, "images": [image]}, file)
                images = {container["image"] for _, container in Rendered(overlay, build(changed)).containers()}
                self.assertEqual(images, {f"registry.example.org/sallyport@{digest}"})

    def test_the_patches_that_the_docs_show_open_what_they_say(self):
        if not render.kustomize_command():
            self.skipTest("neither kubectl nor kustomize is here")
        with open(os.path.join(TOP, "docs/operations.md"), encoding="utf-8") as file:
            (shown,) = re.findall(r"```yaml\n(patches:\n.*?)```", file.read(), re.DOTALL)
        with tempfile.TemporaryDirectory() as folder:
            render.with_components("scaled", folder, **yaml.safe_load(shown))
            it = Rendered("scaled", render.by_kustomize(folder))
        policies = it.of_kind("NetworkPolicy")
        pods = {name: Peer("sallyport", template["metadata"]["labels"]) for name, template in it.pods()}
        client = {"sallyport/client": "sallyport"}
        for namespace, may in (("gateway", True), ("sallyport", True), ("default", False)):
            self.assertIs(allowed(policies, "Ingress", pods["sallyport"], Peer(namespace, client), 7400), may)
        for pod in pods.values():
            self.assertTrue(allowed(policies, "Egress", pod, Peer(address="192.0.2.10"), 2379))
            self.assertFalse(allowed(policies, "Egress", pod, Peer(address="192.0.2.11"), 2379))
            self.assertFalse(allowed(policies, "Egress", pod, Peer("etcd", {"app.kubernetes.io/name": "etcd"}), 2379))

    def test_generated_files_are_up_to_date(self):
        for path, content in generated.generated():
            with self.subTest(path=path), open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), content, "run `python3 tests/deploy/generated.py`")

    def test_the_programs_read_each_callers_file_and_schema_as_it_is_rendered(self):
        for what, mode, documents in RENDERED:
            data = {name: text for d in documents if d["kind"] == "ConfigMap" for name, text in d.get("data", {}).items()}
            with self.subTest(what=what), tempfile.TemporaryDirectory() as folder:
                for name in set(data) & {"server.yaml", "sync.yaml", "schema.yaml"}:
                    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                        file.write(data[name])
                if "schema.yaml" in data:
                    render.run(os.path.join(BUILD, "sallyport"), "schema", "check", os.path.join(folder, "schema.yaml"))
                for name in ("server.yaml", "sync.yaml"):
                    self.assertEqual(refusal_of_callers(os.path.join(folder, name)), None)

    def test_every_option_is_one_of_the_program(self):
        known = {}
        for name, command in (("sallyportd", []), ("sallyport-sync", ["serve"]), ("sallyport-sync", ["init"]),
                              ("sallyport-sync", ["prepare"])):
            text = render.run(os.path.join(BUILD, name), *command, "--help")
            known[(name, *command)] = dict(re.findall(r"^  --([a-z-]+)( [A-Z/]+)?", text, re.MULTILINE))
        for what, mode, documents in RENDERED:
            for name, container in Rendered(mode, documents).containers():
                command = [a for a in container["args"] if not a.startswith("--")]
                options = known[(program(container), *command)]
                for argument in container["args"][len(command):]:
                    with self.subTest(what=what, container=name, argument=argument):
                        option_name, equals, _ = argument[2:].partition("=")
                        self.assertIn(option_name, options)
                        self.assertEqual(equals != "", options[option_name] != "")

    def test_overlay_and_chart_run_the_same_programs(self):
        """Apart from the source, which kustomize gives in a variable."""
        by_what = {what: documents for what, _, documents in RENDERED}
        if "helm/single" not in by_what:
            self.skipTest("helm is not here")
        for mode in render.OVERLAYS:
            arguments = []
            for tool in ("kustomize", "helm"):
                pods = [pod_template(d)["spec"] for d in by_what[f"{tool}/{mode}"] if pod_template(d)]
                arguments.append(sorted((c["name"], sorted(a for a in c["args"] if not re.match("--(source|report-tls-name)=", a)))
                                        for pod in pods for c in every_container(pod)))
            self.assertEqual(*arguments)


class Chart(unittest.TestCase):
    def setUp(self):
        if not shutil.which("helm"):
            self.skipTest("helm is not here")

    def test_refuses_values_that_make_no_sense(self):
        for values in ("mode=both", "mode=scaled", "server.workers=0", "servers.workers=4", "image.pullPolicy=Sometimes",
                       "store.size=big", "server.extraArgs={workers=4}", "server.extraArgs={--insecure}", "etcd.source=http://etcd:2379",
                       "etcd.source=etcd://etcd/", "image.repository=sallyport:1.2.3", "image.repository=sallyport@sha256:0",
                       "image.digest=0f1e", "callers.server.tls=check", "callers.server[0].roles=check",
                       "callers.server[0].roles={everything}", "callers.server[0].roles={}", "callers.sync[0].caller=somebody",
                       "networkPolicy.etcd.cidrs={0.0.0.0/0}", "networkPolicy.etcd.cidrs={192.0.2.1}", "networkPolicy.clientCidrs={::/0}",
                       "networkPolicy.monitoring.namespace=", "tls.adminSecretName=", "backup.enabled=true", "test.enabled=true",
                       "certManager.enabled=true", "podDisruptionBudget.maxUnavailable=0", "podDisruptionBudget.maxUnavailable=100%"):
            with self.subTest(values=values), self.assertRaises(AssertionError) as caught:
                render.by_helm("--set", values)
            self.assertIn("values don't meet the specifications of the schema", str(caught.exception))

    def test_refuses_values_that_do_not_fit_together(self):
        scaled = render.HELM_ARGUMENTS["scaled"]
        for values, message, more in (
                ("server.drainSeconds=26", "server.drainSeconds is too short", []),
                ("server.connectionAgeSeconds=300", "server.drainSeconds is too short", []),
                ("autoscaling.minReplicas=101", "autoscaling.minReplicas is greater", scaled),
                ("tls.serverSecretName=sallyport-admin-tls", "are the same Secret", []),
                ("etcd.readerSecretName=sallyport-etcd-writer", "are the same Secret", scaled),
                ("server.extraArgs={--trusted-hops=1}", "server.extraArgs: --trusted-hops and --address-header need --trusted-peers", []),
                ("sync.extraArgs={--address-header=cf-connecting-ip}", "sync.extraArgs: --trusted-hops and", []),
                ("store.schema=version: 1", "only for mode single", scaled),
                ("callers.server[0].caller=tls,callers.server[0].roles={list},callers.server[1].caller=tls,callers.server[1].roles={check}",
                 "callers.server names tls twice", []),
                ("callers.sync[0].caller=dns:sallyport,callers.sync[0].roles={all}", "callers.sync names dns:sallyport twice", [])):
            with self.subTest(values=values), self.assertRaises(AssertionError) as caught:
                render.by_helm(*more, "--set", values)
            self.assertIn(message, str(caught.exception))
        render.by_helm("--set", "server.drainSeconds=27")

    def test_its_schema_knows_every_value_and_no_other(self):
        (values,) = render.read(os.path.join(render.CHART, "values.yaml"))
        with open(os.path.join(render.CHART, "values.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        self.same_names(schema, {"properties": {name: of for name, of in schema["properties"].items() if name != "global"}}, values, "")

    def same_names(self, schema, part, values, path):
        part = schema["definitions"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        if "properties" not in part or not isinstance(values, dict) or path.endswith("resources"):
            return
        self.assertEqual(set(part["properties"]), set(values), path)
        for name, value in values.items():
            self.same_names(schema, part["properties"][name], value, f"{path}.{name}")

    def test_passes_lint(self):
        render.run("helm", "lint", "--strict", render.CHART)
        for example in render.EXAMPLES:
            render.run("helm", "lint", "--strict", render.CHART, "--values", os.path.join(render.CHART, example))

    def test_takes_what_values_say(self):
        documents = render.by_helm(*render.HELM_ARGUMENTS["scaled"], "--set", "server.maxStalenessSeconds=60,server.drainSeconds=50",
                                   "--set", "server.extraArgs={--trusted-peers=uds,--trusted-hops=1}", "--set", "networkPolicy.enabled=false")
        pod, server = server_of(documents)
        self.assertEqual(option(server, "max-staleness"), ["60"])
        self.assertEqual(option(server, "drain-ms"), ["50000"])
        self.assertEqual(option(server, "trusted-hops"), ["1"])
        self.assertEqual(option(server, "quiet-ms"), ["10000"])
        self.assertEqual(pod["terminationGracePeriodSeconds"], 80)
        self.assertFalse(flag(server, "follow-only"))
        self.assertEqual([d for d in documents if d["kind"] == "NetworkPolicy"], [])

    def test_labels_and_annotations_of_values_are_everywhere_and_replace_none_of_the_charts(self):
        values = {"fullnameOverride": "authz", "commonLabels": {"team": "common", "app.kubernetes.io/name": "other", "owner": "common"}, "commonAnnotations": {"note": "common"},
                  "podLabels": {"team": "pod", "app.kubernetes.io/component": "other"}, "podAnnotations": {"note": "pod"},
                  "service": {"annotations": {"note": "service"}},
                  "serviceMonitor": {"enabled": True, "labels": {"team": "monitor", "app.kubernetes.io/instance": "other"}}}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(values, file)
            file.flush()
            # A release may be named by digits alone, which YAML reads as a number.
            documents = render.by_helm("--values", os.path.join(render.CHART, "ci/single-values.yaml"), "--values", file.name, release="2026")
        for document in documents:
            pod = pod_template(document)
            made = [pod] if pod else []
            made += [document["spec"]["jobTemplate"]] if document["kind"] == "CronJob" else []
            made += [{"metadata": document["spec"]["secretTemplate"]}] if document["kind"] == "Certificate" else []
            for metadata in [m["metadata"] for m in [document, *made]]:
                self.assertEqual(metadata["labels"]["app.kubernetes.io/name"], "sallyport")
                self.assertEqual(metadata["labels"]["app.kubernetes.io/instance"], "2026")
                self.assertEqual(metadata["labels"]["owner"], "common")
                self.assertIn(metadata["labels"]["team"], ("common", "pod", "monitor"))
                self.assertIn(metadata["annotations"]["note"], ("common", "pod", "service"))
            if pod:
                self.assertEqual((pod["metadata"]["labels"]["team"], pod["metadata"]["annotations"]["note"]), ("pod", "pod"))
                self.assertIn(pod["metadata"]["labels"]["app.kubernetes.io/component"], ("single", "client"))
        services = {d["metadata"]["name"]: d["metadata"]["annotations"]["note"] for d in documents if d["kind"] == "Service"}
        self.assertEqual((services["authz"], services["authz-admin"]), ("service", "common"))
        self.assertEqual({d["metadata"]["labels"]["team"] for d in documents if d["kind"] == "ServiceMonitor"}, {"monitor"})

    def callers_of(self, *arguments):
        (config,) = [d for d in render.by_helm(*arguments) if d["kind"] == "ConfigMap" and d["metadata"]["name"].endswith("-callers")]
        return {name.removesuffix(".yaml"): yaml.safe_load(text) for name, text in config["data"].items()}

    def test_callers_that_values_name_are_all_there_are(self):
        """As the comment of values.yaml advises, and by a file of values."""
        with open(os.path.join(render.CHART, "values.yaml"), encoding="utf-8") as file:
            (advised,) = re.findall(r"Better name each caller: `(.*)`", file.read())
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(f"callers: {{server: [{advised}]}}\n")
            file.flush()
            callers = self.callers_of("--values", file.name)
        scraper = {"dns:sallyport-metrics-client": "metrics"}
        self.assertEqual(callers, {"server": {"dns:gateway.example.org": "check", **scraper}, "sync": {"dns:sallyport": "report", **scraper}})
        self.assertEqual(self.callers_of()["server"], {"tls": "check", **scraper})
        self.assertEqual(self.callers_of("--set", "callers.server[0].caller=uid:7,callers.server[0].roles={list}")["server"],
                         {"uid:7": "list", **scraper})
        self.assertEqual(self.callers_of("--set-json", "callers.server=[]")["server"], scraper)

    def test_servers_of_any_release_may_report(self):
        for release, name in (("sallyport", "sallyport"), ("eu", "eu-sallyport"), ("sallyport-eu", "sallyport-eu")):
            documents = render.by_helm(release=release)
            _, server = server_of(documents)
            (config,) = [d for d in documents if d["kind"] == "ConfigMap"]
            self.assertEqual(config["metadata"]["name"], f"{name}-callers")
            self.assertEqual(yaml.safe_load(config["data"]["sync.yaml"])[f"dns:{name}"], "report")
            self.assertEqual(option(server, "report-tls-name"), [f"{name}-admin"])

    def test_two_releases_of_a_namespace_do_not_reach_each_other(self):
        """Nor does a Service of the one send to pods of the other."""
        first, second = (Rendered("scaled", render.by_helm(*render.HELM_ARGUMENTS["scaled"], release=name)) for name in ("a", "b"))
        policies = first.of_kind("NetworkPolicy") + second.of_kind("NetworkPolicy")
        selectors = [s["spec"]["selector"].items() for s in first.of_kind("Service")]
        for _, pod in second.pods():
            peer = Peer("sallyport", pod["metadata"]["labels"])
            self.assertFalse(any(selector <= peer.labels.items() for selector in selectors))
            for _, target in first.pods():
                for port in range(7400, 7408):
                    self.assertFalse(allowed(policies, "Ingress", Peer("sallyport", target["metadata"]["labels"]), peer, port))

    def test_certificates_of_cert_manager_have_the_names_that_are_asked_for(self):
        it = Rendered("single", render.by_helm("--values", os.path.join(render.CHART, "ci/single-values.yaml")))
        names = {d["spec"]["secretName"]: d["spec"]["dnsNames"] for d in it.of_kind("Certificate")}
        asked = {"sallyport-server-tls": {"sallyport", "sallyport-pods", "sallyport.sallyport.svc"},
                 "sallyport-admin-tls": {"sallyport-admin", "sallyport-admin.sallyport.svc"},
                 "sallyport-metrics-client": {"sallyport-metrics-client"}}
        self.assertEqual(set(names), set(asked))
        for secret, wanted in asked.items():
            self.assertLessEqual(wanted, set(names[secret]))
        for monitor in it.of_kind("ServiceMonitor"):
            server_name = monitor["spec"]["endpoints"][0]["tlsConfig"]["serverName"]
            self.assertIn(server_name, names[f"sallyport-{monitor['spec']['selector']['matchLabels']['sallyport/certificate']}-tls"])

    def test_is_a_subchart_that_a_condition_switches(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "Chart.yaml"), "w", encoding="utf-8") as file:
                json.dump({"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [
                    {"name": "sallyport", "version": "0.1.0", "repository": "", "condition": "sallyport.enabled"}]}, file)
            shutil.copytree(render.CHART, os.path.join(folder, "charts/sallyport"))
            names = {}
            for enabled in ("true", "false"):
                text = render.run("helm", "template", "shop", folder, "--set", f"sallyport.enabled={enabled},global.team=x")
                names[enabled] = {d["metadata"]["name"] for d in yaml.safe_load_all(text) if d}
        self.assertEqual(names["false"], set())
        self.assertTrue({"shop-sallyport", "shop-sallyport-admin"} <= names["true"], names["true"])

    def test_notes_name_what_is_there(self):
        with tempfile.TemporaryDirectory() as folder:
            # `helm template` leaves them out.
            shutil.copytree(render.CHART, os.path.join(folder, "chart"))
            os.rename(os.path.join(folder, "chart/templates/NOTES.txt"), os.path.join(folder, "chart/templates/notes.yaml"))
            with open(os.path.join(folder, "chart/templates/notes.yaml"), "r+", encoding="utf-8") as file:
                text = file.read()
                file.seek(0)
                file.write("kind: Notes\ntext: |\n  {{- include \"notes\" . | nindent 2 }}\n{{ define \"notes\" }}" + text + "{{ end }}\n")
            for release, mode in (("sallyport", "single"), ("eu", "scaled")):
                full = {"sallyport": "sallyport", "eu": "eu-sallyport"}[release]
                documents = list(filter(None, yaml.safe_load_all(render.run(
                    "helm", "template", release, os.path.join(folder, "chart"), "--namespace", "authz", *render.HELM_ARGUMENTS[mode]))))
                notes = next(d["text"] for d in documents if d["kind"] == "Notes")
                names = {d["metadata"]["name"] for d in documents if d["kind"] == "Service"}
                self.assertIn(f"{full}.authz:7400", notes)
                (forwarded,) = re.findall(r"port-forward service/(\S+) 7401", notes)
                self.assertIn(forwarded, names)
                self.assertIn(f"SALLYPORT_TLS_NAME={full}-admin\n", notes)
                self.assertIn(f"sallyport/client: {full}", notes)
                self.assertEqual("operator.key >operator.key" in notes, mode == "single")
                for command, help_of in ((r"sallyport-sync (init|migrate) ([^\n\\]*(?:\\\n[^\n\\]*)*)", "sallyport-sync"),):
                    for name, arguments in re.findall(command, notes):
                        text = render.run(os.path.join(BUILD, help_of), name, "--help")
                        for used in re.findall(r"--[a-z-]+", arguments):
                            self.assertRegex(text, rf"(?m)^  {used}\b")
                self.assertEqual(len(re.findall(r"sallyport-sync (?:init|migrate)", notes)), {"single": 0, "scaled": 2}[mode])
                for variable in re.findall(r"\b(SALLYPORT_[A-Z_]+)=", notes):
                    self.assertIn(variable, render.run(os.path.join(BUILD, "sallyport"), "whoami", "--help") + "SALLYPORT_KEY_FILE")

    def test_what_the_pods_of_backup_and_test_run_are_commands_of_the_program(self):
        it = Rendered("single", render.by_helm("--values", os.path.join(render.CHART, "ci/single-values.yaml")))
        commands = {}
        for name, container in it.containers(clients=True):
            if program(container) != "sallyport":
                continue
            command, *arguments = container["args"]
            commands[name.split("/")[0]] = command
            text = render.run(os.path.join(BUILD, "sallyport"), command, "--help")
            for used in [a.split("=")[0] for a in arguments if a.startswith("--")]:
                self.assertRegex(text, rf"(?m)^  {used}\b")
            for variable in [e["name"] for e in container["env"] if e["name"].startswith("SALLYPORT_TLS")]:
                self.assertIn(variable, text)
        self.assertEqual(commands, {"sallyport-backup": "backup", "sallyport-test-admin": "whoami", "sallyport-test-server": "check"})
        hooks = [d["metadata"]["annotations"]["helm.sh/hook"] for d in it.of_kind("Pod")]
        self.assertEqual(hooks, ["test", "test"])


class Image(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(TOP, "deploy/Containerfile"), encoding="utf-8") as file:
            self.text = file.read().replace("\\\n", "")
        self.final = self.text[self.text.rindex("\nFROM "):]

    def test_runs_as_nobody_of_importance_and_begins_with_no_trick(self):
        self.assertRegex(self.final, r"\nUSER 10402:10400\n")
        self.assertNotIn("ENTRYPOINT", self.text)
        for user, name in ((10401, "sallyport-sync"), (10402, "sallyportd")):
            self.assertRegex(self.final, rf"useradd --uid {user} --gid 10400 [^\n&]*--shell /usr/sbin/nologin {name}\b")
        for label in ("title", "version", "revision", "licenses"):
            self.assertIn(f"org.opencontainers.image.{label}=", self.final)

    def packages(self):
        return set(re.search(r"apt-get install -y -qq --no-install-recommends\s+([a-z0-9. -]+?)\s+&&", self.final)[1].split())

    def test_has_no_compiler(self):
        for package in self.packages():
            self.assertRegex(package, r"^lib[a-z0-9.-]+$")
            self.assertNotRegex(package, r"-dev$")

    def test_has_the_packages_that_the_programs_link_to_and_no_other(self):
        with open("/etc/os-release", encoding="utf-8") as file:
            if "VERSION_CODENAME=bookworm" not in file.read():
                self.skipTest("not the image's Debian")
        needed = set()
        for name in ("sallyportd", "sallyport-sync", "sallyport"):
            path = os.path.join(BUILD, name)
            sonames = re.findall(r"NEEDED +(\S+)", render.run("objdump", "-p", path))
            where = dict(re.findall(r"(\S+) => (/\S+)", render.run("ldd", path)))
            needed |= {where[soname] for soname in sonames if soname in where}
        owners = set()
        for path in needed:
            done = subprocess.run(["dpkg", "-S", path, "/usr" + path, os.path.realpath(path)], capture_output=True, text=True, check=False)
            owners |= {line.split(":", 1)[0] for line in done.stdout.splitlines()}
        # What a build with sanitizers needs, and what every Debian has.
        owners -= {"libc6", "libgcc-s1", "libasan8", "libubsan1", "libtsan2", "libstdc++6"}
        self.assertEqual(owners, self.packages())


class Units(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.units = {}
        for name in ("sallyportd", "sallyport-sync"):
            with open(os.path.join(BUILD, "deploy/systemd", f"{name}.service"), encoding="utf-8") as file:
                text = file.read()
            self.units[name] = text
            with open(os.path.join(self.folder.name, f"{name}.service"), "w", encoding="utf-8") as file:
                file.write(re.sub(r"^(Exec\w+)=\S*/", rf"\1={BUILD}/", text, flags=re.MULTILINE))

    def test_say_every_restriction(self):
        wanted = ["NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateDevices=yes", "MemoryDenyWriteExecute=yes",
                  "SystemCallFilter=@system-service", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "UMask=0027",
                  "CapabilityBoundingSet=", "LimitNOFILE=65536", "ProtectHome=yes", "RestrictNamespaces=yes", "LimitCORE=0"]
        for name, text in self.units.items():
            lines = text.splitlines()
            self.assertIn(f"User={name}", lines)
            self.assertIn("Group=sallyport", lines)
            self.assertNotIn("DynamicUser", text)
            self.assertNotIn("@", re.sub(r"SystemCallFilter=\S.*", "", text))
            for line in wanted:
                self.assertIn(line, lines, name)

    def test_only_the_writer_owns_the_state(self):
        self.assertIn("\nStateDirectoryMode=0750\n", self.units["sallyport-sync"])
        self.assertNotIn("StateDirectory", self.units["sallyportd"])

    def test_systemd_finds_nothing_wrong(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        paths = [os.path.join(self.folder.name, f"{name}.service") for name in self.units]
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        for path in paths:
            done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", path],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_variables_of_the_units_are_options(self):
        for name, command in (("sallyportd", []), ("sallyport-sync", ["serve"])):
            text = render.run(os.path.join(BUILD, name), *command, "--help")
            for variable in re.findall(r"\b(SALLYPORT\w+)=", self.units[name]):
                self.assertIn(f"[{variable}]", text)

    def test_users_and_modes_are_installed_beside_them(self):
        installed = os.path.join(self.folder.name, "installed")
        render.run("cmake", "--install", BUILD, "--component", "systemd", "--prefix", installed)
        found = sorted(os.path.relpath(os.path.join(at, name), installed) for at, _, names in os.walk(installed) for name in names)
        self.assertEqual(found, ["lib/systemd/system/sallyport-sync.service", "lib/systemd/system/sallyportd.service",
                                 "lib/sysusers.d/sallyport.conf", "lib/tmpfiles.d/sallyport.conf"])
        if shutil.which("systemd-sysusers"):
            root = os.path.join(self.folder.name, "root")
            os.makedirs(os.path.join(root, "etc"))
            render.run("systemd-sysusers", f"--root={root}", os.path.join(installed, "lib/sysusers.d/sallyport.conf"))
            with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
                self.assertEqual(sorted(line.split(":")[0] for line in file), ["sallyport-sync", "sallyportd"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], verbosity=1)
