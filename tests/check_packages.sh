#!/usr/bin/env bash
# Checks that the manual pages and completions of Debian packages can be made from the programs in build folder $1, have every option,
# and are valid; tests/systems/packages makes and installs the packages themselves.
set -euo pipefail
build=${1:?usage: tests/check_packages.sh BUILD_DIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deploy/debian/generate "$build" "$work" 1.2.3
for page in sallyportd.8 sallyport-sync.8 sallyport.1 sallyport-test.1 sallyport-bench.1; do
    gunzip "$work/man/$page.gz"
    warnings=$(groff -man -Tutf8 -ww "$work/man/$page" 2>&1 >/dev/null)
    [[ -z $warnings ]] || { echo "$page: $warnings"; exit 1; }
done
# Every option of --help stands in the page, as it is written there.
"$build/sallyportd" --help | sed -nE 's/^  --([a-z0-9-]+).*/\1/p' | while read -r option; do
    grep -qF -- "\\fB\\-\\-${option//-/\\-}\\fR" "$work/man/sallyportd.8" || { echo "sallyportd.8: no --$option"; exit 1; }
done
bash -n "$work/completions/sallyport"
for script in deploy/debian/*/{postinst,prerm,postrm}; do
    [[ ! -e $script ]] || sh -n "$script"
done
