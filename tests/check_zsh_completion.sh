#!/usr/bin/env bash
# Presses Tab in a real zsh, with the completion script in $fpath and sourced. Usage: check_zsh_completion.sh BUILD. Exits with
# 77 if zsh is not installed.
set -euo pipefail
command -v zsh >/dev/null || exit 77
build=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/functions"
"$build/sallyport" completion zsh >"$work/functions/_sallyport"
head -1 "$work/functions/_sallyport" | grep -qx '#compdef sallyport' || { echo "the script does not begin with #compdef" >&2; exit 1; }
PATH=$build:$PATH HOME=$work TERM=dumb exec python3 - "$work" <<'PYTHON'
import os, pty, select, sys, time

work = sys.argv[1]


def press(begin, keys, wanted):
    """Types into a new zsh; True if the line becomes what is wanted within 20 seconds."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("zsh", ["zsh", "-f", "-i"])
    seen, typed, until = "", 0, time.monotonic() + 20
    lines = [begin + "; print -r -- rea''dy\n", keys + "\t"]
    while time.monotonic() < until and wanted not in seen:
        if typed == 0 or (typed == 1 and "ready" in seen):
            os.write(fd, lines[typed].encode())
            typed += 1
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536).decode(errors="replace")
            except OSError:
                break
    os.close(fd)
    os.waitpid(pid, 0)
    if wanted not in seen:
        sys.exit(f"{begin}: Tab behind {keys!r} gave no {wanted!r}: {seen!r}")


fpath = f"fpath=({work}/functions $fpath); autoload -U compinit; compinit -u -d {work}/dump"
sourced = f"autoload -U compinit; compinit -u -d {work}/dump2; source {work}/functions/_sallyport"
for begin in (fpath, sourced):
    press(begin, "sallyport key li", "sallyport key list")
    press(begin, "sallyport key get --desc", "--descendants")
PYTHON
