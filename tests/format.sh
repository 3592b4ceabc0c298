#!/usr/bin/env bash
# Checks the length of the lines of C files, and that clang-format 14 would change none of these files. Other versions format a
# little differently. Exits with 77 if version 14 is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/check_columns.py

for tool in clang-format-14 clang-format none; do
    "$tool" --version 2>/dev/null | grep -q 'version 14\.' && break
done
if [[ $tool == none ]]; then
    echo "clang-format 14 is not installed"
    exit 77
fi
git ls-files '*.c' '*.h' | xargs -r "$tool" --dry-run -Werror
