"""Usage: test_image.py BUILD_DIR WORK, where WORK/image was made by deploy/image."""
import copy
import os
import subprocess
import sys
import time
import unittest

import render
from pod import Pod
from render import pod_template

BUILD, WORK = sys.argv[1], sys.argv[2]
IMAGE = os.path.join(WORK, "image")
TLS = os.path.join(WORK, "tls")
DOCUMENTS = render.by_hand(os.path.join(render.KUSTOMIZE, "overlays/single"))
SPEC = next(pod_template(d) for d in DOCUMENTS if d["kind"] == "StatefulSet")["spec"]
GROUP = SPEC["securityContext"]["fsGroup"]
WRITER, READER = 10401, 10402
HEALTH = {"sallyportd": 7404, "sallyport-sync": 7405}


def make_certificates():
    """A CA, what both programs serve with, and what a client shows."""
    os.makedirs(TLS)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=ca", "-keyout", f"{TLS}/ca.key", "-out",
                    f"{TLS}/ca.crt"], check=True, stderr=subprocess.DEVNULL)
    for name, names in (("server", "DNS:sallyport"), ("admin", "DNS:sallyport-admin"), ("client", "DNS:client")):
        with open(f"{TLS}/{name}.ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        subprocess.run(["openssl", "req", *key, "-subj", f"/CN={name}", "-keyout", f"{TLS}/{name}.key", "-out", f"{TLS}/{name}.csr"],
                       check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "x509", "-req", "-in", f"{TLS}/{name}.csr", "-CA", f"{TLS}/ca.crt", "-CAkey", f"{TLS}/ca.key",
                        "-days", "2", "-extfile", f"{TLS}/{name}.ext", "-out", f"{TLS}/{name}.crt"], check=True, stderr=subprocess.DEVNULL)


def make_volume(name, files, mode=0o440):
    folder = os.path.join(WORK, name)
    os.makedirs(folder)
    for file_name, content in files.items():
        path = os.path.join(folder, file_name)
        with open(path, "wb") as file:
            file.write(content)
        os.chown(path, 0, GROUP)
        os.chmod(path, mode)
    return folder


def content(path):
    with open(path, "rb") as file:
        return file.read()


def prepare():
    """What a container engine makes in the image for mounts, and the volumes that do not change."""
    for folder in ("etc/sallyport/tls", "etc/sallyport/callers"):
        os.makedirs(os.path.join(IMAGE, folder), exist_ok=True)
    for device in ("urandom", "null"):
        with open(os.path.join(IMAGE, "dev", device), "wb"):
            pass
    make_certificates()
    (callers,) = [d for d in DOCUMENTS if d["kind"] == "ConfigMap"]
    return {
        **{f"{who}-tls": make_volume(f"{who}-tls", {"tls.crt": content(f"{TLS}/{who}.crt"), "tls.key": content(f"{TLS}/{who}.key"),
                                                    "ca.crt": content(f"{TLS}/ca.crt")}) for who in ("server", "admin")},
        "callers": make_volume("callers", {name: text.encode() for name, text in callers["data"].items()}, 0o644),
    }


FIXED = prepare()
MADE = [0]


def new_pod(store=None, shared=True):
    MADE[0] += 1
    if store is None:
        store = os.path.join(WORK, f"store-{MADE[0]}")
        os.makedirs(store)
    spec = copy.deepcopy(SPEC)
    spec["shareProcessNamespace"] = shared
    return Pod(IMAGE, spec, {"store": store, **FIXED}, os.path.join(WORK, f"pod-{MADE[0]}"))


def spec_of(name):
    return next(c for c in SPEC["containers"] if c["name"] == name)


def probe(pod, container, probe_name):
    """A gRPC probe as the kubelet makes it: True for SERVING."""
    grpc = spec_of(container)[probe_name]["grpc"]
    service = grpc.get("service", "").encode()
    message = bytes([0x0A, len(service)]) + service if service else b""
    status, out = pod.in_network("curl", "-s", "--max-time", "3", "--http2-prior-knowledge", "-H", "content-type: application/grpc",
                                 "-H", "te: trailers", "--data-binary", "@-",
                                 f"http://127.0.0.1:{grpc['port']}/grpc.health.v1.Health/Check",
                                 input=bytes([0, 0, 0, 0, len(message)]) + message)
    return status == 0 and out == b"\0\0\0\0\x02\x08\x01"


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(0.05)


def cli(pod, key, *arguments):
    """`sallyport` from beside the pod, by mutual TLS: (status, output)."""
    name = "sallyport" if arguments[0] == "check" else "sallyport-admin"
    status, out = pod.in_network("env", "SALLYPORT_SERVER=127.0.0.1:7400", "SALLYPORT_ADMIN=127.0.0.1:7401",
                                 f"SALLYPORT_KEY_FILE={key}", f"SALLYPORT_TLS_CA={TLS}/ca.crt", f"SALLYPORT_TLS_CERT={TLS}/client.crt",
                                 f"SALLYPORT_TLS_KEY={TLS}/client.key", f"SALLYPORT_TLS_NAME={name}", f"{BUILD}/sallyport", *arguments)
    return status, out.decode(errors="replace")


class Image(unittest.TestCase):
    def pod(self, **settings):
        pod = new_pod(**settings)
        self.addCleanup(pod.end)
        return pod

    def started(self, **settings):
        """A pod whose containers are ready."""
        pod = self.pod(**settings)
        for init in pod.run_init():
            self.assertNotIn("sp_", init.said())
        containers = {spec["name"]: pod.start(spec) for spec in pod.spec["containers"]}
        for name in containers:
            wait_for(lambda name=name: probe(pod, name, "readinessProbe"))
        return pod, containers

    def test_two_users_in_one_pod_decide_and_change(self):
        pod, containers = self.started()
        for name, user in (("sallyport-sync", WRITER), ("sallyportd", READER)):
            status = containers[name].status()
            with self.subTest(container=name):
                self.assertEqual(status["Uid"].split(), [str(user)] * 4)
                self.assertEqual(status["Gid"].split(), [str(GROUP)] * 4)
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0)
                self.assertTrue(probe(pod, name, "livenessProbe"))
        key = os.path.join(WORK, "operator.key")
        status, text = pod.execute("sallyport-sync", "cat", "/var/lib/sallyport/operator.key")
        self.assertEqual((status, len(text)), (0, 53))
        with open(key, "w", encoding="ascii") as file:
            file.write(text)
        self.ask(pod, key)
        self.look_at_files(pod)
        for name in ("sallyportd", "sallyport-sync"):
            self.assertEqual(pod.stop(containers[name]), 0, containers[name].said())
        self.assertNotIn(text.strip(), containers["sallyportd"].said() + containers["sallyport-sync"].said())
        pod.end()
        self.come_back(pod.volumes["store"], key)

    def ask(self, pod, key):
        """The quickstart's questions, and that the server reports to the writer, whose callers' file lets it."""
        admin, narrator = os.path.join(WORK, "admin.key"), os.path.join(WORK, "narrator.key")
        for acting, arguments in (
                (key, ["workspace", "create", "--id", "acme", "--name", "Acme", "--plan", "enterprise", "--seats", "5", "--feature",
                       "ip-allowlist", "--secret-file", admin]),
                (admin, ["service-account", "create", "--id", "narrator", "--name", "Narrator"]),
                (key, ["resource", "register", "voice/rachel", "--workspace", "acme"]),
                (admin, ["share", "add", "voice/rachel", "--principal", "narrator", "--role", "viewer"]),
                (admin, ["key", "create", "--id", "k1", "--principal", "narrator", "--name", "P", "--permission", "text_to_speech",
                         "--allow-ip", "203.0.113.0/24", "--secret-file", narrator])):
            status, out = cli(pod, acting, *arguments)
            self.assertEqual(status, 0, out)
        for address, allowed in (("203.0.113.7", 0), ("198.51.100.9", 1)):
            status, out = cli(pod, admin, "check", "--key-file", narrator, "--ip", address, "--resource", "voice/rachel", "--action", "use")
            self.assertEqual(status, allowed, out)
        wait_for(lambda: "sallyport-0" in cli(pod, key, "server", "list")[1])

    def look_at_modes(self, volume):
        folder = os.path.join(volume, "writer")
        modes = {name: (os.stat(os.path.join(folder, name)).st_mode & 0o777, os.stat(os.path.join(folder, name)).st_uid)
                 for name in (".", "store", "store/data.mdb", "store/lock.mdb")}
        self.assertEqual(modes, {".": (0o750, WRITER), "store": (0o750, WRITER), "store/data.mdb": (0o640, WRITER),
                                 "store/lock.mdb": (0o660, WRITER)})

    def look_at_files(self, pod):
        self.look_at_modes(pod.volumes["store"])
        # As the reader: neither the key, nor the data, nor the image can be changed; the key cannot even be read.
        for program in (["cat", "/var/lib/sallyport/operator.key"], ["rm", "-f", "/var/lib/sallyport/store/data.mdb"],
                        ["rm", "/usr/bin/sallyport"]):
            status, out = pod.execute("sallyportd", *program)
            self.assertNotEqual(status, 0, out)
            self.assertRegex(out, "Permission denied|Read-only file system", " ".join(program))
        status, out = pod.execute("sallyportd", "/usr/bin/sallyport-sync", "operator", "revoke", "admin", "--store", "/var/lib/sallyport/store")
        self.assertNotEqual(status, 0, out)
        self.assertIn("must belong to user", out)
        status, out = pod.execute("sallyport-sync", "rm", "/var/lib/sallyport/operator.key")
        self.assertEqual(status, 0, out)

    def test_the_reader_cannot_put_another_store_in_the_place_of_the_writers(self):
        """Where the group may write the volume's root, as fsGroup makes it, init of its own would make the reader an operator."""
        pod, containers = self.started()
        root = os.stat(pod.volumes["store"])
        self.assertEqual((root.st_mode & 0o7777, root.st_gid), (0o2775, GROUP))
        status, out = pod.execute("sallyportd", "/usr/bin/sallyport-sync", "init", "--store", "/var/lib/sallyport/mine", "--key-file", "/tmp/key")
        self.assertNotEqual(status, 0, out)
        self.assertIn("must belong to user", out)
        status, out = pod.execute("sallyportd", "rm", "-r", "/var/lib/sallyport/store")
        self.assertNotEqual(status, 0, out)
        self.assertRegex(out, "Permission denied|Read-only file system")
        # The user of the reader at the folder that it sees, with all that a shell could do there.
        seen = pod.source(next(m for m in containers["sallyportd"].spec["volumeMounts"] if m["name"] == "store"))
        for attempt in ("os.rename('store', 'old')", "os.mkdir('mine')", "open('mine', 'w')", "os.chmod('.', 0o777)",
                        "open('store/data.mdb', 'r+')", "os.rename('store/data.mdb', 'store/old')", "os.unlink('store/lock.mdb')"):
            done = subprocess.run(["setpriv", "--reuid", str(READER), "--regid", str(GROUP), "--clear-groups", sys.executable, "-c",
                                   f"import os, sys; os.chdir(sys.argv[1]); {attempt}", seen], capture_output=True, text=True, check=False)
            self.assertIn("PermissionError", done.stderr, attempt)

    def come_back(self, store, key):
        """Another pod on the same volume, whose mount gave the group every file: init leaves the store, and the modes are narrow."""
        for at, folders, files in os.walk(store):
            for name in folders + files:
                os.chmod(os.path.join(at, name), os.stat(os.path.join(at, name)).st_mode | 0o060)
        pod, _ = self.started(store=store)
        self.look_at_modes(store)
        self.assertFalse(os.path.exists(os.path.join(store, "writer/operator.key")))
        status, out = cli(pod, key, "workspace", "list")
        self.assertEqual(status, 0, out)
        self.assertIn("acme", out)

    def refuses_beside(self, first, second):
        pod = self.pod(shared=False)
        for _ in pod.run_init():
            pass
        running = pod.start(spec_of(first))
        wait_for(lambda: probe(pod, first, "readinessProbe"))
        # Both are process 1 of their own namespace.
        self.assertEqual(running.status()["NSpid"].split()[-1], "1")
        refused = pod.start(spec_of(second))
        self.assertNotEqual(refused.wait(), 0)
        self.assertIn("shareProcessNamespace: true", refused.said())
        self.assertTrue(probe(pod, first, "readinessProbe"))

    def test_without_a_shared_process_namespace_the_server_refuses_to_start(self):
        self.refuses_beside("sallyport-sync", "sallyportd")

    def test_without_a_shared_process_namespace_the_writer_refuses_to_start(self):
        self.refuses_beside("sallyportd", "sallyport-sync")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
