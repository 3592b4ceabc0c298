#!/usr/bin/env bash
# Installs distribution packages by group: build, test, bench, package, interop. For Debian 12 and Ubuntu 24.04. Calls apt only for
# missing packages, so it costs nothing once they are all installed.
set -euo pipefail

build=(cmake ninja-build gcc libc6-dev pkg-config protobuf-compiler protobuf-c-compiler libprotobuf-c-dev libgrpc-dev
    liblmdb-dev libssl-dev libjansson-dev libyaml-dev libmicrohttpd-dev libgnutls28-dev libxxhash-dev libdeflate-dev
    libnghttp2-dev)
test=(libcmocka-dev clang clang-format clang-tidy curl git python3-yaml python3-jsonschema groff-base etcd-server etcd-client zsh)
bench=(nghttp2-client)
package=(dpkg-dev file python3)
interop=(nodejs nghttp2-client python3-venv openssl iproute2 nginx-light caddy)

wanted=()
for group in "$@"; do
    case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    interop) wanted+=("${interop[@]}") ;;
    *)
        echo "deploy/packages.sh: no group '$group' (build, test, bench, package, interop)" >&2
        exit 2
        ;;
    esac
done

missing=()
for package in "${wanted[@]}"; do
    # A node from elsewhere will do.
    [[ $package == nodejs ]] && command -v node >/dev/null && continue
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

as_root=()
((EUID == 0)) || as_root=(sudo)
echo "Installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
