#!/usr/bin/env python3
"""Checks the code, and the table and the picture in CONTRIBUTING.md, against src/layers. Prints
each line that breaks a rule:

- a layer includes only the layers that src/layers allows, and src/layers names only layers above
  the line;
- so do the rooms of a layer that has a file of its own for them, such as src/store/rooms;
- a function that a header x.h declares is defined in x.c beside it, so that a reader finds it, and
  nothing lower calls anything higher;
- a foreign library is included only by the folders that FOREIGN names;
- functions without bounds are not used;
- only src/base/clock.c reads a clock, or sleeps;
- CONTRIBUTING.md has the same layers with the same rules, and the picture that --picture prints.

--circles also prints circles of files. A unit is a header with the body of the same name, or a
file without a counterpart, such as a header that several bodies share. In a circle of includes
each unit includes a header of the next; in a circle of calls each unit includes a header of the
next, or uses something that the next one's body defines. A circle fails the check only as far as
FAIL_ON_CIRCLES, --fail-on=includes or --fail-on=calls demands."""
import pathlib
import re
import sys

FAIL_ON_CIRCLES = "calls"  # "includes": those; "calls": those too

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

# Prefix of an included file (after a leading *: suffix), and the layers that may include it.
FOREIGN = {
    "lmdb.h": "store",
    "xxhash.h": "usage store",
    "grpc/": "rpc",
    "openssl/": "core tls rpc daemon",
    "nghttp2/": "rpc",
    "yaml.h": "config cli",
    "libdeflate.h": "core connect",
    "microhttpd.h": "http",
    "gnutls/": "http",
    "jansson.h": "wire store connect trial cli server",
    "*.pb-c.h": "policy store decide admin trial rpc etcd source server sync cli",
}
UNBOUNDED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|alloca|inet_aton)\s*\(")
CLOCKS = re.compile(
    r"\b(gpr_now|clock_\w*time|clock_nanosleep|nanosleep|u?sleep|gettimeofday|timespec_get|time|clock|ftime"
    r"|pthread_condattr_setclock|pthread_\w*(timed|clock)(wait|lock|rdlock|wrlock|join_np)|sem_(timed|clock)wait)\("
)
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# The definitions that other files can use. clang-format starts them at the left margin.
FUNCTION = re.compile(r"^(?!static\b|typedef\b|extern\b|struct \w+ \{|enum \w* ?\{)[A-Za-z_][\w *]*?[ *](\w+)\(([^;{}]*)\)\s*\{", re.M)
OBJECT = re.compile(r"^(?!static\b|typedef\b|extern\b)(?:const )?(?:struct |enum )?\w+(?: const)? \*?(\w+)(?:\[[^\]]*\])* = ", re.M)
PROTOTYPE = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][\w *]*?[ *](\w+)\([^;{}]*\)[^;{}()]*(?:\([^;{}]*\))?;", re.M)
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)

complaints = []


def complain(text):
    complaints.append(text)
    print(text)


def read_order(path, kind):
    """Folders beside the file, each with those that it may include: only such as stand above it."""
    order = {}
    label = path.relative_to(ROOT)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([a-z]+):((?: [a-z]+)*)", line)
        if match is None:
            complain(f"{label}:{number}: not \"{kind}: other {kind}s\"")
            continue
        name, others = match[1], match[2].split()
        if name in order:
            complain(f"{label}:{number}: {name} is declared twice")
        for other in others:
            if other not in order:
                complain(f"{label}:{number}: {name} names {other}, which is not declared above it")
        order[name] = others
    for folder in sorted(path.parent.iterdir()):
        if folder.is_dir() and folder.name not in order:
            complain(f"{folder.relative_to(ROOT)} is not a {kind}: add it to {label}")
    for name in order:
        if not (path.parent / name).is_dir():
            complain(f"{label}: no folder {path.parent.relative_to(ROOT)}/{name}")
    return order


def check_rooms(files, layer):
    rooms = read_order(SRC / layer / "rooms", "room")
    for name, text in files.items():
        parts = name.split("/")
        if parts[0] != layer or len(parts) != 3:
            continue
        allowed = rooms.get(parts[1], []) + [parts[1]]
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            target = match[1].split("/") if match is not None else []
            if len(target) == 3 and target[0] == layer and target[1] not in allowed:
                complain(f"src/{name}:{number}: room {parts[1]} may not include {match[1]} "
                         f"(it may include: {' '.join(allowed)})")


def check_includes(files, layers):
    for name, text in files.items():
        layer = name.split("/")[0]
        allowed = layers.get(layer, []) + [layer]
        for number, line in enumerate(text.splitlines(), 1):
            where = f"src/{name}:{number}"
            if UNBOUNDED.search(line):
                complain(f"{where}: use a bounded function")
            if CLOCKS.search(line) and name != "base/clock.c":
                complain(f"{where}: use base/clock.h, which tests can replace")
            match = INCLUDE.match(line)
            if match is None:
                continue
            header = match[1]
            first = header.split("/")[0]
            if first in layers and first not in allowed:
                complain(f"{where}: layer {layer} may not include {header} (it may include: {' '.join(allowed)})")
            for library, owners in FOREIGN.items():
                fits = header.endswith(library[1:]) if library[0] == "*" else header.startswith(library)
                if fits and layer not in owners.split():
                    complain(f"{where}: only src/{{{owners.replace(' ', ',')}}} may include {header}")


def find_definitions(codes):
    """Names that others can use, and the body that defines each."""
    defined = {}
    for name, code in codes.items():
        if name.endswith(".c") and not name.endswith("/main.c"):
            for match in list(FUNCTION.finditer(code)) + list(OBJECT.finditer(code)):
                defined[match[1]] = name
    return defined


def check_headers(codes, defined):
    """The declarations that a macro makes of a table's rows (admin/handlers.h) are not seen here."""
    for name, code in codes.items():
        if not name.endswith(".h"):
            continue
        for match in PROTOTYPE.finditer(code):
            body = defined.get(match[1])
            if body != name[:-1] + "c":
                where = "nowhere" if body is None else f"in src/{body}"
                complain(f"src/{name}: {match[1]} should be defined in src/{name[:-1]}c, and is {where}")


def check_contributing(layers):
    table = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        match = re.fullmatch(r"\| `src/([a-z]+)` \|.*\| ?([a-z ]*?) ?\|", line)
        if match is not None:
            table[match[1]] = match[2].split()
    for name in list(layers) + [name for name in table if name not in layers]:
        if name not in table:
            complain(f"CONTRIBUTING.md: the table has no row of src/{name}")
        elif name not in layers:
            complain(f"CONTRIBUTING.md: src/layers has no {name}")
        elif table[name] != layers[name]:
            complain(f"CONTRIBUTING.md: src/{name} may include \"{' '.join(layers[name])}\", as src/layers says")
    if list(table) != list(layers):
        complain("CONTRIBUTING.md: the rows are not in the order of src/layers")


def draw_layers(layers):
    """A row of layers includes only from the rows below it. What no layer includes is at the top."""
    ranks = {}
    for name, others in layers.items():
        ranks[name] = 1 + max((ranks.get(other, 0) for other in others), default=0)
    included = {other for others in layers.values() for other in others}
    top = max(ranks.values())
    for name in layers:
        if name not in included:
            ranks[name] = top
    rows = ["   ".join(name for name in layers if ranks[name] == rank) for rank in range(top, 0, -1)]
    width = max(map(len, rows))
    return "\n".join(row.center(width).rstrip() for row in rows if row)


def check_picture(layers):
    picture = draw_layers(layers)
    if f"```\n{picture}\n```" not in (ROOT / "CONTRIBUTING.md").read_text():
        complain(f"CONTRIBUTING.md: the picture of the layers should be\n{picture}")


def unit_of(name):
    return name.rsplit(".", 1)[0]


def find_needs(files, codes, defined):
    """Unit → the units that it needs. `defined` empty: only for what it includes."""
    needs = {unit_of(name): set() for name in files}
    for name, text in files.items():
        unit = unit_of(name)
        for line in text.splitlines():
            match = INCLUDE.match(line)
            if match is not None and match[1] in files:
                needs[unit].add(unit_of(match[1]))
        if name.endswith(".c"):
            for word in set(re.findall(r"\w+", codes[name])):
                if word in defined:
                    needs[unit].add(unit_of(defined[word]))
        needs[unit].discard(unit)
    return needs


def find_circles(needs):
    """Groups of units that all need each other, by Tarjan's algorithm without recursion."""
    order, low, on_stack, stack, groups = {}, {}, set(), [], []
    for root in sorted(needs):
        if root in order:
            continue
        work = [(root, iter(sorted(needs[root])))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            unit, others = work[-1]
            for other in others:
                if other not in order:
                    order[other] = low[other] = len(order)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(needs[other]))))
                    break
                if other in on_stack:
                    low[unit] = min(low[unit], order[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[unit])
                if low[unit] == order[unit]:
                    group = []
                    while not group or group[-1] != unit:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    if len(group) > 1:
                        groups.append(sorted(group))
    return sorted(groups)


def report_circles(kind, needs, fail):
    circles = find_circles(needs)
    for circle in circles:
        print(f"circle of {kind}: {' '.join(circle)}")
    print(f"{len(circles)} circles of {kind} with {sum(map(len, circles))} units")
    if circles and fail:
        complain(f"files need each other in circles of {kind}")


def main():
    options = {"--picture": "", "--circles": "", "--fail-on=includes": "includes", "--fail-on=calls": "calls"}
    arguments = sys.argv[1:]
    if not set(arguments) <= set(options):
        sys.exit(f"usage: tests/check_layers.py [{'] ['.join(options)}]")
    fail_on = max([FAIL_ON_CIRCLES, *map(options.get, arguments)], key=["", "includes", "calls"].index)
    layers = read_order(SRC / "layers", "layer")
    if arguments == ["--picture"]:
        print(draw_layers(layers))
        return
    files = {str(path.relative_to(SRC)): path.read_text() for path in sorted(SRC.rglob("*.[ch]"))}
    codes = {name: NOISE.sub(" ", text) for name, text in files.items()}
    defined = find_definitions(codes)
    check_includes(files, layers)
    for path in sorted(SRC.glob("*/rooms")):
        check_rooms(files, path.parent.name)
    check_headers(codes, defined)
    check_contributing(layers)
    check_picture(layers)
    if arguments or fail_on:
        report_circles("includes", find_needs(files, codes, {}), fail_on != "")
        report_circles("calls", find_needs(files, codes, defined), fail_on == "calls")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
