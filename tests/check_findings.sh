#!/usr/bin/env bash
# Each script of findings/ can be read, says what one would guess and what is seen, and stands in the README there. None is run.
set -euo pipefail
cd "$(dirname "$0")/../findings"
failed=0
complain() {
    echo "findings/$*"
    failed=1
}
for finding in *.sh; do
    bash -n "$finding" || failed=1
    [[ -x $finding ]] || complain "$finding: cannot be executed"
    grep -q '^# Guess: ' "$finding" && grep -q '^# Seen:  ' "$finding" || complain "$finding: does not say what is guessed and what is seen"
    grep -q '^expect ' "$finding" || complain "$finding: expects nothing, so it cannot fail"
    (($(grep -c "($finding)" README.md) == 1)) || complain "$finding: does not stand once in README.md"
done
bash -n support/common.sh
for named in $(grep -oE '\([a-z0-9-]+\.sh\)' README.md | tr -d '()'); do
    [[ -e $named ]] || complain "README.md: $named is not there"
done
exit "$failed"
