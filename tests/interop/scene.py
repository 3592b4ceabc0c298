"""What the tests of gateways and of Prometheus stand on: ports, waiting, programs, an upstream, and a store that gateways are
asked about. A test that uses Program or Store is run with BUILD_DIR and WORK_DIR as its first arguments."""

import atexit
import http.server
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

BUILD, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
USE = "/v1/text-to-speech/rachel"
SECONDS = 30  # that anything may take to begin or come back


def free_port():
    """Below those that the kernel gives to outgoing connections: while a program restarts, none of
    these takes its port, not even a client's that looks for it and would be connected to itself."""
    while True:
        port = random.randrange(10000, 32768)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            continue


def wait_for(what, condition, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers every request and remembers what came: method, path, headers, body."""

    protocol_version = "HTTP/1.1"
    seen = []

    def answer(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        Upstream.seen.append((self.command, self.path, [(n.lower(), v) for n, v in self.headers.items()], body))
        self.send_response(200)
        self.send_header("content-length", "9")
        self.end_headers()
        self.wfile.write(b"upstream\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


def reached():
    """What the upstream saw since it was asked last."""
    seen, Upstream.seen = Upstream.seen, []
    return seen


class Program:
    def __init__(self, name, *arguments, env=None):
        self.err, self.out = WORK / f"{name}.err", WORK / f"{name}.out"
        with open(self.err, "ab") as err, open(self.out, "ab") as out:
            self.process = subprocess.Popen(arguments, stderr=err, stdout=out, env={**os.environ, **(env or {})})
        atexit.register(self.process.kill)

    def stands_still(self):
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)

    def end(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(SECONDS)


class Store:
    """sallyport-sync over a store with workspace acme, whose service account may use the voice rachel, and not the voice secret:
    with the key "anywhere", and with the key "near" from 203.0.113.0/24 only. `keys`: their texts by name."""

    def __init__(self, env):
        self.port = free_port()
        self.env = {"SALLYPORT_ADMIN": f"127.0.0.1:{self.port}", "SALLYPORT_PROFILES": str(WORK / "none.yaml"), **env}
        self.run("sallyport-sync", "init", "--store", WORK / "store", "--key-file", WORK / "operator.key")
        self.sync = Program("sync", BUILD / "sallyport-sync", "serve", "--store", WORK / "store", "--listen",
                            f"127.0.0.1:{self.port}", env=self.env)
        wait_for("sallyport-sync", lambda: listens(self.port))
        self.admin("workspace", "create", "--id", "acme", "--name", "Acme", "--plan", "enterprise", "--seats", "5",
                   "--feature", "ip-allowlist", "--secret-file", WORK / "admin.key", key="operator")
        self.admin("service-account", "create", "--id", "narrator", "--name", "Narrator")
        for voice in ("rachel", "secret"):
            self.admin("resource", "register", f"voice/{voice}", "--workspace", "acme", key="operator")
        self.admin("share", "add", "voice/rachel", "--principal", "narrator", "--role", "viewer")
        self.keys = {"anywhere": self.create_key("anywhere", "--permission", "voices_write"),
                     "near": self.create_key("near", "--allow-ip", "203.0.113.0/24")}

    def create_key(self, name, *more):
        file = WORK / f"{name}.key"
        self.admin("key", "create", "--id", name, "--principal", "narrator", "--name", name, "--permission", "text_to_speech", *more,
                   "--secret-file", file)
        return file.read_text().strip()

    def run(self, *arguments, key=None):
        env = {**os.environ, **self.env, **({"SALLYPORT_KEY_FILE": str(WORK / f"{key}.key")} if key else {})}
        subprocess.run([BUILD / arguments[0], *arguments[1:]], env=env, check=True, stdout=subprocess.DEVNULL)

    def admin(self, *arguments, key="admin"):
        self.run("sallyport", *arguments, key=key)

    def logs_hold_no_key(self):
        for file in [*WORK.glob("*.err"), *WORK.glob("*.out")]:
            text = file.read_text(errors="replace")
            for name, key in self.keys.items():
                assert key not in text, f"{file.name} holds the key {name}"
