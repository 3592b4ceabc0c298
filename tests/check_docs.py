#!/usr/bin/env python3
"""Checks README.md, CONTRIBUTING.md, SECURITY.md and docs/. Prints each line that breaks a rule:

- a relative link leads to a file of the repository, and its #anchor to a heading of that page;
- docs/README.md links to every page below docs/;
- docs/reference/reasons.md has a row for each reason of the API, with its HTTP status;
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


def main():
    pages = sorted((ROOT / "docs").rglob("*.md"))
    for page in pages + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]:
        check_links(page)
    check_index(pages)
    check_reasons()
    check_limits()
    sys.exit(1 if complaints else 0)


main()
