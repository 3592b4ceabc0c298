#!/usr/bin/env python3
"""Checks the length of lines of C files where clang-format does not: at most 120 columns, and 100 for
lines that hold only a comment. Tables that clang-format leaves alone are left alone here too. Prints
each line that is longer."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE, COMMENT = 120, 100  # columns
FORMATTED = re.compile(r" *\* (  +\S|.*\S  +\S)")  # a line of a table or an example within a comment


def find_comment_lines(text):
    """Whether each line holds nothing but a comment, or a part of one."""
    inside = False
    for line in text.splitlines():
        rest = line.strip()
        if not inside and not rest.startswith(("/*", "//")):
            yield False
            continue
        end = -1 if rest.startswith("//") else rest.find("*/", 0 if inside else 2)
        inside = end < 0 and not rest.startswith("//")
        yield end < 0 or end + 2 == len(rest)


def main():
    names = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, check=True, capture_output=True, text=True)
    long = 0
    for name in names.stdout.splitlines():
        text = (ROOT / name).read_text()
        is_table = False
        for number, (line, is_comment) in enumerate(zip(text.splitlines(), find_comment_lines(text)), 1):
            if line.strip() in ("/* clang-format off */", "/* clang-format on */"):
                is_table = line.strip().endswith("off */")
            if is_table:
                continue
            limit = COMMENT if is_comment and not FORMATTED.match(line) else CODE
            if len(line) > limit:
                print(f"{name}:{number}: {len(line)} columns; at most {limit} are allowed here")
                long += 1
    sys.exit(1 if long else 0)


if __name__ == "__main__":
    main()
