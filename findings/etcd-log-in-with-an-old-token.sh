#!/usr/bin/env bash
# etcd 3.4.23: logging in is refused if the expired token comes along.
#
# Guess: Authenticate takes a name and a password, and nothing else decides. A client that sets its token as metadata of every call,
#        and logs in again when a call is refused, gets a new one.
# Seen:  Authenticate itself ends with "invalid auth token" because of the old token in its metadata, although name and password are
#        right. Without the metadata it succeeds.
source "$(dirname "$0")/support/common.sh"
unpack_debian etcd-server=3.4.23-4+b4 etcd-client=3.4.23-4+b4
install_python grpcio==1.85.3

read -r client peer < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))')
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:$client
etcdctl=$work/debian/usr/bin/etcdctl
ETCD_UNSUPPORTED_ARCH=$(uname -m) "$work/debian/usr/bin/etcd" --data-dir "$work/data" --listen-client-urls "$ETCDCTL_ENDPOINTS" --auth-token-ttl 2 \
    --advertise-client-urls "$ETCDCTL_ENDPOINTS" --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
    --initial-cluster "default=http://127.0.0.1:$peer" >"$work/etcd.log" 2>&1 &
etcd=$!
trap 'kill $etcd 2>/dev/null; wait $etcd 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do "$etcdctl" endpoint health >/dev/null 2>&1 && break || sleep 0.2; done
{ "$etcdctl" user add root:secret && "$etcdctl" user grant-role root root && "$etcdctl" auth enable; } >"$work/setup.log" 2>&1

result=$("$python" - "$client" <<'PYTHON'
import sys
import time

import grpc

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
request = b"\x0a\x04root" b"\x12\x06secret"  # AuthenticateRequest: name, password


def log_in(metadata=()):
    """The token: field 2 of AuthenticateResponse, after the header."""
    reply = channel.unary_unary("/etcdserverpb.Auth/Authenticate")(request, metadata=metadata, timeout=20)
    assert reply[0] == 0x0A
    token = reply[2 + reply[1]:]
    assert token[0] == 0x12
    return token[2:2 + token[1]].decode()


token = log_in()
time.sleep(6)
try:
    log_in([("token", token)])
    print("with the old token: a new one", end="; ")
except grpc.RpcError as error:
    print(f"with the old token: {error.code().name}, {error.details()}", end="; ")
print("without it:", "a new one" if log_in() != token else "the same")
PYTHON
)
expect "logging in" "$result" "with the old token: UNAUTHENTICATED, etcdserver: invalid auth token; without it: a new one"
