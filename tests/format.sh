#!/usr/bin/env bash
# Every C file is as clang-format 14 writes it (other versions write it a little differently). Exit 77: that version is not here.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in clang-format-14 clang-format none; do
    "$tool" --version 2>/dev/null | grep -q 'version 14\.' && break
done
if [[ $tool == none ]]; then
    echo "clang-format 14 is not installed"
    exit 77
fi
git ls-files '*.c' '*.h' | xargs -r "$tool" --dry-run -Werror
