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

import properties
import render
from properties import PROPERTIES, Rendered, flag, option, program
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
    ("pods_have_time_to_drain", lambda d, p, s: take(s, "lifecycle")),
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
    ("images_have_a_version", lambda d, p, s: put(s, "sallyport:latest", "image")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "startupProbe")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "readinessProbe")),
    ("probes_ask_the_health_port", lambda d, p, s: take(s, "livenessProbe", "grpc", "service")),
    ("probes_ask_the_health_port", lambda d, p, s: put(s, 7400, "readinessProbe", "grpc", "port")),
    ("listeners_are_declared_ports", lambda d, p, s: s["ports"].pop()),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].remove("--tls-client-ca=/etc/sallyport/tls/ca.crt")),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].remove("--report-tls-ca=/etc/sallyport/tls/ca.crt")),
    ("listeners_outside_of_the_pod_are_mutual_tls", lambda d, p, s: s["args"].append("--insecure")),
    ("files_that_options_name_are_mounted", lambda d, p, s: s["volumeMounts"].pop()),
    ("files_that_options_name_are_mounted", lambda d, p, s: put(s["volumeMounts"][0], True, "readOnly")),
    ("files_that_options_name_are_mounted", lambda d, p, s: take(s["volumeMounts"][1], "readOnly")),
    ("services_reach_named_ports_of_pods", lambda d, p, s: put(s["ports"][0], "other", "name")),
    ("network_policies_begin_with_nothing", lambda d, p, s: put(of_kind(d, "NetworkPolicy")["spec"], [{}], "ingress")),
    ("metrics_are_scraped", lambda d, p, s: d.remove(of_kind(d, "ServiceMonitor"))),
    ("the_namespace_is_restricted", lambda d, p, s: take(of_kind(d, "Namespace"), "metadata", "labels")),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: p["initContainers"][0]["args"].remove("--if-missing")),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: p["initContainers"][0]["args"].pop()),
    ("single_is_one_pod_with_a_volume", lambda d, p, s: put(of_kind(d, "StatefulSet"), 2, "spec", "replicas")),
    ("scaled_has_servers_with_followers", lambda d, p, s: p["containers"][1]["args"].remove("--follow-only")),
    ("scaled_has_servers_with_followers", lambda d, p, s: take(p["volumes"][0], "emptyDir", "sizeLimit")),
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
        for what, mode, documents in RENDERED:
            for i, (name, spoil) in enumerate(SPOILT):
                other = {"single": "scaled", "scaled": "single"}[mode]
                if name.startswith(other) or (name == "the_namespace_is_restricted" and what.startswith("helm")):
                    continue
                with self.subTest(what=what, property=name, spoilt=i):
                    spoilt = copy.deepcopy(documents)
                    spoil(spoilt, *server_of(spoilt))
                    self.assertNotEqual(list(by_name[name](Rendered(mode, spoilt))), [])

    def test_what_is_put_together_here_is_what_kustomize_renders(self):
        if not render.kustomize_command():
            self.skipTest("neither kubectl nor kustomize is here")
        for overlay in render.OVERLAYS:
            self.assertEqual(render.comparable(render.overlay_by_hand(overlay)),
                             render.comparable(render.by_kustomize(overlay)))

    def test_every_option_is_one_of_the_program(self):
        known = {}
        for name, command in (("sallyportd", []), ("sallyport-sync", ["serve"]), ("sallyport-sync", ["init"])):
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
                       "store.size=big", "callers.server.tls=everything", "server.extraArgs={workers=4}", "etcd.source=http://etcd:2379"):
            with self.subTest(values=values), self.assertRaises(AssertionError) as caught:
                render.run("helm", "template", "sallyport", render.CHART, "--set", values)
            self.assertIn("values don't meet the specifications of the schema", str(caught.exception))

    def test_its_schema_knows_every_value_and_no_other(self):
        (values,) = render.read(os.path.join(render.CHART, "values.yaml"))
        with open(os.path.join(render.CHART, "values.schema.json"), encoding="utf-8") as file:
            schema = json.load(file)
        self.assertEqual(set(schema["properties"]) - {"global"}, set(values))
        for name, value in values.items():
            if "properties" in schema["properties"][name]:
                self.assertEqual(set(schema["properties"][name]["properties"]), set(value), name)

    def test_passes_lint(self):
        render.run("helm", "lint", "--strict", render.CHART)

    def test_takes_what_values_say(self):
        documents = render.by_helm("scaled", "--set", "server.maxStalenessSeconds=60,server.drainSeconds=50", "--set",
                                   "server.extraArgs={--trusted-hops=1}", "--set", "networkPolicy.enabled=false")
        pod, server = server_of(documents)
        self.assertEqual(option(server, "max-staleness"), ["60"])
        self.assertEqual(option(server, "drain-ms"), ["50000"])
        self.assertEqual(option(server, "trusted-hops"), ["1"])
        self.assertEqual(pod["terminationGracePeriodSeconds"], 70)
        self.assertFalse(flag(server, "follow-only"))
        self.assertEqual([d for d in documents if d["kind"] == "NetworkPolicy"], [])


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
        # Of a build with sanitizers, and what every Debian has.
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
