#!/usr/bin/env bash
# Follows docs/policy.md: runs the commands of its sh blocks, makes its files, and runs those of its console blocks, whose output
# must be the one on the page. Usage: check_policy_guide.sh BUILD
set -euo pipefail
build=$(realpath "$1")
guide=$(realpath "$(dirname "$0")/../docs/policy.md")
work=$(mktemp -d)
sync_pid=
finish() {
    [[ -z $sync_pid ]] || kill "$sync_pid" 2>/dev/null || true
    wait || true
    rm -rf "$work"
}
trap finish EXIT
cd "$work"
export PATH=$build:$PATH SALLYPORT_ADMIN=unix:$work/admin.sock SALLYPORT_SYNC_HTTP_LISTEN=none

awk '/^```sh$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >start.sh
awk '/^```yaml$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >files
awk '/^```console$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >shown

# shellcheck source=/dev/null
source start.sh >start.log 2>&1 || { cat start.log; exit 1; }
sync_pid=$!

# "# policy/people.yaml" begins a file of that name.
awk '/^# [a-z\/_]+\.yaml$/ {file = $2} file != "" {print > file}' files

ran=0
while IFS= read -r line; do
    if [[ $line == '$ '* ]]; then
        echo "$line"
        eval "${line#'$ '}" </dev/null 2>&1 || true
        ran=$((ran + 1))
    fi
done <shown >done
diff shown done || { echo "the output of the commands in docs/policy.md differs from the page" >&2; exit 1; }
((ran >= 10)) || { echo "docs/policy.md shows only $ran commands" >&2; exit 1; }
