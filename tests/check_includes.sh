#!/usr/bin/env bash
# Holds the layers of CONTRIBUTING.md against the #include lines below src/: a lower layer never includes a higher one,
# and each foreign library is known to the folders named here only. Prints each line that breaks a rule.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A layers=(
    [base]="base"
    [core]="base core"
    [wire]="base wire"
    [usage]="base core usage"
    [store]="base core wire usage store"
    [decide]="base core wire store decide"
    [admin]="base core wire usage store decide admin"
    [tls]="base tls"
    [caller]="base core wire tls rpc caller"
    [rpc]="base wire tls rpc"
    [etcd]="base wire tls rpc etcd"
    [http]="base tls http"
    [observe]="base observe"
    [lib]="base core store decide lib"
    [server]="base core caller wire usage store decide tls rpc http observe server"
    [sync]="base core caller wire usage store decide admin tls rpc etcd http observe sync"
    [cli]="base core wire store tls rpc cli"
)
declare -A libraries=(
    [lmdb.h]="store"
    [xxhash.h]="usage store"
    [grpc/]="rpc"
    [openssl/]="core tls caller"
    [yaml.h]="core cli"
    [libdeflate.h]="core"
    [microhttpd.h]="http"
    [gnutls/]="http"
    [jansson.h]="wire store cli server"
    [.pb-c.h]="store decide admin rpc etcd server sync cli"
)

broken=0
complain() {
    echo "$1"
    broken=1
}

for folder in src/*/; do
    layer=$(basename "$folder")
    [[ -n ${layers[$layer]:-} ]] || complain "$folder is no layer: add it to tests/check_includes.sh"
done

while IFS=: read -r file line text; do
    layer=${file#src/}
    layer=${layer%%/*}
    header=$(sed -E 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1/' <<<"$text")
    first=${header%%/*}
    if [[ -n ${layers[$first]:-} && " ${layers[$layer]} " != *" $first "* ]]; then
        complain "$file:$line: layer $layer may not include $header (it may include: ${layers[$layer]})"
    fi
    for library in "${!libraries[@]}"; do
        if [[ $header == "$library"* || ($library == .pb-c.h && $header == *.pb-c.h) ]] &&
            [[ " ${libraries[$library]} " != *" $layer "* ]]; then
            complain "$file:$line: only src/{${libraries[$library]// /,}} may include $header"
        fi
    done
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' src --include='*.c' --include='*.h')

# Functions that hide their bounds have no place in src/ (STYLE: Tools).
while IFS= read -r hit; do
    complain "$hit: use a bounded function"
done < <(grep -rnE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca|inet_aton)[[:space:]]*\(' src \
    --include='*.c' --include='*.h' | cut -d: -f1,2)

exit $broken
