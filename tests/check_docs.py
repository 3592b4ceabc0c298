#!/usr/bin/env python3
"""Checks README.md, CONTRIBUTING.md, SECURITY.md and docs/. Prints each line that breaks a rule:

- a relative link leads to a file of the repository, and its #anchor to a heading of that page;
- docs/README.md links to every page below docs/;
- docs/reference/reasons.md has a row for each reason of the API, with its HTTP status;
- docs/reference/errors.md has the statuses and messages of the code, and no others;
- a row of docs/reference/limits.md that names a constant has the value that the constant has in
  src/."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)

complaints = []


def complain(text):
    complaints.append(text)
    print(text)


def anchors_of(text):
    """The ids that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(page):
    text = FENCE.sub("", page.read_text())
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            complain(f"{page.relative_to(ROOT)}: no file for the link {link}")
        elif anchor and anchor not in anchors_of(target.read_text()):
            complain(f"{page.relative_to(ROOT)}: no heading for the link {link}")


def check_index(pages):
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    for page in pages:
        if page != index and page not in linked:
            complain(f"docs/README.md: no link to {page.relative_to(ROOT)}")


def check_reasons():
    proto = (ROOT / "proto" / "sallyport" / "v1" / "authorization.proto").read_text()
    declared = re.findall(r"^  (\w+) = \d+; +// (\d{3})", proto.split("enum Reason {")[1].split("\n}")[0], re.M)
    page = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    described = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", page, re.M)
    for wanted in declared:
        if wanted not in described:
            complain(f"docs/reference/reasons.md: no row for {wanted[0]} with status {wanted[1]}")
    if not declared or len(declared) != len(described):
        complain(f"docs/reference/reasons.md: {len(described)} reasons, and the API has {len(declared)}")


def check_limits():
    constants = {}
    for header in (ROOT / "src").rglob("*.h"):
        for name, value in re.findall(r"\b(SP_\w+) = ([1-9][\d *<]*)(?=,| \}|\n)", header.read_text()):
            constants[name] = eval(value)  # digits and operators only
    page = (ROOT / "docs" / "reference" / "limits.md").read_text()
    rows = re.findall(r"^\| (.*?) \| ([\d,]+)( MiB)? \| `(SP_\w+)` \|$", page, re.M)
    for what, number, unit, name in rows:
        value = int(number.replace(",", "")) * (1024 * 1024 if unit else 1)
        if constants.get(name) != value:
            complain(f"docs/reference/limits.md: {what}: {value}, but {name} is {constants.get(name)}")
    if len(rows) != page.count("| `SP_"):
        complain("docs/reference/limits.md: a row names a constant and has no plain number")


def literals():
    """Every text in the code, with "…" for what is filled in."""
    found = []
    for source in sorted((ROOT / "src").rglob("*.c")):
        for text in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*(?:PRI\w+|"(?:[^"\\\n]|\\.)*"))*', source.read_text()):
            parts = re.findall(r'PRI\w+|"(?:[^"\\\n]|\\.)*"', text)
            whole = "".join("" if part.startswith("PRI") else part[1:-1] for part in parts)
            found.append(re.sub(r"%[-+0-9.*]*(?:ll|l|z)?[a-zA-Z]?", "…", whole).replace('\\"', '"'))
    return found


def rows_of(text, heading):
    """The rows of the first table below a heading: lists of cells."""
    table = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[2:]]


def check_statuses(page):
    names = re.findall(r'\[(SP_\w+)\] = \{(\d+), "(\w+)"\}', (ROOT / "src" / "base" / "status.c").read_text())
    connect = dict(re.findall(r'\[(\d+)\] = \{"\w+", (\d+)\}', (ROOT / "src" / "connect" / "failure.c").read_text()))
    authzen = (ROOT / "src" / "server" / "authzen" / "respond.c").read_text().split("http_status_of(")[1].split("\n}")[0]
    by_status = {status: answer for condition, answer in re.findall(r"if \((.*?)\)\n\s+return (\d+);", authzen)
                 for status in re.findall(r"SP_ERR_\w+", condition)}
    wanted = {name: [f"`{name}`", code, connect[code], by_status.get(status, "500")]
              for status, code, name in reversed(names) if code != "0"}
    shown = [row[:4] for row in rows_of(page, "Statuses")]
    for row in wanted.values():
        if row not in shown:
            complain(f"docs/reference/errors.md: no row {row}")
    if len(shown) != len(wanted) or len(wanted) < 10:
        complain(f"docs/reference/errors.md: {len(shown)} statuses, and the code has {len(wanted)}")


def check_gateway_types(page):
    words = (ROOT / "src" / "server" / "gateway" / "words.c").read_text().split("types[] = {")[1].split("};")[0]
    wanted = re.findall(r'\{(\d+), "(\w+)"\}', words)
    shown = [(row[0], row[1].strip("`")) for row in rows_of(page, "Gateways")]
    if shown != wanted:
        complain(f"docs/reference/errors.md: gateways send {wanted}, and the page has {shown}")


def check_messages(page):
    known = literals()
    quoted = [row[0].strip("`") for heading in ("Asking", "The admin API", "etcd", "The command line") for row in rows_of(page, heading)]
    for message in quoted:
        pattern = ".*".join(re.escape(part) for part in message.split("…"))
        if not any(re.search(pattern, text) for text in known):
            complain(f"docs/reference/errors.md: the code has no message {message}")
    told = (ROOT / "src" / "source" / "shared" / "ask.c").read_text().split("told_failures[] = {")[1].split("};")[0]
    unreachable = (ROOT / "src" / "cli" / "failure_words.c").read_text()
    names = dict(re.findall(r'\[(SP_\w+)\] = \{\d+, "(\w+)"\}', (ROOT / "src" / "base" / "status.c").read_text()))
    cells = {row[0].strip("`"): row[1].strip("`") for row in rows_of(page, "etcd")}
    for status, words in re.findall(r'\{SP_\w+, (SP_\w+),\s+"([^"]+)"\}', told):
        if cells.get(words) != names[status]:
            complain(f"docs/reference/errors.md: {words}: {cells.get(words)}, but the code has {names[status]}")
    wanted = re.findall(r'"([^"]+)"\}', told) + re.findall(r'ret_what = "([^"]+)"', unreachable) + \
        re.findall(r'\n\s+: "([^"]+)"', unreachable)
    for message in wanted:
        if message not in quoted:
            complain(f"docs/reference/errors.md: no row for the message {message}")
    if len(wanted) < 12:
        complain(f"only {len(wanted)} messages were found in the code")


def check_refusals_of_clients():
    code = (ROOT / "src" / "tls" / "refusal.c").read_text()
    page = (ROOT / "docs" / "tls.md").read_text()
    for reason in re.findall(r'snprintf\(ret_reason, size, "([^":%]+)', code):
        if f"| {reason}" not in page:
            complain(f"docs/tls.md: no row for a client that is refused because {reason}")


def check_errors():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    check_statuses(page)
    check_gateway_types(page)
    check_messages(page)
    check_refusals_of_clients()


def main():
    pages = sorted((ROOT / "docs").rglob("*.md"))
    for page in pages + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]:
        check_links(page)
    check_index(pages)
    check_reasons()
    check_errors()
    check_limits()
    sys.exit(1 if complaints else 0)


main()
