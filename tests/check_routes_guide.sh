#!/usr/bin/env bash
# Runs each command of docs/routes.md with the schema of the page, and compares the output with the one on the page.
# Usage: check_routes_guide.sh BUILD
set -euo pipefail
build=$(realpath "$1")
guide=$(realpath "$(dirname "$0")/../docs/routes.md")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH=$build:$PATH

awk '/^```yaml$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >routes.yaml
awk '/^```console$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >shown

ran=0
while IFS= read -r line; do
    if [[ $line == '$ '* ]]; then
        echo "$line"
        eval "${line#'$ '}" </dev/null 2>&1 || true
        ran=$((ran + 1))
    fi
done <shown >done
diff shown done || { echo "the output of the commands in docs/routes.md differs from the page" >&2; exit 1; }
((ran >= 15)) || { echo "docs/routes.md shows only $ran commands" >&2; exit 1; }
