#!/usr/bin/env python3
"""Writes the manual pages of the programs in a build folder from what their --help prints.

Usage: deploy/debian/man.py BUILD_DIR OUT_DIR VERSION"""
import gzip
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program_help import list_cli_commands, list_commands, parse_options, run  # noqa: E402  (below its path)

ENVIRONMENT = """Every option with a variable is also a key of the YAML file that
.B \\-\\-config
names, without the hyphens before it. An argument overrides the environment, the environment overrides the file.
"""
FILES = {
    "sallyportd": [("/etc/default/sallyportd", "Environment of the service, if the package is installed."),
                   ("/var/lib/sallyport/store", "The service's store.")],
    "sallyport-sync": [("/etc/default/sallyport-sync", "Environment of the service, if the package is installed."),
                       ("/var/lib/sallyport/store", "The service's store."),
                       ("/var/lib/sallyport/operator.key", "The first operator's key: take it, then remove the file.")],
    "sallyport": [("~/.config/sallyport/profiles.yaml", "Profiles, unless SALLYPORT_PROFILES names another file.")],
}
SEE = {"sallyportd.8": "sallyport-sync(8), sallyport(1)", "sallyport-sync.8": "sallyportd(8), sallyport(1)",
       "sallyport.1": "sallyport-test(1), sallyportd(8), sallyport-sync(8)", "sallyport-test.1": "sallyport(1)",
       "sallyport-bench.1": "sallyportd(8)"}


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)
    return re.sub(r"(?m)^(['.])", r"\\&\1", text)


def verbatim(text):
    return f".nf\n{roff(text)}\n.fi\n"


def options(text):
    lines = []
    for option in parse_options(text):
        argument = f" \\fI{roff(option['argument'])}\\fR" if option["argument"] else ""
        lines.append(f".TP\n\\fB\\-\\-{roff(option['name'])}\\fR{argument}\n{roff(option['help'])}.")
        if option["least"]:
            lines.append(f"{option['least']} to {option['most']}.")
        if option["default"]:
            lines.append(f"Default: {roff(option['default'])}.")
        if option["repeatable"]:
            lines.append("May be given several times.")
        if option["environment"]:
            lines.append(f"Environment: {option['environment']}.")
    return "\n".join(lines) + "\n"


def page(name, section, version, summary, body):
    text = f'.TH {name.upper()} {section} "" "Sallyport {version}"\n.SH NAME\n{roff(name)} \\- {roff(summary)}\n' + body
    if name in FILES:
        text += ".SH FILES\n" + "".join(f".TP\n.I {roff(path)}\n{roff(what)}\n" for path, what in FILES[name])
    return text + ".SH SEE ALSO\n" + roff(SEE[f"{name}.{section}"]) + "\n"


def split_usage(text):
    """The lines of usage, and what comes before the first option."""
    usage, rest = text.split("\n\n", 1)
    return usage.removeprefix("Usage: "), re.split(r"(?m)^(?:  --|[A-Z][a-z]+:$)", rest)[0].strip()


def sallyportd(build):
    text = run(build, "sallyportd", "--help")
    usage, summary = split_usage(text)
    return summary.split(".")[0], f".SH SYNOPSIS\n{verbatim(usage)}.SH OPTIONS\n{options(text)}.SH ENVIRONMENT\n{ENVIRONMENT}"


def sallyport_sync(build):
    usage, summary = split_usage(run(build, "sallyport-sync", "--help"))
    body = f".SH SYNOPSIS\n{verbatim(usage)}"
    for command, what in list_commands(build):
        body += f".SH COMMAND {command}\n{roff(what[0].upper() + what[1:].rstrip('.'))}.\n" + options(run(build, "sallyport-sync", command, "--help"))
    return summary.split(".")[0], body + f".SH ENVIRONMENT\n{ENVIRONMENT}"


def sallyport(build):
    usage, summary = split_usage(run(build, "sallyport", "--help"))
    body, shared = f".SH SYNOPSIS\n{verbatim(usage)}.SH DESCRIPTION\n{roff(summary)}\n", ""
    body += ".SH EXIT STATUS\n.TP\n0\nAllowed, or done.\n.TP\n1\nDenied.\n.TP\n2\nAn error: there is no answer.\n"
    for command, head, common, example in list_cli_commands(build):
        shared = common or shared
        body += f".SH {roff(command)}\n{verbatim(head)}.PP\nExample:\n.PP\n{verbatim(example)}"
    return "administer Sallyport, and ask it questions", body + f".SH COMMON OPTIONS\n{verbatim(shared)}"


def sallyport_test(build):
    return "expected decisions of policy files", ".SH DESCRIPTION\n" + verbatim(run(build, "sallyport-test", "--help").strip())


def sallyport_bench(build):
    text = run(build, "sallyport-bench", "--help")
    body = f".SH DESCRIPTION\n{verbatim(text.strip())}"
    for command in re.findall(r"(?m)^  ([a-z]+) ", text):
        body += f".SH COMMAND {command}\n{verbatim(run(build, 'sallyport-bench', command, '--help').strip())}"
    return "load for Sallyport, and its own answers checked", body


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    build, out, version = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), sys.argv[3]
    out.mkdir(parents=True, exist_ok=True)
    for make in (sallyportd, sallyport_sync, sallyport, sallyport_test, sallyport_bench):
        name, section = make.__name__.replace("_", "-"), 8 if make in (sallyportd, sallyport_sync) else 1
        summary, body = make(build)
        text = page(name, section, version, summary, body)
        (out / f"{name}.{section}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
