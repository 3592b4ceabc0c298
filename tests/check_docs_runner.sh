#!/usr/bin/env bash
# Shows that tests/docs/run notices what it is there to notice. Usage: check_docs_runner.sh BUILD
set -euo pipefail
build=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The page on standard input must fail, with this text: fails TEXT
fails() {
    local status=0
    cat >"$work/page.md"
    "$here/docs/run" "$build" "$work/page.md" >"$work/said" 2>&1 || status=$?
    ((status != 77)) || { cat "$work/said" && exit 77; }
    ((status == 1)) && grep -qF -- "$1" "$work/said" || { cat "$work/said" && echo "exit status $status, and not: $1" && exit 1; }
}

fails 'page.md:2: exit status 2' <<'E1'
```sh
sallyport check --ip 203.0.113.7x
```
E1
fails 'page.md:4: prints something else' <<'E1'
```console
$ echo one two
one …
$ echo three
```
E1
fails 'name its language' <<'E1'
```
$ true
```
E1
fails 'no block follows the comment' <<'E1'
<!-- not run: needs a cluster -->
Text.
E1
fails 'where there are no commands' <<'E1'
<!-- continues: page.md#elsewhere -->
```sh
true
```
E1
echo "the runner notices what it is there to notice"
