"""Templates of sensitive and ordinary prompts: read, split by template, filled.

The makers of names, addresses and firms come from outside (train.py: Faker; tests/quality: its own
lists), so that what is tested has other names and other templates than what was trained.
"""

import hashlib
import re
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent


def _sections(name):
    """(language, kind), line of each line below its [language kind]."""
    head = None
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and line.count(" ") == 1:
            head = tuple(line[1:-1].split())
        elif line and not line.startswith("#"):
            yield head, line


def read(name):
    """(language, kind, template) of a file of templates."""
    return [(lang, kind, line.replace("\\n", "\n")) for (lang, kind), line in _sections(name)]


def is_test(template):
    """Three of ten templates are never trained on."""
    return hashlib.sha256(template.encode()).digest()[0] % 10 < 3


SLOTS = defaultdict(list)
for _head, _line in _sections("slots.txt"):
    SLOTS[_head] += [_line] if _head[1] == "sent" else _line.split(";")

MONEY = {
    "zh": ["{}万", "{}万元", "{}元", "{}亿"],
    "zh-TW": ["{}萬元"],
    "de": ["{}.000 Euro", "{} Mio. €"],
    "fr": ["{} 000 euros", "{} millions"],
    "ja": ["{}万円"],
    "ko": ["{}만 원"],
    "ru": ["{} 000 рублей"],
}
MONEY_EN = [
    "${},000",
    "{}k",
    "€{},500",
    "{} million dollars",
    "£{},000",
    "USD {},000",
    "{} thousand a year",
]


def fill(r, template, lang, person):
    """person(kind): a name, first name, address, firm or city of that language, or None."""

    def one(match):
        slot = match.group(1)
        made = person({"m": "n", "l": "n"}.get(slot, slot))
        if made:
            return made.lower() if slot == "l" else made
        if slot == "money":
            return r.choice(MONEY.get(lang, MONEY_EN)).format(r.randrange(3, 990))
        if slot in ("num", "age", "pct", "small", "year"):
            low, high = {
                "num": (20, 900),
                "age": (3, 90),
                "pct": (2, 60),
                "small": (2, 9),
                "year": (1900, 2024),
            }[slot]
            return str(r.randrange(low, high))
        if slot == "iso":
            return (
                f"{r.randrange(1990, 2025)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d} "
                f"{r.randrange(24):02d}:{r.randrange(60):02d}:00"
            )
        near = "zh" if lang == "zh-TW" else lang
        return r.choice(SLOTS[(lang, slot)] or SLOTS[(near, slot)] or SLOTS[("en", slot)])

    return re.sub(r"\{(\w+)\}", one, template)
