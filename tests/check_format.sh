#!/usr/bin/env bash
# Every C file below src/, tests/ and bench/ is as clang-format writes it.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v clang-format >/dev/null; then
    echo "clang-format is not installed: deploy/packages.sh test"
    exit 1
fi
git ls-files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror
