"""The real Envoy, with deploy/envoy/envoy.yaml, between a client and an upstream, and sallyportd behind it.

Run as test_envoy.py BUILD_DIR WORK_DIR by the run script beside it. Each method named test_… is a sentence."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
import unittest
import urllib.parse

import world as the
from world import USE, WORK, ask, ask_raw, reached, wait_for


def admin(path):
    """What Envoy's own port answers."""
    connection = http.client.HTTPConnection("127.0.0.1", the.world.ports["admin"], timeout=the.SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class EnvoyTest(unittest.TestCase):
    def setUp(self):
        reached()

    def expect_allowed(self, reply, message=None):
        self.assertEqual((reply.status, reply.body), (200, b"upstream\n"), message)
        seen = reached()
        self.assertEqual(len(seen), 1, message)
        return seen[0][:3]

    def expect_denied(self, reply, status, code, message=None):
        self.assertEqual(reached(), [], message)
        self.assertEqual(reply.status, status, message)
        self.assertEqual(reply.headers["content-type"], "application/json", message)
        self.assertEqual(reply.detail["code"], code, message)
        self.assertRegex(reply.detail["request_id"], r"^[0-9a-f-]{36}$", message)
        self.assertEqual("www-authenticate" in reply.headers, status == 401, message)
        for key in the.world.keys.values():
            self.assertNotIn(key, reply.body.decode() + str(reply.headers))


class Judging(EnvoyTest):
    def test_an_allowed_request_reaches_the_upstream_with_who_it_is_and_without_its_key(self):
        for name, headers in (
            ("x-api-key", [("x-api-key", the.world.keys["anywhere"])]),
            ("bearer", [("authorization", f"Bearer {the.world.keys['anywhere']}")]),
            ("both", [("x-api-key", the.world.keys["anywhere"]), ("authorization",
             f"bearer {the.world.keys['anywhere']}")]),
            ("x-api-key in two lines", [("x-api-key", the.world.keys["anywhere"])] * 2),
            ("x-api-key joined to itself", [("x-api-key", f"{the.world.keys['anywhere']}, {the.world.keys['anywhere']},")]),
            ("an empty line beside it", [("x-api-key", ""), ("x-api-key", the.world.keys["anywhere"])]),
            ("beside another scheme", [("x-api-key", the.world.keys["anywhere"]), ("authorization", "Basic eDp5")]),
            ("beside a digest", [("authorization", 'Digest username="a, b", nc=00000001'),
             ("x-api-key", the.world.keys["anywhere"])]),
        ):
            command, path, seen = self.expect_allowed(ask(headers=headers + [("accept", "audio/mpeg")]), name)
            self.assertEqual((command, path), ("POST", USE))
            given = dict(seen)
            self.assertEqual(given["x-sallyport-workspace"], "acme")
            self.assertEqual(given["x-sallyport-principal"], "narrator")
            self.assertEqual(given["x-sallyport-key-id"], "anywhere")
            self.assertRegex(given["x-sallyport-decision-id"], r"^[0-9a-v]{25}$")
            self.assertEqual(given["accept"], "audio/mpeg")
            self.assertNotIn("x-api-key", given)
            self.assertNotIn("authorization", given)
            self.assertNotIn(the.world.keys["anywhere"], str(seen))

    def test_what_a_client_says_in_our_name_does_not_survive(self):
        spoofed = [(f"x-sallyport-{name}", "spoofed") for name in ("workspace", "principal", "key-id", "decision-id",
            "role", "admin")]
        for headers in (spoofed, spoofed + spoofed, [(name.upper(), value) for name, value in spoofed]):
            _, _, seen = self.expect_allowed(ask(key="anywhere", headers=headers))
            self.assertNotIn("spoofed", str(seen))
            ours = [name for name, _ in seen if "sallyport" in name]
            self.assertEqual(sorted(ours), ["x-sallyport-decision-id", "x-sallyport-key-id", "x-sallyport-principal",
                "x-sallyport-workspace"])

    def test_a_request_without_one_good_key_gets_401(self):
        key = the.world.keys["anywhere"]
        for code, headers in (
            ("credential_missing", []),
            ("credential_missing", [("x-api-key", "")]),
            ("credential_missing", [("authorization", "Basic eDp5")]),
            ("credential_ambiguous", [("x-api-key", key), ("authorization", f"Bearer {the.world.keys['near']}")]),
            ("credential_ambiguous", [("x-api-key", key), ("authorization", "eDp5")]),
            ("credential_ambiguous", [("x-api-key", key), ("authorization", f"Basic eDp5, Bearer {key}")]),
            ("key_malformed", [("x-api-key", key + "x")]),
            ("credential_ambiguous", [("x-api-key", f"{key},{the.world.keys['near']}")]),
            ("credential_ambiguous", [("x-api-key", key), ("x-api-key", the.world.keys["near"])]),
            ("key_malformed", [("x-api-key", "k" * 20000)]),
        ):
            reply = ask(headers=headers)
            self.expect_denied(reply, 401, code, f"{code} {str(headers)[:60]}")
            self.assertEqual(reply.detail["type"], "authentication_error")

    def test_a_key_that_may_not_gets_403(self):
        for code, method, path in (
            ("not_shared", "POST", "/v1/text-to-speech/secret"),
            ("resource_unknown", "POST", "/v1/text-to-speech/nobody"),
            ("role_too_low", "POST", "/v1/voices/rachel/edit"),
            ("permission_missing", "GET", "/v1/models"),
            ("route_unknown", "GET", "/v2/anything"),
            ("route_unknown", "GET", USE),
            ("route_unknown", "POST", USE + "/"),
        ):
            self.expect_denied(ask(path, key="anywhere", method=method), 403, code, f"{method} {path}")

    def test_the_configuration_of_a_route_wins_over_the_schemas(self):
        self.expect_allowed(ask("/labs/anything/at/all", key="anywhere", method="GET"))
        self.expect_denied(ask("/labs", method="GET"), 401, "credential_missing")

    def test_a_route_that_asks_nobody_is_open(self):
        self.assertEqual(ask("/healthz", method="GET").status, 200)

    def test_no_spelling_of_a_path_reaches_what_its_own_spelling_may_not(self):
        # The reading of a server that decodes once and does not resolve dots.
        allowed = re.compile(r"/v1/text-to-speech/rachel|/labs(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*")
        reached_some = False
        for path in (
            "/v1/text-to-speech//rachel", "//v1/text-to-speech/rachel", "/v1//text-to-speech/rachel",
            "/v1/./text-to-speech/rachel",
            "/v1/x/../text-to-speech/rachel", "/v1/text-to-speech/secret/../rachel",
            "/v1/text-to-speech/rachel/../secret",
            "/v1/text-to-speech/rachel%2f..%2fsecret", "/v1/text-to-speech/rachel%2F",
            "/v1/text-to-speech/%2e%2e/text-to-speech/secret",
            "/v1/text-to-speech/rachel%00", "/v1/text-to-speech/rachel%0a", "/v1/text-to-speech/rachel;a=b",
            "/v1/text-to-speech/rachel%3fa",
            "/v1/text-to-speech/rachel%5c..%5csecret", "/v1/text-to-speech/rachel\\..\\secret",
            "/V1/text-to-speech/rachel",
            "/v1/text-to-speech/%72achel", "/v1/%74ext-to-speech/secret", "/v1/text-to-speech/rachel%252f",
            "/v1/text-to-speech/secret%23rachel",
            "/labs/../v1/text-to-speech/secret", "/labs/%2e%2e/v1/text-to-speech/secret",
            "/labs/..%2fv1/text-to-speech/secret",
            "/labs%2f..%2fv1/text-to-speech/secret", "/labs/..", "/labs/.", "/labsx",
            "/labs/..;/v1/text-to-speech/secret", "/%6cabs",
        ):
            headers = f"host: a\r\nx-api-key: {the.world.keys['anywhere']}\r\ncontent-length: 0\r\nconnection: close"
            request = f"POST {path} HTTP/1.1\r\n{headers}\r\n\r\n"
            status = ask_raw(request.encode())
            for _, seen, _, _ in reached():
                reached_some = True
                self.assertRegex(urllib.parse.unquote(seen), rf"\A({allowed.pattern})\Z", path)
            self.assertIn(status, (200, 400, 403, 404), path)
        self.assertTrue(reached_some)

    def test_rough_requests_are_denied_and_harm_nothing(self):
        key = the.world.keys["anywhere"].encode()
        start = b"POST /v1/text-to-speech/rachel HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n"
        rest = b" HTTP/1.1\r\nhost: a\r\nx-api-key: " + key + b"\r\nconnection: close\r\n\r\n"
        many = b"".join(b"x-h-%d: %s\r\n" % (i, b"v" * 100) for i in range(70))
        for name, request, statuses in (
            ("many headers", start + many + b"x-api-key: " + key + b"\r\n\r\n", {200}),
            ("bytes beyond ASCII in another header",
             start + b"x-other: \xff\xfe\xc3\x28\r\nx-api-key: " + key + b"\r\n\r\n", {200}),
            ("bytes beyond ASCII in the key", start + b"x-api-key: \xff\xfe\xc3\x28\r\n\r\n", {401}),
            ("bytes beyond ASCII in the address",
             start + b"x-forwarded-for: \xff\xfe\r\nx-api-key: " + key + b"\r\n\r\n", {200}),
            ("a long path", b"GET /" + b"a" * 30000 + rest, {400}),
            ("a long query", b"GET /labs?" + b"a" * 30000 + rest, {200}),
            ("a path beyond ASCII", b"GET /v1/\xff\xfe" + rest, {400}),
            ("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\nx-api-key: " + key + b"\r\n\r\n", {400, 403, 404}),
            ("OPTIONS *", b"OPTIONS *" + rest, {400, 404}),
            ("another method", b"BREW /v1/text-to-speech/rachel" + rest, {400, 403}),
        ):
            reached()
            self.assertIn(ask_raw(request), statuses, name)
            self.assertEqual(len(reached()), 1 if statuses == {200} else 0, name)

    def test_many_clients_at_once_each_get_their_own_answer(self):
        wrong = []

        def client(number):
            for i in range(50):
                voice, expected = ("rachel", 200) if (number + i) % 2 == 0 else ("secret", 403)
                if ask(f"/v1/text-to-speech/{voice}", key="anywhere").status != expected:
                    wrong.append((number, i))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_change_is_in_force_for_the_next_request(self):
        self.expect_denied(ask("/v1/text-to-speech/secret", key="anywhere"), 403, "not_shared")
        the.world.admin("share", "add", "voice/secret", "--principal", "narrator", "--role", "viewer")
        self.expect_allowed(ask("/v1/text-to-speech/secret", key="anywhere"))
        the.world.admin("share", "remove", "voice/secret", "--principal", "narrator")
        self.expect_denied(ask("/v1/text-to-speech/secret", key="anywhere"), 403, "not_shared")

    def test_the_access_log_says_what_was_decided(self):
        decision = dict(self.expect_allowed(ask(key="anywhere"))[2])["x-sallyport-decision-id"]
        self.expect_denied(ask("/v2/logged", key="anywhere", method="GET"), 403, "route_unknown")
        written = lambda: the.world.envoy.out.read_text().splitlines()
        lines = lambda: [json.loads(line) for line in written() if line.startswith("{")]
        wait_for("the access log", lambda: any(line["decision_id"] == decision for line in lines()))
        line = next(line for line in lines() if line["decision_id"] == decision)
        self.assertEqual((line["reason"], line["workspace"], line["key_id"]), ("ALLOWED", "acme", "anywhere"))
        wait_for("the denial's line",
            lambda: any(line["status"] == 403 and line["reason"] == "ROUTE_UNKNOWN" for line in lines()))


class Addresses(EnvoyTest):
    """The client of these tests is 127.0.0.1: a proxy of ours or not, as sallyportd was told."""

    def tearDown(self):
        self.restart()

    def restart(self, *options):
        self.assertEqual(the.world.server.end(), 0)
        the.world.start_server(*options)
        wait_for("an answer", lambda: ask(key="anywhere").status == 200)
        reached()

    def ask_with(self, forwarded, key="near"):
        return ask(key=key, headers=[("x-forwarded-for", line) for line in forwarded])

    def test_nothing_that_a_client_says_of_its_address_is_believed(self):
        for forwarded in ([], ["203.0.113.7"], ["203.0.113.7", "203.0.113.8"], ["203.0.113.7, 203.0.113.7"]):
            self.expect_denied(self.ask_with(forwarded), 403, "ip_not_allowed", forwarded)

    def test_behind_a_trusted_range_the_address_that_its_proxy_wrote_counts(self):
        # For a peer on its own machine, Envoy writes down the machine's address.
        _, _, seen = self.expect_allowed(ask(key="anywhere"))
        self.restart("--trusted-proxies", f"127.0.0.0/8,10.0.0.0/8,{dict(seen)['x-forwarded-for']}")
        self.expect_ranges()

    def test_behind_counted_hops_the_leftmost_of_them_counts(self):
        # Envoy writes one entry, the proxy in front of it the other.
        self.restart("--trusted-hops", "2", "--trusted-peers", "127.0.0.0/8")
        for forwarded in (["203.0.113.7"], ["198.51.100.66, 203.0.113.7"], ["198.51.100.66", "203.0.113.7"]):
            self.expect_allowed(self.ask_with(forwarded), forwarded)
        for forwarded in ([], ["198.51.100.66"], ["203.0.113.7, 198.51.100.66"], ["203.0.113.7", "198.51.100.66"],
            ["203.0.113.7, unknown"]):
            self.expect_denied(self.ask_with(forwarded), 403, "ip_not_allowed", forwarded)

    def expect_ranges(self):
        for forwarded in (["203.0.113.7"], ["198.51.100.66, 203.0.113.7"], ["203.0.113.7, 10.0.0.9"],
            ["198.51.100.66", "203.0.113.7:443"]):
            self.expect_allowed(self.ask_with(forwarded), forwarded)
        for forwarded in ([], ["198.51.100.66"], ["203.0.113.7, 198.51.100.66"],
            ["203.0.113.7, 198.51.100.66, 10.0.0.9"],
                          ["203.0.113.7", "198.51.100.66"], ["203.0.113.7, unknown"], ["203.0.113.7, "], ["10.0.0.9"]):
            self.expect_denied(self.ask_with(forwarded), 403, "ip_not_allowed", forwarded)


class Trouble(EnvoyTest):
    def expect_closed(self):
        for key in ("anywhere", None):
            reply = ask(key=key)
            self.assertEqual((reply.status, reached()), (503, []))

    def test_nothing_passes_while_the_server_is_gone_and_all_is_well_when_it_is_back(self):
        self.assertEqual(the.world.server.end(signal.SIGKILL), -signal.SIGKILL)
        wait_for("the connection's end", lambda: ask(key="anywhere").status == 503)
        for _ in range(5):
            self.expect_closed()
        the.world.start_server()
        wait_for("the first answer", lambda: ask(key="anywhere").status == 200)
        reached()
        self.expect_allowed(ask(key="anywhere"))
        self.expect_denied(ask("/v1/text-to-speech/secret", key="anywhere"), 403, "not_shared")

    def test_nothing_passes_while_the_server_does_not_answer(self):
        the.world.server.process.send_signal(signal.SIGSTOP)
        try:
            wait_for("every thread's stop", the.world.server.stands_still)
            self.expect_closed()
        finally:
            the.world.server.process.send_signal(signal.SIGCONT)
        wait_for("the first answer", lambda: ask(key="anywhere").status == 200)

    def test_nothing_passes_while_the_server_has_no_store(self):
        self.assertEqual(the.world.server.end(), 0)
        shutil.move(WORK / "store", WORK / "moved")
        try:
            the.world.start_server()
            wait_for("the connection", lambda: b"cannot be authorized right now" in ask(key="anywhere").body)
            self.assertEqual(ask(key="anywhere").status, 503)
            self.assertEqual(ask().status, 401)
            self.assertEqual(reached(), [])
        finally:
            shutil.move(WORK / "moved", WORK / "store")
        wait_for("the first answer", lambda: ask(key="anywhere").status == 200)


def insert_before(text, line, inserted):
    assert text.count(line) == 1, line
    return text.replace(line, inserted + line)


def patient(text):
    """Waits for an answer for as long as a busy machine may need to start a server beside it."""
    assert text.count("timeout: 0.5s") == 1
    return text.replace("timeout: 0.5s", "timeout: 10s")


class Configured(EnvoyTest):
    def configure(self, configure):
        self.restart_envoy(configure)
        self.addCleanup(self.restart_envoy, lambda text: text)

    def restart_envoy(self, configure):
        self.assertEqual(the.world.envoy.end(), 0)
        the.world.configure = configure
        the.world.start_envoy()
        wait_for("an answer", lambda: ask("/healthz", method="GET").status == 200)
        reached()


class TwoServers(Configured):
    def healthy(self):
        lines = admin("/clusters").splitlines()
        return sum(line.startswith("sallyport::127.0.0.1") and line.endswith("health_flags::healthy") for line in lines)

    def retries(self):
        (line,) = [line for line in admin("/stats").splitlines() if line.startswith("cluster.sallyport.upstream_rq_retry:")]
        return int(line.split()[1])

    def wait_for_more(self, count):
        until = count[0] + 400
        wait_for("requests", lambda: count[0] >= until)

    def client(self, ended, count, wrong):
        connection = http.client.HTTPConnection("127.0.0.1", the.world.ports["envoy"], timeout=the.SECONDS)
        while not ended.is_set():
            connection.request("POST", USE, headers={"x-api-key": the.world.keys["anywhere"], "content-length": "0"})
            response = connection.getresponse()
            body = response.read()
            count[0] += 1
            if response.status != 200:
                wrong.append((response.status, response.getheaders(), body))
        connection.close()

    def restart_under_load(self, rounds, *options):
        """Each of two servers, as often; returns how often Envoy asked again."""
        self.assertEqual(the.world.server.end(), 0)
        servers = {name: the.world.new_server(name, *options) for name in ("server", "second")}
        wait_for("both servers", lambda: self.healthy() == 2)
        ended, wrong, count, before = threading.Event(), [], [0], self.retries()
        threads = [threading.Thread(target=self.client, args=(ended, count, wrong)) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(rounds):
                for name, server in servers.items():
                    self.assertEqual(server.end(), 0)
                    # Some while it is away, and some when it is back.
                    self.wait_for_more(count)
                    servers[name] = the.world.new_server(name, *options)
                    wait_for("both servers", lambda: self.healthy() == 2)
                    self.wait_for_more(count)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
            retries = self.retries() - before
            the.world.server = servers["server"]
            self.assertEqual(servers["second"].end(), 0)
        self.assertEqual(wrong, [], admin("/clusters") + admin("/stats?usedonly&filter=cluster.sallyport"))
        print(f"{count[0]} requests during {2 * rounds} restarts, {retries} asked again", end=" ... ")
        return retries

    def test_six_restarts_of_two_servers_lose_no_request(self):
        # Clients do not repeat CANCELLED, so a server that ends must not answer it.
        self.configure(lambda text: patient(text).replace("retry_on: cancelled,", "retry_on: "))
        self.restart_under_load(3)

    def test_a_server_that_ends_quietly_is_not_asked_any_more(self):
        with open(the.SOURCE / "docs/envoy.md", encoding="utf-8") as file:
            (option,) = re.findall(r"`(--quiet-ms=[0-9]+)`", file.read())
        self.configure(patient)
        self.assertEqual(self.restart_under_load(1, option), 0)


class Variants(Configured):
    """Changes to the configuration that docs/envoy.md describes."""

    def logged(self, **wanted):
        """A trial run's line of the access log with these fields."""
        lines = lambda: [json.loads(line) for line in the.world.envoy.out.read_text().splitlines() if line.startswith("{")]
        fits = lambda: [line for line in lines() if "trial" in line and wanted.items() <= line.items()]
        wait_for(f"the line {wanted}", fits)
        return fits()[-1]

    def test_on_a_route_that_asks_nobody_nothing_in_our_name_passes(self):
        nobody = """              - match: {prefix: /open}
                route: {cluster: upstream}
                typed_per_filter_config:
                  envoy.filters.http.ext_authz:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                    disabled: true
"""
        self.configure(lambda text: insert_before(text, "              # Says itself what is asked: any valid key may. A pattern of what is "
                                                        "expected, not a prefix: \"/labs/..;/v1/voices\"\n", nobody))
        names = ("x-sallyport-workspace", "X-Sallyport-Principal", "x-sallyport-anything")
        reply = ask("/open/door", headers=[(name, "spoofed") for name in names + names] + [("x-other", "stays")])
        _, _, seen = self.expect_allowed(reply)
        self.assertNotIn("spoofed", str(seen))
        self.assertIn(("x-other", "stays"), seen)

    def test_a_trial_run_lets_all_through_and_logs_what_would_have_been_denied(self):
        with open(the.SOURCE / "docs/envoy.md", encoding="utf-8") as file:
            (field,) = re.findall(r"`(trial: \"%FILTER_STATE.*?)`", file.read())

        def configure(text):
            text = insert_before(text, "              # Without an answer nothing passes.\n", "              shadow_mode: true\n")
            return insert_before(text, '                  request_id: "%REQ(X-REQUEST-ID)%"\n', f"                  {field}\n")

        self.configure(configure)
        for key, path, expected, status, reason in (("anywhere", USE, "OK", 200, "ALLOWED"), ("near", USE, "DENIED", 403, "IP_NOT_ALLOWED"),
                                                    (None, USE, "DENIED", 401, "CREDENTIAL_MISSING")):
            reply = ask(path, key=key, headers=[("x-sallyport-workspace", "spoofed")])
            _, _, seen = self.expect_allowed(reply)
            # What would have been denied passes as it came, with its key.
            ours = [name for name, _ in seen if name.startswith("x-sallyport-")]
            self.assertEqual(len(ours), 4 if expected == "OK" else 0)
            self.assertEqual("x-api-key" in dict(seen), expected == "DENIED" and key is not None)
            self.assertNotIn("spoofed", str(seen))
            line = self.logged(status=200, reason=reason)
            self.assertEqual(line["trial"]["check_result"], expected)
            self.assertEqual(line["trial"]["status_code"], status)
        self.assertEqual(the.world.server.end(), 0)
        try:
            self.expect_allowed(ask(key="anywhere"))
        finally:
            the.world.start_server()
        wait_for("the line of the error", lambda: '"check_result":"ERROR"' in the.world.envoy.out.read_text())

    def test_each_key_has_a_limit_of_its_own(self):
        limit = (the.SOURCE / "deploy/envoy/ratelimit.yaml").read_text()
        limit, count = re.subn(r"max_tokens: 100, tokens_per_fill: 100, fill_interval: 1s", "max_tokens: 3, tokens_per_fill: 3, "
                               "fill_interval: 600s", limit)
        self.assertEqual(count, 1)
        lines = [line for line in limit.splitlines() if not line.startswith("#")]
        item = "          - " + lines[0] + "\n" + "".join(f"            {line}\n" for line in lines[1:])
        self.configure(lambda text: insert_before(text, "          - name: envoy.filters.http.router\n", item))
        self.assertEqual([ask(key="anywhere").status for _ in range(5)], [200, 200, 200, 429, 429])
        self.assertEqual(len(reached()), 3)
        the.world.admin("key", "create", "--id", "other", "--principal", "narrator", "--name", "other", "--permission",
                        "text_to_speech", "--secret-file", WORK / "other.key")
        the.world.keys["other"] = (WORK / "other.key").read_text().strip()
        self.assertEqual([ask(key="other").status for _ in range(4)], [200, 200, 200, 429])
        # What is denied counts for nobody.
        self.assertEqual({ask().status for _ in range(5)}, {401})
        reached()

    def test_lines_that_envoy_joins_are_read_as_the_lines_that_they_were(self):
        """Without encode_raw_headers, Envoy hands over each name once, its values joined by commas."""
        def configure(text):
            text, count = re.subn(r"\n *encode_raw_headers: true", "", text)
            self.assertEqual(count, 1)
            return text

        self.configure(configure)
        key, other = the.world.keys["anywhere"], the.world.keys["near"]
        for headers in ([("x-api-key", key)] * 2, [("x-api-key", ""), ("x-api-key", key)], [("x-api-key", key), ("x-api-key", "")],
                        [("authorization", f"Bearer {key}")] * 2):
            self.expect_allowed(ask(headers=headers), str(len(headers)))
        self.expect_denied(ask(headers=[("x-api-key", key), ("x-api-key", other)]), 401, "credential_ambiguous")

    def test_a_client_of_a_grpc_upstream_gets_a_grpc_status(self):
        curl = shutil.which("curl")
        if not curl:
            self.skipTest("curl is not here")
        for status, code, headers in ((16, "credential_missing", []), (7, "route_unknown", ["-H", f"x-api-key: {the.world.keys['anywhere']}"])):
            done = subprocess.run([curl, "-s", "-D", "-", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
                                   *headers, "--data-binary", "", f"http://127.0.0.1:{the.world.ports['envoy']}/voices.v1.Voices/Get"],
                                  capture_output=True, text=True, check=True)
            self.assertIn("HTTP/2 200", done.stdout)
            self.assertIn(f"grpc-status: {status}\n", done.stdout.replace("\r", ""))
            (message,) = re.findall(r"grpc-message: (.*)", done.stdout.replace("\r", ""))
            self.assertEqual(json.loads(urllib.parse.unquote(message))["detail"]["code"], code)
            self.assertEqual(reached(), [])


the.start()
the.run_tests(unittest.main)
