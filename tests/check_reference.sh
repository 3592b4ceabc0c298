#!/usr/bin/env bash
# Checks that the generated pages of docs/reference/ match what the programs in build folder $1 print: tests/reference.py.
set -euo pipefail
exec python3 tests/reference.py --check "${1:?usage: tests/check_reference.sh BUILD_DIR}"
