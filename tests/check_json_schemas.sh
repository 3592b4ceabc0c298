#!/usr/bin/env bash
# Checks that the JSON schemas that editors use (docs/*.schema.json) take what the programs in build folder $1 take, and
# refuse what they refuse: tests/json_schemas.py.
set -euo pipefail
exec python3 tests/json_schemas.py "${1:?usage: tests/check_json_schemas.sh BUILD_DIR}"
