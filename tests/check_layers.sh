#!/usr/bin/env bash
# Checks that the code follows src/layers: tests/check_layers.py.
set -euo pipefail
exec python3 tests/check_layers.py
