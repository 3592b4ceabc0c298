#!/usr/bin/env bash
# Runs each command of docs/authzen.md against a server with the data of deploy/quickstart, and compares the output with the one
# on the page. Usage: check_authzen_guide.sh BUILD. Exits with 77 if curl is not installed.
set -euo pipefail
command -v curl >/dev/null || exit 77
build=$(realpath "$1")
guide=$(realpath "$(dirname "$0")/../docs/authzen.md")
work=$(mktemp -d)
sync_pid='' server_pid=''
finish() {
    local pid
    for pid in $server_pid $sync_pid; do
        kill "$pid" 2>/dev/null && wait "$pid" || true
    done
    rm -rf "$work"
}
trap finish EXIT
export PATH=$build:$PATH
export SALLYPORTD_HTTP_LISTEN=127.0.0.1:0 SALLYPORT_SYNC_HTTP_LISTEN=127.0.0.1:0
export SALLYPORTD_AUTHZEN_URL=https://pdp.example.com

# Waits until a program has logged its port, and prints it: said FILE SED-PATTERN
said() {
    local port
    for _ in $(seq 300); do
        port=$(sed -n "s/$2/\1/p" "$1" | head -1)
        [[ -n $port ]] && echo "$port" && return
        sleep 0.1
    done
    cat "$1" >&2
    return 1
}

sallyport-sync init --store "$work/store" --key-file "$work/operator.key" >"$work/init.log" 2>&1
sallyport-sync serve --store "$work/store" --listen 127.0.0.1:0 2>"$work/sync.log" &
sync_pid=$!
sallyportd --store "$work/store" --listen 127.0.0.1:0 2>"$work/server.log" &
server_pid=$!
SALLYPORT_ADMIN=127.0.0.1:$(said "$work/sync.log" '.*listening on .*(port \([0-9]*\)).*')
PDP=http://127.0.0.1:$(said "$work/server.log" '.*listening for HTTP on .*, port \([0-9]*\).*')
export SALLYPORT_ADMIN PDP work
said "$work/server.log" '.*\(serving the store\).*' >/dev/null

# The data of deploy/quickstart.
export SALLYPORT_KEY_FILE=$work/operator.key
{
    sallyport workspace create --id acme --name Acme --plan enterprise --seats 5 --feature ip_allowlist \
        --secret-file "$work/admin.key"
    sallyport resource register voice/rachel --workspace acme
    export SALLYPORT_KEY_FILE=$work/admin.key
    sallyport service-account create --id narrator --name Narrator
    sallyport group create --id studio --name Studio
    sallyport group add studio narrator
    sallyport share add voice/rachel --group studio --role viewer
    sallyport key create --id narrator-1 --principal narrator --name Production --permission text_to_speech \
        --permission voices_read --allow-ip 203.0.113.0/24 --secret-file "$work/narrator.key"
} >"$work/made.log" 2>&1 || { cat "$work/made.log" >&2; exit 1; }

awk '/^```console$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$guide" >"$work/shown"
ran=0
while IFS= read -r line; do
    if [[ $line == '$ '* ]]; then
        echo "$line"
        reply=$(mktemp "$work/reply.XXXXXX")
        eval "${line#'$ '}" </dev/null >"$reply" 2>&1 || true
        sed -E 's/"(decision_id|revision)":"[^"]*"/"\1":"…"/g' "$reply"
        [[ ! -s $reply ]] || echo
        ran=$((ran + 1))
    fi
done <"$work/shown" >"$work/done"
diff "$work/shown" "$work/done" || { echo "the output of the commands in docs/authzen.md differs from the page" >&2; exit 1; }
((ran >= 8)) || { echo "docs/authzen.md shows only $ran commands" >&2; exit 1; }
