#!/usr/bin/env bash
# Checks what deploy/ promises about users, files, probes and limits against the rendered documents: tests/deploy/.
set -euo pipefail
python=python3
"$python" -c 'import yaml' 2>/dev/null || python=/usr/bin/python3
exec "$python" tests/deploy/test_deploy.py "${1:?the build folder}"
