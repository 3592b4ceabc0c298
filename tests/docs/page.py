"""Reads the command blocks of a page.

A page is Markdown, or the NOTES.txt of a Helm chart. Its blocks of commands are fenced as `sh`, where every command must succeed,
or as `console`, where each line that begins with "$ " is a command and the lines after it are what it prints; "…" there stands for
anything, and alone on a line for any lines. In NOTES.txt, lines indented by two spaces are an `sh` block.

A comment on the line before a block (<!-- … -->, in NOTES.txt {{- /* … */}}) says what a reader need not know:

    not run: WHY            the block cannot run here, or its test is elsewhere
    needs: PROGRAM…         programs that the block needs besides the usual ones: where one is missing, the block does not run
    with: FILE…             files of this repository that stand for what a reader has; copied to the block's folder first
    file: NAME              the block, of any language, is the file NAME

and one anywhere before the first block

    continues: PAGE#ANCHOR  the page goes on where that section of another page ends
"""
import dataclasses
import pathlib
import re

COMMANDS = ("sh", "console")


class PageError(Exception):
    """The page breaks a rule: where, and which."""


@dataclasses.dataclass
class Block:
    page: pathlib.Path
    line: int  # of the first line of its text
    language: str
    text: str
    section: str  # the anchor of the heading above it
    notes: dict  # what the comment before it says

    @property
    def where(self):
        return f"{self.page}:{self.line}"


@dataclasses.dataclass
class Page:
    path: pathlib.Path
    blocks: list
    continues: str = ""


def anchor_of(heading):
    """The id that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def note_of(line):
    found = re.fullmatch(r"\s*(?:<!--|\{\{- /\*) (not run|needs|with|file|continues): (.+?) (?:-->|\*/\}\})", line)
    return found and (found[1], found[2])


def check_block(block):
    if block.language in COMMANDS or "file" in block.notes:
        return
    if block.notes:
        raise PageError(f"{block.where}: a comment about commands stands before a block of {block.language or 'no language'}")
    if re.search(r"^\$ ", block.text, re.M):
        raise PageError(f"{block.where}: the block shows commands: name its language, `console` or `sh`")


def read_markdown(path, lines):
    blocks, notes, continues, section = [], {}, "", ""
    fence = None
    for number, line in enumerate(lines, 1):
        if fence is not None:
            indent, block = fence
            if line.strip() == "```":
                block.text = "".join(text + "\n" for text in block.text)
                check_block(block)
                blocks.append(block)
                fence = None
            else:
                block.text.append(line.removeprefix(indent))
            continue
        opening = re.fullmatch(r"( *)```(\w*)", line)
        note = note_of(line)
        if opening:
            fence = (opening[1], Block(path, number + 1, opening[2], [], section, notes))
            notes = {}
        elif note and note[0] == "continues":
            continues = note[1]
        elif note:
            notes = {**notes, note[0]: note[1]}
        elif notes:
            raise PageError(f"{path}:{number}: no block follows the comment on the line before")
        elif line.startswith("#"):
            section = anchor_of(line.lstrip("# "))
    if fence is not None:
        raise PageError(f"{fence[1].where}: the block does not end")
    return Page(path, blocks, continues)


def read_notes(path, lines):
    blocks, notes, text = [], {}, []
    for number, line in enumerate([*lines, ""], 1):
        note = note_of(line)
        if line.startswith("  "):
            text.append(line[2:])
        elif note:
            notes = {note[0]: note[1]}
        elif text:
            blocks.append(Block(path, number - len(text), "sh", "".join(part + "\n" for part in text), "", notes))
            notes, text = {}, []
    return Page(path, blocks)


def read_page(root, path):
    """The page at PATH below ROOT."""
    lines = (root / path).read_text().splitlines()
    return read_notes(path, lines) if path.suffix == ".txt" else read_markdown(path, lines)


def steps_of_console(block):
    """The commands of a `console` block: line, command, and the output that the page shows."""
    steps, continued = [], False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if continued:
            steps[-1][1].append(line)
        elif line.startswith("$ "):
            steps.append((number, [line[2:]], []))
        elif steps:
            steps[-1][2].append(line)
        else:
            raise PageError(f"{block.page}:{number}: the block begins with output and not with \"$ \"")
        continued = line.endswith("\\") and (continued or line.startswith("$ "))
    return [(number, "\n".join(command) + "\n", "".join(line + "\n" for line in shown)) for number, command, shown in steps]
