"""Other spellings of a value that people or attackers use; simple and hard ones.

Each takes (r, value) and returns the text, or None where it doesn't apply to such a value.
"""

import base64
import html
import json
import urllib.parse

SCRIPTS = {
    "arabic": 0x660,
    "persian": 0x6F0,
    "devanagari": 0x966,
    "bengali": 0x9E6,
    "thai": 0xE50,
    "fullwidth": 0xFF10,
    "math": 0x1D7CE,
    "tamil": 0xBE6,
    "khmer": 0x17E0,
    "myanmar": 0x1040,
}
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
ENGLISH = "zero one two three four five six seven eight nine".split()
GERMAN = "null eins zwei drei vier fünf sechs sieben acht neun".split()
FRENCH = "zéro un deux trois quatre cinq six sept huit neuf".split()
SPANISH = "cero uno dos tres cuatro cinco seis siete ocho nueve".split()
CHINESE = "零一二三四五六七八九"
FORMAL = "零壹贰叁肆伍陆柒捌玖"
SPOKEN = "洞幺两三四五六拐八勾"


def only_digits(value):
    return sum(c.isdigit() for c in value) >= 9 and all(c.isdigit() or c in " -." for c in value)


def bare(value):
    return "".join(c for c in value if c.isdigit())


def is_email(value):
    return value.count("@") == 1 and " " not in value and ":" not in value and "<" not in value


def each_digit(value, fn):
    return "".join(fn(int(c)) if c.isascii() and c.isdigit() else c for c in value)


def joined(sep):
    return lambda r, v: sep.join(bare(v)) if only_digits(v) else None


def other_digits(script):
    return lambda r, v: (
        each_digit(v, lambda d: chr(SCRIPTS[script] + d)) if only_digits(v) else None
    )


def full_width(r, v):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in v)


def invisible(r, v):
    i = r.choice(INVISIBLE)
    return i.join(v) if r.random() < 0.5 else v[:3] + i + v[3:7] + i + v[7:]


def b64(r, v):
    return base64.b64encode(f"data: {v}".encode()).decode()


def chunked(sep, n=4):
    def run(r, v):
        if not only_digits(v):
            return None
        t = bare(v)
        return sep.join(t[i : i + n] for i in range(0, len(t), n))

    return run


def mail(at, dot):
    return lambda r, v: v.replace("@", at).replace(".", dot) if is_email(v) else None


SIMPLE = {
    "full-width": full_width,
    "spaces": joined(" "),
    "dashes": joined("-"),
    "dots": joined("."),
    "groups of dots": chunked("."),
    "groups of slashes": chunked("/"),
    "underscores": chunked("_"),
    "middle dots": chunked("·"),
    "en dashes": chunked("–"),
    "nbsp": chunked("\u00a0"),
    "groups of 3": chunked(" ", 3),
    "commas": chunked(",", 3),
    "double spaces": chunked("  "),
    "zero-width": invisible,
    "combining": lambda r, v: "".join(c + "\u0335" for c in v) if only_digits(v) else None,
    **{f"{s} digits": other_digits(s) for s in SCRIPTS},
    "base64": b64,
    "hex": lambda r, v: f"value {v}".encode().hex(),
    "percent": lambda r, v: "".join(f"%{b:02X}" for b in v.encode()),
    "url encoded": lambda r, v: "q=" + urllib.parse.quote(v, safe=""),
    "entities": lambda r, v: "".join(f"&#{ord(c)};" for c in v),
    "hex entities": lambda r, v: "".join(f"&#x{ord(c):x};" for c in v),
    "[at][dot]": mail("[at]", "[dot]"),
    "(at)(dot)": mail(" (at) ", " (dot) "),
    " at dot": mail(" at ", " dot "),
    "＠": mail("＠", "．"),
    "艾特": mail("艾特", "点"),
    "{at}": mail("{at}", "."),
    "AT DOT": mail(" AT ", " DOT "),
    "mail spaces": mail(" @ ", "."),
    "[@][.]": mail("[@]", "[.]"),
    "tags": lambda r, v: "<b>" + v[:4] + "</b>" + v[4:],
}


def lookalike(r, v):
    table = str.maketrans("aceopxyABEKMHOPCTX", "асеорхуАВЕКМНОРСТХ")
    out = list(v)
    spots = [i for i, c in enumerate(v) if c.translate(table) != c]
    if len(spots) < 2 or not any(c.isalpha() for c in v):
        return None
    for i in r.sample(spots, max(1, len(spots) // 2)):
        out[i] = out[i].translate(table)
    return "".join(out)


def letters_for_digits(r, v):
    if not only_digits(v):
        return None
    out, n = [], 0
    for c in v:
        swap = {"0": "O", "1": "l", "5": "S", "8": "B"}.get(c)
        if swap and n < 3:
            out.append(swap)
            n += 1
        else:
            out.append(c)
    return "".join(out) if n else None


def pieces(v, n=4):
    t = bare(v) if only_digits(v) else v
    return [t[i : i + n] for i in range(0, len(t), n)]


def spelled(words, sep=" "):
    return lambda r, v: sep.join(words[int(c)] for c in bare(v)) if only_digits(v) else None


def numerals(table):
    return lambda r, v: "".join(table[int(c)] for c in bare(v)) if only_digits(v) else None


def ranks(r, v):
    if not only_digits(v):
        return None
    t = pieces(v)
    rows = [f"part {i + 1}: {p}" for i, p in enumerate(t)]
    return "\n".join(rows)


def reverse_order(r, v):
    if not only_digits(v):
        return None
    return "\n".join(f"| {i + 1} | {p} |" for i, p in reversed(list(enumerate(pieces(v)))))


HARD = {
    "chinese numerals": numerals(CHINESE),
    "formal numerals": numerals(FORMAL),
    "spoken numerals": numerals(SPOKEN),
    "〇": numerals("〇一二三四五六七八九"),
    "look-alikes": lookalike,
    "O l S B": letters_for_digits,
    "base64 twice": lambda r, v: base64.b64encode(b64(r, v).encode()).decode(),
    "base64 of hex": lambda r, v: base64.b64encode(f"note {v}".encode().hex().encode()).decode(),
    "percent twice": lambda r, v: "".join(f"%25{b:02X}" for b in v.encode()),
    "base64url": lambda r, v: base64.urlsafe_b64encode(f"see {v} ok".encode()).decode().rstrip("="),
    "percent of base64": lambda r, v: urllib.parse.quote(b64(r, v), safe=""),
    "lines": lambda r, v: "\n".join(pieces(v)) if only_digits(v) else None,
    "json strings": lambda r, v: json.dumps(pieces(v)) if only_digits(v) else None,
    "json keys": lambda r, v: (
        json.dumps({f"p{i + 1}": p for i, p in enumerate(pieces(v))}) if only_digits(v) else None
    ),
    "concatenation": lambda r, v: "x = " + " + ".join(f'"{p}"' for p in pieces(v)),
    "concatenation '": lambda r, v: "$n = " + " . ".join(f"'{p}'" for p in pieces(v)) + ";",
    "adjacent strings": lambda r, v: "n = (" + "\n     ".join(f'"{p}"' for p in pieces(v)) + ")",
    "markdown": lambda r, v: "".join(f"**{p}**" if i % 2 else p for i, p in enumerate(pieces(v))),
    "markup": lambda r, v: "".join(f"<span>{html.escape(p)}</span>" for p in pieces(v)),
    "table cells": lambda r, v: (
        "".join(f"<td>{p}</td>" for p in pieces(v)) if only_digits(v) else None
    ),
    "english words": spelled(ENGLISH),
    "english dashes": spelled(ENGLISH, "-"),
    "english commas": spelled(ENGLISH, ", "),
    "german words": spelled(GERMAN),
    "french words": spelled(FRENCH),
    "spanish words": spelled(SPANISH),
    "parts": ranks,
    "reversed table": reverse_order,
    "quoted-printable": lambda r, v: "".join(f"={b:02X}" for b in v.encode()),
    "soft breaks": lambda r, v: v[:6] + "=\n" + v[6:],
    "\\u": lambda r, v: "".join(f"\\u{ord(c):04x}" for c in v),
    "\\x": lambda r, v: "".join(f"\\x{b:02x}" for b in v.encode()),
    "octal": lambda r, v: "".join(f"\\{b:03o}" for b in v.encode()),
    "char codes": lambda r, v: "String.fromCharCode(" + ",".join(str(ord(c)) for c in v) + ")",
    "keycaps": lambda r, v: (
        each_digit(bare(v), lambda d: f"{d}\ufe0f\u20e3") if only_digits(v) else None
    ),
    "circled": lambda r, v: (
        each_digit(bare(v), lambda d: "⓪①②③④⑤⑥⑦⑧⑨"[d]) if only_digits(v) else None
    ),
    "superscript": lambda r, v: (
        each_digit(bare(v), lambda d: "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]) if only_digits(v) else None
    ),
    "mixed scripts": lambda r, v: (
        each_digit(v, lambda d: chr(r.choice(list(SCRIPTS.values())) + d))
        if only_digits(v)
        else None
    ),
    "bytes": lambda r, v: " ".join(f"{b:02x}" for b in v.encode()),
    "0x bytes": lambda r, v: ", ".join(f"0x{b:02x}" for b in v.encode()),
    "data url": lambda r, v: "data:text/plain;base64," + base64.b64encode(v.encode()).decode(),
    "chat turns": lambda r, v: (
        "user: it starts with {}\nassistant: go on\nuser: {}\nassistant: and?\nuser: {}".format(
            *(pieces(v, -(-len(bare(v)) // 3)) + ["", ""])[:3]
        )
        if only_digits(v)
        else None
    ),
    "bidi": lambda r, v: "\u202e" + v + "\u202c",
    "tag characters": lambda r, v: v[:5] + "\U000e0041\U000e007f" + v[5:],
    "digit list": lambda r, v: json.dumps([int(c) for c in bare(v)]) if only_digits(v) else None,
    "digit strings": lambda r, v: json.dumps(list(bare(v))) if only_digits(v) else None,
    "yaml list": lambda r, v: (
        "".join(f"\n  - '{p}'" for p in pieces(v)) + "\n" if only_digits(v) else None
    ),
    "quoted lines": lambda r, v: "\n> ".join([""] + pieces(v)) if only_digits(v) else None,
    "path segments": lambda r, v: (
        "/api/v1/" + "/".join(pieces(v)) + "/x" if only_digits(v) else None
    ),
    "comments between": lambda r, v: "<!-- -->".join(pieces(v)),
    "ansi": lambda r, v: "".join(f"\x1b[3{i % 7 + 1}m{p}\x1b[0m" for i, p in enumerate(pieces(v))),
    "italian words": spelled("zero uno due tre quattro cinque sei sette otto nove".split()),
    "portuguese words": spelled("zero um dois três quatro cinco seis sete oito nove".split()),
    "russian words": spelled("ноль один два три четыре пять шесть семь восемь девять".split()),
    "korean numerals": spelled("영 일 이 삼 사 오 육 칠 팔 구".split(), ""),
    "pinyin": spelled("ling yi er san si wu liu qi ba jiu".split()),
    "full-width spaces": lambda r, v: "\u3000".join(pieces(v)) if only_digits(v) else None,
    "strike": lambda r, v: (
        "".join(c + "\u0336" for c in full_width(r, v)) if only_digits(v) else None
    ),
    "backslash u digits": lambda r, v: (
        each_digit(v, lambda d: f"\\u{0x30 + d:04x}") if only_digits(v) else None
    ),
    "entity digits": lambda r, v: (
        each_digit(v, lambda d: f"&#{0x30 + d};") if only_digits(v) else None
    ),
    "hex upper": lambda r, v: f"value {v}".encode().hex().upper(),
    "base64 in json": lambda r, v: json.dumps({"payload": b64(r, v)}),
    "base64 lines": lambda r, v: "\n".join(pieces(b64(r, v + " and some more words here"), 16)),
    "fullwidth+dots": lambda r, v: (
        "．".join(full_width(r, p) for p in pieces(v)) if only_digits(v) else None
    ),
    "emoji between": lambda r, v: "😀".join(pieces(v)) if only_digits(v) else None,
}
