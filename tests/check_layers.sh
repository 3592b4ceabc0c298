#!/usr/bin/env bash
# The layers of src/layers hold: tests/check_layers.py.
set -euo pipefail
exec python3 tests/check_layers.py
