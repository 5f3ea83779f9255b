#!/usr/bin/env python3
"""What `make lint` checks: lint.py [ROOT].

Each rule is a function that takes the tree and yields findings; RULES at the end lists them. The
layers come from the Makefile (DIRS_<library> and LIB_ORDER), so there is one place that knows them.
Prints `path:line: [rule] text` for every finding; exit status 1 when there is one. Standard library
only; outside programs: git, ctags, clang-format-14, shellcheck, gcc.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800

# A dependency's header, and the folders that adapt it: nothing else includes it.
DEPENDENCIES = [
    (r"librdkafka/|rdkafka", ["common/bus"]),
    (r"event2/|curl/", ["common/http"]),
    (r"openssl/", ["common/crypto"]),
    (r"hs/|hs\.h|hs_\w+\.h|unicode/", ["router/classify"]),
    (r"pcre2|utf8proc", ["router/classify", "private-worker/engine"]),
    (r"cjson/|cJSON|yaml\.h", ["common/base"]),
    (r"cblas|openblas|cuda|cublas|nccl", ["private-worker/engine"]),
]
# What the order of the libraries would allow and the design does not: neighbours.
APART = [
    ({"gateway", "pworker", "uworker"}, {"gateway", "pworker", "uworker"}),
    ({"gateway", "uworker"}, {"engine"}),
    ({"pworker", "uworker"}, {"router"}),
    ({"gateway"}, {"worker"}),
    ({"worker"}, {"engine", "router"}),
    ({"engine"}, {"router"}),
]
OUTPUT_CALL = re.compile(
    r"(?<![\w.>])(?:(?:v?printf|puts|putchar|perror|_?exit|_Exit|quick_exit)\s*\("
    r"|v?fprintf\s*\(\s*(?:stdout|stderr)\b)"
)
SLEEP_CALL = re.compile(r"(?<!\w)(?:u?sleep|nanosleep|clock_nanosleep|thrd_sleep)\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:root|home|work|workspace|Users)/[\w.]")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


class Tree:
    """The files of the project (known to git or new, not ignored) and its layers."""

    def __init__(self, root: Path):
        self.root = root
        listed = self.run("git", "ls-files", "-z", "-co", "--exclude-standard")
        if listed.returncode != 0:
            sys.exit(f"lint: git lists no files of {root}: {listed.stderr.strip()}")
        names = set(listed.stdout.split("\0"))
        self.files = sorted(f for f in names if f and (root / f).is_file())
        self._texts: dict[str, str] = {}

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            command, cwd=self.root, input=text, capture_output=True, text=True, check=False
        )

    def text(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def lines(self, path: str) -> list[str]:
        return self.text(path).splitlines()

    def code(self, path: str) -> list[str]:
        """The lines of a C file with comments, strings and character constants blanked."""
        pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
        return re.sub(pattern, _blank, self.text(path), flags=re.S).splitlines()

    def named(self, *endings: str) -> list[str]:
        return [f for f in self.files if f.endswith(endings)]

    @cached_property
    def c_files(self) -> list[str]:
        return self.named(".c", ".h")

    @cached_property
    def scripts(self) -> list[str]:
        plain = [f for f in self.files if "." not in Path(f).name]
        return self.named(".sh") + [f for f in plain if re.match(r"#!.*\bbash\b", self.text(f))]

    @cached_property
    def layers(self) -> tuple[list[str], dict[str, str]]:
        """The libraries, highest first, and the library of every folder, from the Makefile."""
        makefile = self.text("Makefile")
        order = re.search(r"^LIB_ORDER\s*:=\s*(.+)$", makefile, re.M)
        folders = {
            folder: library
            for library, row in re.findall(r"^DIRS_(\w+)\s*:=\s*(.+)$", makefile, re.M)
            for folder in row.split()
        }
        return (order.group(1).split() if order else []), folders


def _blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def _in_tests(path: str) -> bool:
    return path.startswith("tests/")


def includes(tree: Tree) -> Iterator[Finding]:
    """Dependency headers stand in their adapter alone."""
    for path in tree.c_files:
        if _in_tests(path):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if not match or match.group(1) != "<":
                continue
            for pattern, homes in DEPENDENCIES:
                inside = any(path.startswith(home + "/") for home in homes)
                if re.match(pattern, match.group(2)) and not inside:
                    text = f"<{match.group(2)}> belongs to {' and '.join(homes)} alone"
                    yield Finding(path, number, "adapter", text)


def layers(tree: Tree) -> Iterator[Finding]:
    """A library includes those below it in LIB_ORDER, never one above it or a neighbour."""
    order, folders = tree.layers
    for path in tree.c_files:
        own = folders.get(str(Path(path).parent))
        if own is None:
            continue
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if not match or match.group(1) != '"':
                continue
            other = folders.get(str(Path(match.group(2)).parent))
            if other is None:
                text = f'"{match.group(2)}" is in no library; include by path from the root'
                yield Finding(path, number, "layers", text)
            elif order.index(other) < order.index(own):
                text = f"{own} must not know {other}, which stands above it"
                yield Finding(path, number, "layers", text)
            elif other != own and any(own in a and other in b for a, b in APART):
                text = f"{own} and {other} are neighbours and must not know each other"
                yield Finding(path, number, "layers", text)


def lengths(tree: Tree) -> Iterator[Finding]:
    """Lines, functions and files are short."""
    for path in tree.c_files + tree.named(".py") + tree.scripts + ["Makefile"]:
        lines = tree.lines(path)
        table = False  # rows of a table that clang-format leaves alone may be long
        for number, line in enumerate(lines, 1):
            if "clang-format o" in line:
                table = "clang-format off" in line
            if len(line) > COLUMNS_MAX and not table:
                text = f"{len(line)} columns, at most {COLUMNS_MAX}"
                yield Finding(path, number, "columns", text)
        if len(lines) > FILE_LINES_MAX:
            yield Finding(path, len(lines), "file", f"{len(lines)} lines, at most {FILE_LINES_MAX}")
    yield from _function_lengths(tree)


def _function_lengths(tree: Tree) -> Iterator[Finding]:
    if not tree.c_files:
        return
    listing = "\n".join(tree.c_files)
    options = "--languages=C --langmap=C:+.h --kinds-C=f --fields=ne -o - -L -".split()
    done = tree.run("ctags", *options, text=listing)
    if done.returncode != 0:
        yield Finding("Makefile", 1, "function", f"ctags failed: {done.stderr.strip()}")
    for row in done.stdout.splitlines():
        name, path, *_ = row.split("\t")
        start, end = (re.search(rf"\t{field}:(\d+)", row) for field in ("line", "end"))
        if start and end:
            size = int(end.group(1)) - int(start.group(1)) + 1
            if size > FUNCTION_LINES_MAX:
                text = f"{name} has {size} lines, at most {FUNCTION_LINES_MAX}"
                yield Finding(path, int(start.group(1)), "function", text)


def output(tree: Tree) -> Iterator[Finding]:
    """Libraries return errors: printing and exiting is for *_main.c, ctl/ and the tests."""
    for path in tree.c_files:
        if _in_tests(path) or path.startswith("ctl/") or path.endswith("_main.c"):
            continue
        for number, line in enumerate(tree.code(path), 1):
            if match := OUTPUT_CALL.search(line):
                call = match.group().split("(")[0].strip()
                yield Finding(path, number, "output", f"{call} outside *_main.c, ctl/ and tests/")


def sleeps(tree: Tree) -> Iterator[Finding]:
    """A test waits for an event with a deadline. A polling loop says so: `poll:` on its line."""
    for path in tree.files:
        if not _in_tests(path) or path.startswith(("tests/lint/", "tests/bench/")):
            continue  # a bench may pace itself
        if path.endswith((".c", ".h")):
            code = tree.code(path)
        elif path.endswith(".py"):
            code = [line.split("#")[0] for line in tree.lines(path)]
        else:
            continue
        for number, (line, whole) in enumerate(zip(code, tree.lines(path)), 1):
            if SLEEP_CALL.search(line) and "poll:" not in whole:
                text = "wait for an event with a deadline; mark a polling loop `poll: WHAT`"
                yield Finding(path, number, "sleep", text)


def machine_paths(tree: Tree) -> Iterator[Finding]:
    """No path of somebody's machine in what is committed."""
    for path in tree.files:
        if path.startswith(("tests/data/", "tests/fuzz/corpus/", "tests/lint/")):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if match := MACHINE_PATH.search(line):
                yield Finding(path, number, "path", f"a path of one machine: {match.group()}…")


def c_format(tree: Tree) -> Iterator[Finding]:
    """clang-format changes nothing."""
    pattern = re.compile(r"^(.+?):(\d+):\d+: (?:error|warning):", re.M)

    def check(path: str) -> tuple[str, str]:
        return path, tree.run("clang-format-14", "--dry-run", "-Werror", path).stderr

    with ThreadPoolExecutor(2) as pool:
        for path, complaint in pool.map(check, tree.c_files):
            places = pattern.findall(complaint)
            if places:
                text = f"{len(places)} places differ from .clang-format; run: make format"
                yield Finding(path, int(places[0][1]), "format", text)
            elif complaint:
                yield Finding(path, 1, "format", complaint.splitlines()[0])


def headers_alone(tree: Tree) -> Iterator[Finding]:
    """Every header compiles without another one before it; a *_body.h is a template, not a header."""
    gcc = ("gcc", "-std=c11", "-D_GNU_SOURCE", "-I.", "-fsyntax-only", "-x", "c", "-")

    def check(path: str) -> tuple[str, str]:
        return path, tree.run(*gcc, text=f'#include "{path}"\n').stderr

    with ThreadPoolExecutor(2) as pool:
        headers = [path for path in tree.named(".h") if not path.endswith("_body.h")]
        for path, complaint in pool.map(check, headers):
            if "error:" in complaint:
                first = next(x for x in complaint.splitlines() if "error:" in x)
                yield Finding(path, 1, "header", f"does not compile alone: {first}")


def shell(tree: Tree) -> Iterator[Finding]:
    """shellcheck finds nothing."""
    if not tree.scripts:
        return
    done = tree.run("shellcheck", "-x", "-f", "gcc", *tree.scripts)
    for row in done.stdout.splitlines():
        path, line, _, text = row.split(":", 3)
        yield Finding(path, int(line), "shell", text.strip())


RULES: list[Callable[[Tree], Iterator[Finding]]] = [
    includes, layers, lengths, output, sleeps, machine_paths, shell, headers_alone, c_format,
]  # fmt: skip


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    tree = Tree(root)
    findings = [finding for rule in RULES for finding in rule(tree)]
    for finding in findings:
        print(finding)
    print(f"lint: {len(tree.files)} files, {len(tree.c_files)} of them C, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
