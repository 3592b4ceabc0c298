#!/usr/bin/env bash
# Every promise of deploy/ about users, files, probes and limits, held against what is rendered: tests/deploy/.
set -euo pipefail
python=python3
"$python" -c 'import yaml' 2>/dev/null || python=/usr/bin/python3
exec "$python" tests/deploy/test_deploy.py "${1:?the build folder}"
