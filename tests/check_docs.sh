#!/usr/bin/env bash
# Links between pages lead somewhere, the index names every page, and the tables of reasons match the API: tests/check_docs.py.
set -euo pipefail
exec python3 tests/check_docs.py
