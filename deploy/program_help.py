"""What the programs say of themselves with --help, read back from its text: for the reference pages
(tests/reference.py) and the manual pages (deploy/debian/man.py)."""
import re
import subprocess
import sys

# A row of --help, as src/config/options.c prints it, with its lines joined.
OPTION = re.compile(r"  --(?P<name>[a-z0-9-]+)(?: (?P<argument>[A-Z][A-Z/=]*))?(?: {2,}|(?<=[A-Z]) )(?P<help>.*)")
TAIL = re.compile(r"(?P<help>.*?)(?P<repeatable>; repeatable)?(?:; (?P<least>\d+) to (?P<most>\d+))?"
                  r"(?: \(default (?P<default>.*)\))?(?: \[(?P<environment>[A-Z_]+)\])?")


def run(build, *words):
    return subprocess.run([build / words[0], *words[1:]], check=True, capture_output=True, text=True).stdout


def parse_options(text):
    # The help of an option goes on in lines that begin with thirty spaces.
    text = re.sub(r"(?m)^(  --\S+(?: \S+)?)\n {30}(?=\S)", r"\1  ", text)
    for line in re.sub(r"\n {30}(?=\S)", " ", text).splitlines():
        if not line.startswith("  --"):
            continue
        row = OPTION.fullmatch(line)
        if row is None:
            sys.exit(f"cannot read this row of --help: {line}")
        yield {**row.groupdict(), **TAIL.fullmatch(row["help"]).groupdict()}


def list_commands(build):
    """The commands of sallyport-sync, and what each does."""
    listed = re.sub(r"\n {15}(?=\S)", " ", run(build, "sallyport-sync", "--help"))
    return re.findall(r"^  ([a-z]+) +(.*)$", listed, re.M)


def list_verbs(build, noun):
    listed = run(build, "sallyport", "help", noun).split("Commands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z-]+) {2,}", listed, re.M)


def list_cli_commands(build):
    """Each command of sallyport: its words, its help, the common options' help, and its example."""
    listed = run(build, "sallyport", "--help").split("Commands:\n")[1].split("\n\n")[0]
    for noun, after in re.findall(r"^  ([a-z-]+) {2,}(.*)$", listed, re.M):
        if noun in ("help", "version"):
            continue
        verbs = re.fullmatch(r"[a-z-]+(, [a-z-]+)*,?", after)
        for words in [[noun, verb] for verb in list_verbs(build, noun)] if verbs else [[noun]]:
            head, rest = run(build, "sallyport", "help", *words).split("\nCommon options:\n")
            common, example = rest.split("\n\nExample:\n")
            yield " ".join(words), head.rstrip(), common.rstrip(), example.rstrip()
