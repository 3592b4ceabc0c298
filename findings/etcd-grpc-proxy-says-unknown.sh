#!/usr/bin/env bash
# etcd 3.4.23, `etcd grpc-proxy`: a compacted revision has another status than from etcd itself.
#
# Guess: the proxy passes on what etcd says, as a client that moves from an endpoint of etcd to one of the proxy needs it.
# Seen:  etcd says OUT_OF_RANGE, the proxy UNKNOWN, with the same words. So does a revision in the future. A client that lists anew when
#        its revision was compacted must know the words.
source "$(dirname "$0")/support/common.sh"
unpack_debian etcd-server=3.4.23-4+b4
install_python grpcio==1.85.3

result=$("$python" - "$work" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time

import grpc

work = sys.argv[1]
env = {**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def start(*words):
    with open(f"{work}/etcd.log", "ab") as log:
        return subprocess.Popen([f"{work}/debian/usr/bin/etcd", *words], env=env, stdout=log, stderr=log)


def call(port, method, request):
    """The answer's status and words."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(f"/etcdserverpb.KV/{method}")(request, wait_for_ready=True, timeout=20)
            return "OK"
        except grpc.RpcError as error:
            return f"{error.code().name} ({error.details().removeprefix('etcdserver: ')})"


port, peer, proxy_port = free_port(), free_port(), free_port()
url, peer_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
programs = [start("--data-dir", f"{work}/data", "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer_url,
                  "--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}"),
            start("grpc-proxy", "start", "--endpoints", f"127.0.0.1:{port}", "--listen-addr", f"127.0.0.1:{proxy_port}")]
try:
    for _ in range(100):
        if call(port, "Put", b"\x0a\x01k\x12\x01v") == "OK":
            break
        time.sleep(0.2)
    for _ in range(4):
        call(port, "Put", b"\x0a\x01k\x12\x01v")  # key, value
    assert call(port, "Compact", b"\x08\x05") == "OK"  # revision 5
    asked = {"compacted": b"\x0a\x01k\x20\x02", "future": b"\x0a\x01k\x20\x64"}  # key, revision 2 or 100
    print("; ".join(f"{name}: etcd {call(port, 'Range', request)}, proxy {call(proxy_port, 'Range', request)}"
                    for name, request in asked.items()))
finally:
    for program in programs:
        program.kill()
        program.wait()
PYTHON
)
expect "a revision" "$result" "compacted: etcd OUT_OF_RANGE (mvcc: required revision has been compacted), proxy UNKNOWN (mvcc: required \
revision has been compacted); future: etcd OUT_OF_RANGE (mvcc: required revision is a future revision), proxy UNKNOWN (mvcc: required \
revision is a future revision)"
