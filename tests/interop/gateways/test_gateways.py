"""A real gateway, with its configuration of deploy/gateways, between a client and an upstream, and sallyportd behind it.

Run as test_gateways.py BUILD_DIR WORK_DIR nginx|caddy by the run script beside it. Each method named test_… is a sentence."""

import base64
import http.client
import http.server
import json
import os
import re
import sys
import threading
import unittest

from scene import BUILD, SECONDS, SOURCE, USE, WORK, Program, Store, Upstream, free_port, listens, reached, wait_for

GATEWAY = sys.argv[3]
SECRET = "/v1/text-to-speech/secret"
PROXY = "127.0.0.2"  # an address that is trusted to say whom it speaks for


class World(Store):
    """The store, the other programs, and their ports."""

    def __init__(self):
        self.ports = {name: free_port() for name in ("gateway", "upstream", "server", "http")}
        super().__init__({"SALLYPORT_SYNC_HTTP_LISTEN": "none",
                          "SALLYPORTD_HTTP_LISTEN": f"127.0.0.1:{self.ports['http']}"})
        self.start_server()
        upstream = http.server.ThreadingHTTPServer(("127.0.0.1", self.ports["upstream"]), Upstream)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        self.start_gateway()

    def start_server(self):
        self.server = Program("server", BUILD / "sallyportd", "--store", WORK / "store", "--listen",
                              f"127.0.0.1:{self.ports['server']}", "--forward-auth", GATEWAY, "--trusted-peers",
                              "127.0.0.1", "--trusted-proxies", PROXY, "--key-scheme", "bearer", "--key-scheme",
                              "basic", env=self.env)
        wait_for("sallyportd", lambda: listens(self.ports["http"]))

    def start_gateway(self):
        file = {"nginx": "nginx.conf", "caddy": "Caddyfile"}[GATEWAY]
        text = (SOURCE / "deploy/gateways" / file).read_text()
        for port, name in (("8080", "gateway"), ("9000", "upstream"), ("7402", "http")):
            text, count = re.subn(rf"(^[^#\n]*:){port}\b", rf"\g<1>{self.ports[name]}", text, flags=re.M)
            assert count == 1, f"port {port} stands {count} times in {file}"
        # A machine that runs many tests at once may be slow for seconds.
        text = re.sub(r"timeout [12]s", "timeout 20s", text)
        (WORK / file).write_text(self.adapt(text))
        start = {"nginx": ("nginx", "-p", WORK, "-c", WORK / file, "-e", WORK / "nginx.log"),
                 "caddy": ("caddy", "run", "--config", WORK / file, "--adapter", "caddyfile")}[GATEWAY]
        self.gateway = Program("gateway", *start, env={"HOME": str(WORK), "XDG_DATA_HOME": str(WORK), "XDG_CONFIG_HOME": str(WORK)})
        wait_for(GATEWAY, lambda: listens(self.ports["gateway"]))

    def adapt(self, text):
        """To a folder and a user of its own, and to the proxy that tests pretend to be."""
        if GATEWAY == "caddy":
            text = re.sub(r"^http://127\.0\.0\.1(:\d+) {$", r"http://\1 {\n\tbind 127.0.0.1", text, flags=re.M)  # for any host
            return text.replace("\t\turi /auth\n", f"\t\turi /auth\n\t\ttrusted_proxies {PROXY}/32\n")
        folders = "".join(f"    {name}_temp_path {WORK}/{name};\n" for name in
                          ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        head = f"daemon off;\npid {WORK}/nginx.pid;\nworker_processes 1;\n" + ("user root;\n" if os.geteuid() == 0 else "")
        return head + text.replace("http {\n", f"http {{\n    access_log off;\n{folders}", 1)


class Reply:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = {name.lower(): value for name, value in response.getheaders()}


def ask(path=USE, key=None, headers=(), method="POST", body=None, source="127.0.0.1", chunked=False,
        host=None):
    connection = http.client.HTTPConnection("127.0.0.1", world.ports["gateway"], timeout=SECONDS,
                                            source_address=(source, 0))
    try:
        connection.putrequest(method, path, skip_host=host is not None, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("host", host)
        for name, value in [*headers, *([("x-api-key", world.keys[key])] if key else [])]:
            connection.putheader(name, value)
        if chunked:
            connection.putheader("transfer-encoding", "chunked")
        elif body is not None or method in ("POST", "PATCH"):
            connection.putheader("content-length", str(len(body or b"")))
        connection.endheaders(body, encode_chunked=chunked)
        return Reply(connection.getresponse())
    finally:
        connection.close()


class GatewayTest(unittest.TestCase):
    def setUp(self):
        reached()

    def expect_allowed(self, reply, message=None):
        self.assertEqual((reply.status, reply.body), (200, b"upstream\n"), message)
        seen = reached()
        self.assertEqual(len(seen), 1, message)
        return seen[0]

    def expect_denied(self, reply, status, code=None, message=None):
        self.assertEqual(reached(), [], message)
        self.assertEqual(reply.status, status, f"{message}: {reply.body}")
        if status == 401:
            self.assertIn("Bearer", reply.headers["www-authenticate"], message)
        # nginx sends pages of its own.
        if code is not None and GATEWAY != "nginx":
            self.assertEqual(json.loads(reply.body)["detail"]["code"], code, message)
        for key in world.keys.values():
            self.assertNotIn(key, reply.body.decode() + str(reply.headers))

    def test_an_allowed_request_reaches_the_upstream_with_who_it_is_and_without_its_key(self):
        key = world.keys["anywhere"]
        for name, headers in (
            ("x-api-key", [("x-api-key", key)]),
            ("in two lines", [("x-api-key", key)] * 2),
            ("bearer", [("authorization", f"Bearer {key}")]),
            ("basic", [("authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())]),
            ("both", [("x-api-key", key), ("authorization", f"bearer  {key}")]),
            ("beside a digest", [("x-api-key", key), ("authorization", 'Digest username="a, b", nc=00000001')]),
        ):
            command, path, seen, _ = self.expect_allowed(ask(headers=headers + [("accept", "audio/mpeg")]), name)
            self.assertEqual((command, path), ("POST", USE))
            given = dict(seen)
            self.assertEqual(given["x-sallyport-workspace"], "acme")
            self.assertEqual(given["x-sallyport-principal"], "narrator")
            self.assertEqual(given["x-sallyport-key-id"], "anywhere")
            self.assertRegex(given["x-sallyport-decision-id"], r"^[0-9a-v]{25}$")
            self.assertEqual(given["accept"], "audio/mpeg")
            self.assertNotIn(key, str(seen))
            self.assertNotIn("authorization", given)

    def test_bodies_reach_the_upstream_whole_and_the_question_has_none(self):
        for chunked in (False, True):
            body = b"x" * 300000
            self.assertEqual(self.expect_allowed(ask(key="anywhere", body=body, chunked=chunked))[3], body)
        self.expect_allowed(ask(key="anywhere", body=b"x" * 100, headers=[("content-encoding", "gzip")]))

    def test_a_request_without_one_good_key_gets_401(self):
        key = world.keys["anywhere"]
        for code, headers in (
            ("credential_missing", []),
            ("credential_missing", [("x-api-key", "")]),
            ("credential_ambiguous", [("x-api-key", key), ("authorization", f"Bearer {world.keys['near']}")]),
            ("credential_ambiguous", [("x-api-key", key), ("x-api-key", world.keys["near"])]),
            ("credential_ambiguous", [("x-api-key", key), ("authorization", "Basic eDp5")]),
            ("key_malformed", [("x-api-key", key + "x")]),
        ):
            self.expect_denied(ask(headers=headers), 401, code, code)

    def test_a_key_that_may_not_gets_403(self):
        for code, method, path in (
            ("not_shared", "POST", SECRET),
            ("resource_unknown", "POST", "/v1/text-to-speech/nobody"),
            ("role_too_low", "POST", "/v1/voices/rachel/edit"),
            ("permission_missing", "GET", "/v1/models"),
            ("route_unknown", "GET", "/v2/anything"),
            ("route_unknown", "GET", USE),
        ):
            self.expect_denied(ask(path, key="anywhere", method=method), 403, code, f"{method} {path}")

    def test_what_a_client_says_in_the_gateways_name_does_not_count(self):
        spoofed = [(name, value) for method, uri in (("original", "original"), ("forwarded", "forwarded"))
                   for name, value in ((f"X-{method}-Method", "POST"), (f"X-{uri}-URI", USE))]
        for headers in (spoofed, spoofed + spoofed, [(name.lower(), value) for name, value in spoofed],
                        [(name.replace("-", "_"), value) for name, value in spoofed]):
            self.expect_denied(ask(SECRET, key="anywhere", headers=headers), 403, "not_shared", headers)
            self.expect_denied(ask("/v1/models", key="anywhere", method="GET", headers=headers), 403,
                               "permission_missing", headers)

    def test_what_a_client_says_in_our_name_does_not_survive(self):
        for headers in ([("x-sallyport-workspace", "spoofed")], [("X-SALLYPORT-ROLE", "spoofed")]):
            self.expect_denied(ask(key="anywhere", headers=headers), 403, "request_malformed", headers)
        reply = ask(key="anywhere", headers=[("x_sallyport_workspace", "spoofed")])
        if reply.status == 200:  # nginx drops such names before anybody sees them
            self.assertNotIn("spoofed", str(reached()))
        else:
            self.expect_denied(reply, 403, "request_malformed")

    def test_an_address_counts_from_trusted_proxies_only(self):
        forwarded = [("x-forwarded-for", "198.51.100.66, 203.0.113.7")]
        self.expect_allowed(ask(key="near", headers=forwarded, source=PROXY))
        self.expect_denied(ask(key="near", headers=forwarded), 403, "ip_not_allowed")
        self.expect_denied(ask(key="near", headers=[("x-forwarded-for", "203.0.113.7, 198.51.100.66")], source=PROXY),
                           403, "ip_not_allowed")
        self.expect_denied(ask(key="near", headers=[("x-real-ip", "203.0.113.7"), ("forwarded", "for=203.0.113.7")]),
                           403, "ip_not_allowed")

    def test_no_spelling_of_a_path_reaches_what_its_own_spelling_may_not(self):
        for path in (
            "/v1/text-to-speech//rachel", "//v1/text-to-speech/rachel", "/v1/./text-to-speech/rachel",
            "/v1/text-to-speech/rachel/../secret", "/v1/text-to-speech/rachel%2f..%2fsecret",
            "/v1/text-to-speech/%2e%2e/text-to-speech/secret", "/v1/text-to-speech/rachel%00",
            "/v1/text-to-speech/rachel;a=b", "/v1/text-to-speech/rachel%3fa", "/v1/text-to-speech/rachel\\..\\secret",
            "/V1/text-to-speech/rachel", "/v1/text-to-speech/secret%23rachel", "/v1/text-to-speech/secret#/rachel",
            f"http://127.0.0.1{SECRET}", f"http://127.0.0.1{SECRET}?{USE}", "/_sallyport", "/auth",
            f"{SECRET}?x={USE}",
        ):
            reply = ask(path, key="anywhere")
            self.assertEqual(reached(), [], path)
            self.assertIn(reply.status, (400, 403, 404, 405), f"{path}: {reply.status}")

    def test_a_route_for_one_host_counts_for_the_host_that_the_gateway_saw(self):
        hosted = "/v1/text-to-speech/hosted"
        schema = (SOURCE / "deploy" / "schema.yaml").read_text()
        routes = f"\nroutes:\n  POST api.example.com{hosted}: use voice/rachel\n  POST {hosted}: use voice/secret\n"
        (WORK / "hosts.yaml").write_text(schema.replace("\nversion: 1\n", "\nversion: 2\n").replace("\nroutes:\n", routes))
        world.admin("schema", "put", str(WORK / "hosts.yaml"), key="operator")
        try:
            for host in ("api.example.com", "API.Example.com", "api.example.com:8080"):
                self.expect_allowed(ask(hosted, key="anywhere", host=host), host)
            claims = [(name, "api.example.com") for name in ("x-forwarded-host", "x-original-host", "forwarded-host")]
            for host in ("www.example.com", "api.example.com.evil.example", "127.0.0.1"):
                self.expect_denied(ask(hosted, key="anywhere", host=host, headers=claims), 403, "not_shared", host)
            if GATEWAY == "nginx":  # takes the dot off before it chooses its own server
                self.expect_allowed(ask(hosted, key="anywhere", host="api.example.com."))
            for host in ("www.example.com.", "api..example.com"):
                reply = ask(hosted, key="anywhere", host=host)
                self.assertEqual(reached(), [], host)
                self.assertIn(reply.status, (400, 403), host)
        finally:
            world.admin("schema", "put", str(SOURCE / "deploy" / "schema.yaml"), key="operator")

    def test_a_gateway_without_an_answer_lets_nothing_pass(self):
        world.server.end()
        try:
            for key in ("anywhere", None):
                reply = ask(key=key)
                self.assertEqual(reached(), [])
                self.assertGreaterEqual(reply.status, 500)
        finally:
            world.start_server()
        wait_for("an answer", lambda: ask(key="anywhere").status == 200)


world = World()
unittest.main(argv=["test_gateways", "-v"])
