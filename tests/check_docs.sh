#!/usr/bin/env bash
# Checks links between the pages of docs/, its index, and tables against the API and the source: tests/check_docs.py.
set -euo pipefail
exec python3 tests/check_docs.py
