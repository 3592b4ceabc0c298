#!/usr/bin/env bash
# Checks that every header below src/ compiles alone, with strict flags. $1: the build folder, for the generated headers.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?usage: tests/check_headers.sh BUILD_DIR}

flags=(-std=c11 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Wpedantic -Wstrict-prototypes -Wundef -Werror -Isrc
    -isystem "$build/pb")
broken=0
while IFS= read -r header; do
    if ! printf '#include "%s"\n#include "%s"\n' "${header#src/}" "${header#src/}" |
        "${CC:-cc}" "${flags[@]}" -x c -; then
        echo "$header does not compile alone"
        broken=1
    fi
done < <(find src -name '*.h' | sort)
exit $broken
