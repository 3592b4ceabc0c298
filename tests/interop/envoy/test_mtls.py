"""Mutual TLS between the real Envoy and sallyportd, with deploy/envoy/mtls*.yaml, and its certificates changed under
load.

Run as test_mtls.py BUILD_DIR WORK_DIR by the run script beside it. Each method named test_… is a sentence."""

import http.client
import os
import socket
import ssl
import subprocess
import threading
import unittest

import world as the
from world import SOURCE, WORK, ask, reached, wait_for

SHARED = WORK / "pki"
REQUESTS_PER_CONNECTION = 10  # so that there are handshakes all the time


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def sign(folder, name, alternative, authority):
    """A new key and certificate as tls.key and tls.crt in the folder; `authority` None: one that signs itself."""
    folder.mkdir(parents=True, exist_ok=True)
    signer = ("-CA", SHARED / authority / "tls.crt", "-CAkey", SHARED / authority / "tls.key") if authority else ()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        f"/CN={name}",
            "-addext", f"subjectAltName={alternative}", "-addext",
            f"basicConstraints=critical,CA:{'FALSE' if authority else 'TRUE'}",
            "-keyout", folder / "tls.key", "-out", folder / "tls.crt", *signer)


def certificate_of(folder):
    return ssl.PEM_cert_to_DER_cert((folder / "tls.crt").read_text())


class Identity:
    """A folder whose "current" is a link to the newest version, as Kubernetes mounts secrets."""

    def __init__(self, name, alternative):
        self.folder, self.name, self.alternative, self.versions = WORK / name, name, alternative, 0

    @property
    def current(self):
        return self.folder / "current"

    def put(self, authority, believed):
        """A new certificate, beside the CAs to believe in."""
        version = self.prepare()
        sign(version, self.name, self.alternative, authority)
        self.believe(version, believed)
        self.take(version)

    def prepare(self):
        self.versions += 1
        version = self.folder / f"v{self.versions}"
        version.mkdir(parents=True)
        return version

    def believe(self, version, believed):
        (version / "ca.crt").write_text("".join((SHARED / name / "tls.crt").read_text() for name in believed))

    def take(self, version):
        link = self.folder / "next"
        link.symlink_to(version.name)
        os.replace(link, self.current)


server = Identity("server", "DNS:sallyport,IP:127.0.0.1")
gateway = Identity("gateway", "URI:spiffe://example.org/gateway")


def configure(text):
    for kind in ("certificate", "ca"):
        secret = (SOURCE / f"deploy/envoy/mtls-{kind}.yaml").read_text()
        (WORK / f"mtls-{kind}.yaml").write_text(secret.replace("/etc/envoy/tls", str(gateway.folder)))
    lines = (SOURCE / "deploy/envoy/mtls.yaml").read_text().replace("/etc/envoy", str(WORK)).splitlines()
    socket_text = "".join(f"    {line}\n" for line in lines if not line.startswith("#"))
    text = text.replace("  - name: sallyport\n", f"  - name: sallyport\n{socket_text}")
    often = f"common_http_protocol_options: {{max_requests_per_connection: {REQUESTS_PER_CONNECTION}}}"
    return text.replace("        explicit_http_config:\n", f"        {often}\n        explicit_http_config:\n")


def shown_by_server(identity=None):
    """The certificate that a new connection is shown, None where it is refused. `identity`: what the client shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if identity is not None:
        context.load_cert_chain(identity / "tls.crt", identity / "tls.key")
    try:
        with socket.create_connection(("127.0.0.1", the.world.ports["server"]), the.SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname="sallyport") as connection:
                # For the client, the handshake ends before the server refuses its certificate.
                connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                return connection.getpeercert(binary_form=True) if connection.recv(1) else None
    except (ssl.SSLError, ConnectionError):
        return None


def shown_by_envoy():
    """The serial numbers of what Envoy has in use, of its own certificate and of CAs."""
    connection = http.client.HTTPConnection("127.0.0.1", the.world.ports["admin"], timeout=the.SECONDS)
    try:
        connection.request("GET", "/certs")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def serial_of(folder):
    text = subprocess.run(["openssl", "x509", "-in", folder / "tls.crt", "-noout", "-serial"], check=True,
        capture_output=True, text=True).stdout
    return text.strip().partition("=")[2].lower()


class Load:
    """Four clients that ask without a pause, and what they did not expect."""

    def __enter__(self):
        self.ended, self.count, self.wrong = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.ask) for _ in range(4)]
        for thread in self.threads:
            thread.start()
        return self

    def ask(self):
        while not self.ended.is_set():
            reply = ask(key="anywhere")
            self.count += 1
            if reply.status != 200:
                self.wrong.append((reply.status, reply.body))

    def more(self):
        """Waits until there were some connections more."""
        until = self.count + 8 * REQUESTS_PER_CONNECTION
        wait_for("requests", lambda: self.count >= until)

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class MutualTls(unittest.TestCase):
    def test_requests_pass_over_it(self):
        reached()
        self.assertEqual(ask(key="anywhere").status, 200)
        self.assertEqual(dict(reached()[0][2])["x-sallyport-workspace"], "acme")
        self.assertEqual(ask("/v1/text-to-speech/secret", key="anywhere").status, 403)

    def test_nobody_else_is_answered(self):
        self.assertIsNotNone(shown_by_server(gateway.current))
        self.assertIsNone(shown_by_server(None))
        stranger = WORK / "stranger"
        sign(SHARED / "other", "other", "DNS:other", None)
        sign(stranger, "gateway", "URI:spiffe://example.org/gateway", "other")
        self.assertIsNone(shown_by_server(stranger))
        with socket.create_connection(("127.0.0.1", the.world.ports["server"]), the.SECONDS) as plain:
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            try:
                self.assertNotIn(b"\0\0\0\4\1", plain.recv(100))
            except ConnectionError:
                pass

    def test_certificates_and_their_authority_change_under_load_and_no_request_fails(self):
        sign(SHARED / "second", "second", "DNS:second", None)
        with Load() as load:
            load.more()
            for step, (identity, authority, believed) in enumerate((
                (server, "first", ["first"]),
                (gateway, "first", ["first"]),
                # To another CA: trust both, sign with the new one, drop the old one.
                (server, "first", ["first", "second"]),
                (gateway, "first", ["first", "second"]),
                (server, "second", ["first", "second"]),
                (gateway, "second", ["first", "second"]),
                (server, "second", ["second"]),
                (gateway, "second", ["second"]),
            )):
                identity.put(authority, believed)
                self.wait_until_in_use(identity, step)
                load.more()
        self.assertEqual(load.wrong, [])
        print(f"{load.count} requests while certificates changed", end=" ... ")
        self.assertIsNone(shown_by_server(gateway.folder / "v1"), "the first authority is still believed")

    def test_a_broken_certificate_leaves_the_last_good_one_in_use(self):
        good = certificate_of(server.current)
        with Load() as load:
            load.more()
            version = server.prepare()
            for name in ("tls.crt", "tls.key", "ca.crt"):
                (version / name).write_text("-----BEGIN NOTHING-----\n")
            server.take(version)
            log = lambda: the.world.server.err.read_text()
            before = log().count('"level":"error"')
            wait_for("a complaint",
                lambda: shown_by_server(gateway.current) == good and log().count('"level":"error"') > before)
            load.more()
            server.put(*self.authority())
            wait_for("the new one", lambda: shown_by_server(gateway.current) == certificate_of(server.current))
            load.more()
        self.assertEqual(load.wrong, [])

    def authority(self):
        """Who signs, and who is believed, whichever of the tests went before."""
        name = "second" if (SHARED / "second" / "tls.crt").exists() else "first"
        return name, [name]

    def wait_until_in_use(self, identity, step):
        if identity is server:
            shown = certificate_of(server.current)
            wait_for(f"the server's certificate of step {step}", lambda: shown_by_server(gateway.current) == shown)
        else:
            serial = serial_of(gateway.current)
            wait_for(f"Envoy's certificate of step {step}", lambda: serial in shown_by_envoy())


sign(SHARED / "first", "first", "DNS:first", None)
server.put("first", ["first"])
gateway.put("first", ["first"])
(WORK / "callers.yaml").write_text("uri:spiffe://example.org/gateway: check\n")
the.start(
    server_options=("--tls-cert", server.current / "tls.crt", "--tls-key", server.current / "tls.key",
        "--tls-client-ca", server.current / "ca.crt",
        "--callers", WORK / "callers.yaml"),
    configure=configure)
wait_for("an answer", lambda: ask(key="anywhere").status == 200)
the.run_tests(unittest.main)
