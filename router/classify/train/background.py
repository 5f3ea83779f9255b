"""Ordinary text that templates do not give: code, documentation, numbers, logs, made-up prose."""

import ast
import re
import sysconfig
from pathlib import Path

import templates

NUMBER_LINES = templates.read("numbers.txt")
ASKS = [
    "",
    "",
    "Explain this:\n",
    "Why does this fail?\n",
    "Add tests:\n",
    "解释一下：\n",
    "What is this?\n",
]
PARTS = ("subject", "verb", "object", "end")


def _number(r, kind):
    if kind == 0:
        return str(r.randrange(10 ** r.randrange(1, 13)))
    if kind == 1:
        return f"{r.uniform(0, 1000):.{r.randrange(1, 8)}f}"
    if kind == 2:
        return "".join(r.choice("0123456789abcdef") for _ in range(r.choice([6, 7, 8, 16, 32, 40])))
    if kind == 3:
        return f"{r.randrange(20)}.{r.randrange(20)}.{r.randrange(20)}"
    if kind == 4:
        return f"{r.randrange(1990, 2030)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}"
    if kind == 5:
        return f"{r.randrange(24):02d}:{r.randrange(60):02d}"
    if kind == 6:
        return r.choice(["A", "B", "PO-", "SN", "#", "v", "INV-", "x"]) + str(r.randrange(10**6))
    return str(r.randrange(100))


def numbers(r):
    _, _, line = r.choice(NUMBER_LINES)
    kind = r.randrange(12)  # often numbers of one kind stand together
    text = re.sub(r"\{\}", lambda _: _number(r, kind if kind < 8 else r.randrange(8)), line)
    return r.choice(ASKS) + text if r.random() < 0.5 else text


def prose(r):
    slots = {"y": r.randrange(1700, 2030), "k": r.randrange(2, 60)}
    if r.random() < 0.35:
        a, b, c, d = (r.choice(templates.SLOTS[("zh", p)]) for p in PARTS)
        return r.choice([f"{d}，{a}{b}{c}。", f"{a}{b}{c}。", f"{a}{d}{b}{c}。"]).format(**slots)
    a, b, c, d = (r.choice(templates.SLOTS[("en", p)]) for p in PARTS)
    text = r.choice(
        [f"{a} {b} {c} {d}.", f"{d}, {a} {b} {c}.", f"{a} {b} {c}.", f"why {a} {b} {c}?"]
    )
    text = text.format(**slots)
    return text[0].upper() + text[1:]


class Library:
    """Python's own library: lines of code and paragraphs of documentation."""

    def __init__(self):
        self.sources, self.docs = [], []
        for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
            text = path.read_text("utf-8", errors="ignore")
            self.sources.append(text.splitlines())
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                    doc = ast.get_docstring(node) or ""
                    self.docs += [p for p in doc.split("\n\n") if len(p) > 30]

    def code(self, r):
        lines = r.choice(self.sources)
        at = r.randrange(max(1, len(lines) - 12))
        return r.choice(ASKS) + "\n".join(lines[at : at + r.randrange(1, 9)])

    def documentation(self, r):
        return r.choice(ASKS) + r.choice(self.docs)


def samples(r, n):
    library = Library()
    for _ in range(n):
        kind = r.random()
        if kind < 0.25:
            yield library.code(r)
        elif kind < 0.45:
            yield library.documentation(r)
        elif kind < 0.8:
            yield numbers(r)
        else:
            yield " ".join(prose(r) for _ in range(r.randrange(1, 4)))
