"""Usage: test_prometheus.py BUILD_DIR WORK ETCD. The real Prometheus over both overlays, scraped as the Prometheus Operator scrapes what
their ServiceMonitors select. Each method named test_… is a sentence."""
import json
import os
import sys
import time
import unittest
import urllib.parse
import urllib.request

import yaml

from installation import Certificates, Installation, Process, free_port, listens, wait_for
from properties import scraped_ports
from render import TOP

BUILD, WORK, ETCD = sys.argv[1:4]
HERE = os.path.dirname(os.path.abspath(__file__))
TLS = os.path.join(WORK, "secrets")
WINDOW = "20s"  # what Grafana would put for $__rate_interval


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def make_secrets():
    certificates = Certificates(TLS)
    certificates.secret("sallyport-server-tls", "DNS:sallyport")
    certificates.secret("sallyport-admin-tls", "DNS:sallyport-admin")
    for name in ("sallyport-metrics-client", "sallyport-client", "sallyport-etcd-reader", "sallyport-etcd-writer"):
        certificates.secret(name, f"DNS:{name}")
    certificates.secret("etcd", "DNS:localhost", "IP:127.0.0.1")
    signing, verify = os.path.join(TLS, "sallyport-source-signing"), os.path.join(TLS, "sallyport-source-verify")
    os.makedirs(signing)
    os.makedirs(verify)
    certificates.openssl("genpkey", "-algorithm", "ed25519", "-out", f"{signing}/signing.pem")
    certificates.openssl("pkey", "-in", f"{signing}/signing.pem", "-pubout", "-out", f"{verify}/verify.pem")


def start_etcd():
    port, peers = free_port(), free_port()
    tls = os.path.join(TLS, "etcd")
    etcd = Process(os.path.join(WORK, "etcd.log"),
                   [ETCD, f"--data-dir={WORK}/etcd", f"--listen-client-urls=https://127.0.0.1:{port}",
                    f"--advertise-client-urls=https://127.0.0.1:{port}", f"--listen-peer-urls=http://127.0.0.1:{peers}",
                    f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}", f"--initial-cluster=default=http://127.0.0.1:{peers}",
                    f"--cert-file={tls}/tls.crt", f"--key-file={tls}/tls.key", "--client-cert-auth", f"--trusted-ca-file={tls}/ca.crt"],
                   {"ETCD_UNSUPPORTED_ARCH": "arm64"} if os.uname().machine == "aarch64" else None)
    wait_for("etcd", lambda: listens(port))
    return etcd, f"etcd://127.0.0.1:{port}/sallyport/v1/"


def run(*command):
    done = Process(os.path.join(WORK, "commands.log"), command)
    assert done.process.wait(60) == 0, f"{command}: see {WORK}/commands.log"


def scrape_config(installation):
    """What the operator makes of a ServiceMonitor, with this machine's addresses."""
    configs = []
    for number, (job, endpoint, template, container, port) in enumerate(scraped_ports(installation.rendered)):
        component = installation.component(template)
        here = installation.ports[(component, container["name"], port)]
        tls = endpoint["tlsConfig"]
        place = lambda secret: os.path.join(TLS, secret["name"], secret["key"])
        configs.append({
            "job_name": f"{installation.overlay}/{number}", "scheme": endpoint["scheme"], "metrics_path": endpoint["path"],
            "tls_config": {"server_name": tls["serverName"], "ca_file": place(tls["ca"]["secret"]),
                           "cert_file": place(tls["cert"]["secret"]), "key_file": place(tls["keySecret"])},
            "static_configs": [{"targets": [f"127.0.0.1:{here}"],
                                "labels": {"job": job, "namespace": installation.overlay, "endpoint": endpoint["port"],
                                           "container": container["name"], "pod": f"sallyport-{component}-0"}}]})
    return configs


class Prometheus:
    def __init__(self, configs):
        self.port = free_port()
        path = os.path.join(WORK, "prometheus.yaml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": configs,
                            "rule_files": [os.path.join(TOP, "deploy/observability/alerts.yaml")]}, file)
        self.process = Process(os.path.join(WORK, "prometheus.log"),
                               ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={WORK}/tsdb",
                                f"--web.listen-address=127.0.0.1:{self.port}"])
        wait_for("Prometheus", lambda: listens(self.port))

    def get(self, what, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(parameters, doseq=True)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60) as reply:
            return json.load(reply)["data"]

    def query(self, expression):
        return self.get("query", query=expression)["result"]

    def values(self, expression, label):
        return sorted(sample["metric"].get(label) for sample in self.query(expression))


class World:
    def __init__(self):
        make_secrets()
        self.etcd, source = start_etcd()
        self.single = Installation("single", BUILD, WORK, TLS)
        self.scaled = Installation("scaled", BUILD, WORK, TLS, source)
        self.key = os.path.join(WORK, "operator.key")
        for installation in (self.single, self.scaled):
            store = os.path.join(installation.work, "single" if installation is self.single else "new", "store")
            os.makedirs(os.path.dirname(store))
            run(f"{BUILD}/sallyport-sync", "init", f"--store={store}", f"--key-file={installation.work}/operator.key")
        writer = os.path.join(TLS, "sallyport-etcd-writer")
        run(f"{BUILD}/sallyport-sync", "migrate", f"--store={self.scaled.work}/new/store", f"--to={source}", f"--etcd-ca={writer}/ca.crt",
            f"--etcd-cert={writer}/tls.crt", f"--etcd-key={writer}/tls.key",
            f"--source-signing-key={TLS}/sallyport-source-signing/signing.pem")
        for installation in (self.single, self.scaled):
            installation.start(sallyportd=["--workers=1", "--report-interval=1", "--decision-log=-", "--decision-log-what=all"])
        self.prometheus = Prometheus(scrape_config(self.single) + scrape_config(self.scaled))
        for installation in (self.single, self.scaled):
            self.prepare(installation)

    def prepare(self, installation):
        key, admin, narrator = (os.path.join(installation.work, f"{name}.key") for name in ("operator", "admin", "narrator"))
        installation.cli(key, "workspace", "create", "--id", "acme", "--name", "Acme", "--plan", "enterprise", "--seats", "5",
                         "--secret-file", admin)
        installation.cli(key, "resource", "register", "voice/rachel", "--workspace", "acme")
        for arguments in (["service-account", "create", "--id", "narrator", "--name", "Narrator"],
                          ["share", "add", "voice/rachel", "--principal", "narrator", "--role", "viewer"],
                          ["key", "create", "--id", "k1", "--principal", "narrator", "--name", "P", "--permission", "text_to_speech",
                           "--secret-file", narrator]):
            installation.cli(admin, *arguments)
        installation.cli(key, "backup", os.path.join(installation.work, "backup.mdb"))

    def use(self, installation, round_number):
        """A bit of everything that the dashboard shows."""
        admin, narrator = (os.path.join(installation.work, f"{name}.key") for name in ("admin", "narrator"))
        ask = ["check", "--key-file", narrator, "--resource", "voice/rachel", "--action"]
        installation.cli(admin, *ask, "use")
        installation.cli(admin, *ask, "edit", expected=1)
        installation.cli(admin, *ask, "use", "--min-revision", "9:1", expected=2)
        installation.cli(admin, "service-account", "update", "narrator", "--name", f"Narrator {round_number}")
        installation.cli(admin, "service-account", "update", "nobody", "--name", "Nobody", expected=2)

    def end(self):
        self.prometheus.process.end()
        ended = self.single.end() + self.scaled.end()
        self.etcd.end()
        assert set(ended) == {0}, ended


def panels(part):
    for panel in part:
        yield panel
        yield from panels(panel.get("panels", []))


def dashboard():
    with open(os.path.join(TOP, "deploy/observability/dashboard.json"), encoding="utf-8") as file:
        return json.load(file)


class Rules(unittest.TestCase):
    def test_each_alert_is_tested_firing_and_not_firing(self):
        alerts = {rule["alert"] for group in load(os.path.join(TOP, "deploy/observability/alerts.yaml"))["groups"] for rule in group["rules"]}
        seen = {True: set(), False: set()}
        for test in load(os.path.join(HERE, "alerts.test.yaml"))["tests"]:
            for case in test["alert_rule_test"]:
                seen[bool(case["exp_alerts"])].add(case["alertname"])
        self.assertEqual(seen[True], alerts)
        self.assertEqual(seen[False], alerts)

    def test_each_alert_is_explained(self):
        alerts = {rule["alert"] for group in load(os.path.join(TOP, "deploy/observability/alerts.yaml"))["groups"] for rule in group["rules"]}
        with open(os.path.join(TOP, "docs/observability.md"), encoding="utf-8") as file:
            rows = {line.split("`")[1] for line in file if line.startswith("| `Sallyport")}
        self.assertEqual(rows, alerts)


class Scraped(unittest.TestCase):
    """In this order: the last one ends a program."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.prometheus = cls.world.prometheus
        targets = len(scrape_config(cls.world.single)) + len(scrape_config(cls.world.scaled))
        wait_for("all targets", lambda: len(cls.prometheus.query("up == 1")) == targets)
        end = time.monotonic() + 12
        rounds = 0
        while time.monotonic() < end:
            for installation in (cls.world.single, cls.world.scaled):
                cls.world.use(installation, rounds)
            rounds += 1

    @classmethod
    def tearDownClass(cls):
        cls.world.end()

    def test_1_every_program_is_found_under_its_own_name(self):
        for namespace, servers, syncs in (("single", 1, 1), ("scaled", 1, 2)):
            self.assertEqual(self.prometheus.values(f'up{{namespace="{namespace}"}} == 1', "job"),
                             ["sallyport-sync"] * syncs + ["sallyportd"] * servers)
        for sample in self.prometheus.query("sallyport_build_info"):
            self.assertEqual(sample["metric"]["job"], sample["metric"]["program"])

    def test_2_every_query_of_the_dashboard_returns_data(self):
        wait_for("the count of keys that expire", lambda: self.prometheus.query("sallyport_keys_expiring_soon"), seconds=90)
        empty, count = [], 0
        for panel in panels(dashboard()["panels"]):
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$__rate_interval", WINDOW).replace("$namespace", ".*").replace("$instance", ".*")
                self.assertNotIn("$", expression)
                count += 1
                if not self.prometheus.query(expression):
                    empty.append(f"{panel['title']}: {expression}")
        self.assertEqual(empty, [])
        self.assertGreater(count, 30)

    def test_3_a_namespace_of_the_dashboard_shows_its_own_only(self):
        variables = {v["name"]: v["query"] for v in dashboard()["templating"]["list"] if v["type"] == "query"}
        self.assertEqual(set(variables), {"namespace", "instance"})
        self.assertEqual(self.prometheus.get("label/namespace/values", **{"match[]": "sallyport_build_info"}), ["scaled", "single"])
        for panel in panels(dashboard()["panels"]):
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$__rate_interval", WINDOW).replace("$namespace", "none").replace("$instance", ".*")
                self.assertEqual(self.prometheus.query(expression), [], expression)

    def test_4_alerts_can_be_evaluated_and_are_quiet_while_all_is_well(self):
        rules = [rule for group in self.prometheus.get("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["health"] for rule in rules}, {"ok"})
        self.assertEqual([rule["name"] for rule in rules if rule["state"] != "inactive"], [])

    def test_5_a_server_that_ends_raises_its_alert(self):
        self.assertEqual(self.world.single.processes[("single", "sallyportd")].end(), 0)
        raised = lambda: [a for a in self.prometheus.get("alerts")["alerts"] if a["labels"]["alertname"] == "SallyportDown"]
        wait_for("the alert", raised)
        self.assertEqual([(a["labels"]["job"], a["labels"]["namespace"]) for a in raised()], [("sallyportd", "single")])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
