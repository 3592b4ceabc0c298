"""Runs the blocks of a page in one shell, as somebody who pastes them would.

The shell has a network, a PID and a mount namespace of its own: ports that a page names are free, and whatever it starts ends with
it. It begins in a folder that looks like the top folder of the repository, with the programs of the build folder at build/release."""
import dataclasses
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import page as pages

SECONDS = 240  # for all blocks of a page; under sanitizers with other tests beside it, a page takes less than a quarter
NAMESPACES = ["unshare", "--map-root-user", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
if os.geteuid() == 0:
    NAMESPACES.remove("--map-root-user")

BEGIN = "set -m; ip link set lo up; exec </dev/null; trap 'echo $? >{work}/status' EXIT\ncd {top}\n"
END = """set +e
jobs=$(jobs -p)
[[ -z $jobs ]] || {{ kill $jobs; for _ in {{1..50}}; do [[ -n $(jobs -pr) ]] || break; sleep 0.1; done; }} 2>/dev/null
exit 0
"""


@dataclasses.dataclass
class Step:
    where: str
    command: str
    shown: str | None  # the output that the page shows; None: any, but the command must succeed
    block: pages.Block


def steps_of_block(block):
    if "file" in block.notes:
        return [Step(block.where, f"cat >'{block.notes['file']}' <<'SP_END_OF_FILE'\n{block.text}SP_END_OF_FILE\n", None, block)]
    files = block.notes.get("with", "").split()
    have = [Step(block.where, "".join(f'cp -L "$SP_DOCS_TOP/{name}" .\n' for name in files), None, block)] if files else []
    if block.language == "sh":
        return [*have, Step(block.where, block.text, None, block)]
    return have + [Step(f"{block.page}:{line}", command, shown, block) for line, command, shown in pages.steps_of_console(block)]


def fits(shown, printed):
    """Whether a command printed what the page shows."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += "(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("…")) + "[ \t]*\n"
    return re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else printed + "\n") is not None


def make_top(root, build, top):
    """A folder like ROOT, whose build/release is BUILD."""
    top.mkdir()
    for entry in root.iterdir():
        if entry.name != "build":
            (top / entry.name).symlink_to(entry)
    (top / "build").mkdir()
    (top / "build" / "release").symlink_to(build)


def write_session(work, steps):
    parts = [BEGIN.format(work=work, top=work / "sallyport")]
    for number, step in enumerate(steps):
        (work / f"{number}.sh").write_text(step.command)
        strict = "set -e -o pipefail" if step.shown is None else "set +e +o pipefail"
        parts.append(f"echo {number} >{work}/at; {strict}; . {work}/{number}.sh >{work}/{number}.out 2>&1\n")
    parts.append(f"echo {len(steps)} >{work}/at\n" + END.format())
    (work / "session.sh").write_text("".join(parts))


def environment_of(build, work):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SALLYPORT", "SP_", "XDG_"))}
    return {**kept, "HOME": str(work), "SP_DOCS_TOP": str(work / "sallyport"), "PATH": f"{build}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


def first_lines(text, count=40):
    lines = text.splitlines()
    return "".join(f"    {line}\n" for line in lines[:count] + (["…"] if len(lines) > count else []))


def complaint_about(step, number, at, status, printed):
    """What is wrong with a step, or an empty text."""
    if number > at:
        return ""
    if number == at:
        what = "still runs: a program in the foreground?" if status is None else f"exit status {status}"
        return f"{step.where}: {what}\n{first_lines(step.command)}  printed\n{first_lines(printed)}"
    if step.shown is not None and not fits(step.shown, printed):
        difference = difflib.unified_diff(step.shown.splitlines(), printed.splitlines(), "shown", "printed", lineterm="", n=1)
        return f"{step.where}: prints something else than the page shows\n{first_lines(chr(10).join(difference))}"
    return ""


def run_steps(root, build, steps):
    """Runs STEPS in one shell, and returns complaints: an empty list if all did what the page says."""
    with tempfile.TemporaryDirectory(prefix="sallyport-docs.") as folder:
        work = pathlib.Path(folder)
        make_top(root, build, work / "sallyport")
        write_session(work, steps)
        try:
            subprocess.run([*NAMESPACES, "bash", str(work / "session.sh")], cwd=work, env=environment_of(build, work),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS)
            status = (work / "status").read_text().strip()
        except subprocess.TimeoutExpired:
            status = None
        at = int((work / "at").read_text())
        printed = [(work / f"{number}.out") for number in range(len(steps))]
        texts = [file.read_text(errors="replace") if file.exists() else "" for file in printed]
        found = [complaint_about(step, number, at, status, texts[number]) for number, step in enumerate(steps)]
        return [complaint for complaint in found if complaint]


def can_run():
    """Whether this machine gives a shell its own namespaces."""
    return all(shutil.which(program) for program in ("unshare", "ip", "curl")) and subprocess.run(
        [*NAMESPACES, "ip", "link", "set", "lo", "up"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
