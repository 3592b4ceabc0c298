#!/usr/bin/env bash
# Runs deploy/quickstart with the programs of a build folder, and then, while it runs, the commands that it says to try.
# Usage: check_quickstart.sh BUILD
set -euo pipefail
build=$(realpath "$1")
root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d)
quickstart=''
finish() {
    [[ -z $quickstart ]] || { kill "$quickstart" 2>/dev/null && wait "$quickstart"; } || true
    rm -rf "$work"
}
trap finish EXIT

TMPDIR=$work "$root/deploy/quickstart" --build "$build" >"$work/said" 2>&1 &
quickstart=$!
for _ in $(seq 600); do
    grep -q '^Ctrl-C ends both' "$work/said" && break
    kill -0 "$quickstart" 2>/dev/null || break
    sleep 0.1
done
for answer in 'ALLOW  ALLOWED' 'DENY  IP_NOT_ALLOWED' 'DENY  PERMISSION_MISSING' 'Ctrl-C ends both'; do
    grep -q "^$answer" "$work/said" || { cat "$work/said" && echo "the quickstart did not say \"$answer\"" && exit 1; }
done

ran=0
while IFS= read -r line; do
    status=0
    eval "$line" >"$work/reply" 2>&1 || status=$?
    # 1 is a denial, which is what one of the commands asks about.
    ((status <= 1)) || { cat "$work/reply" && echo "exit status $status of: $line" && exit 1; }
    ran=$((ran + 1))
done < <(sed -n '/another terminal, try:$/,/^Ctrl-C/s/^  //p' "$work/said")
((ran >= 6)) || { echo "the quickstart says to try only $ran commands" && exit 1; }

kill "$quickstart"
wait "$quickstart" || { echo "the quickstart ended with status $?" && exit 1; }
quickstart=''
[[ -z $(find "$work" -name 'sallyport-quickstart.*') ]] || { echo "the quickstart left its store" && exit 1; }
echo "the quickstart and the $ran commands that it says to try work"
