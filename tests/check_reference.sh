#!/usr/bin/env bash
# The generated pages of docs/reference/ are what the programs in build folder $1 print now: tests/reference.py.
set -euo pipefail
exec python3 tests/reference.py --check "${1:?usage: tests/check_reference.sh BUILD_DIR}"
