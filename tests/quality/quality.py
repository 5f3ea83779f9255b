#!/usr/bin/env python3
"""How well `sluice classify` tells sensitive prompts from ordinary ones.

quality.py --sluice build/bin/sluice [--split dev|test|all] [--seed N] [--count N]
           [--show-misses TIER[/ENTITY]] [--data FILE] [--misses DIR] [--check]

Generates cases of every tier, runs the program over them once and prints recall and false alarms
by tier, entity and language. A sensitive text answered `public` is a miss; an innocent one answered
otherwise is a false alarm. With --check the exit status is 1 when a bar is missed. Templates are
split by hash: rules may be made looking at `dev`, `test` is what counts.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import cases

LEVELS = ["public", "internal", "confidential", "restricted"]
# group: (tiers, least recall or greatest false alarms, is false alarms)
BARS = {
    "identifiers and secrets": (
        [
            "ids+context",
            "ids fail+ctx",
            "ids bare S",
            "secrets tokens",
            "secrets connections",
            "secrets assignments",
            "secrets prose",
        ],
        0.995,
        False,
    ),
    "document markings": (["markings"], 0.98, False),
    "spellings, simple": (["adv simple"], 0.99, False),
    "spellings, hard": (["adv hard"], 0.90, False),
    "ordinary prompts": (["innocent"], 0.01, True),
    "look-alikes": (["look-alikes"], 0.10, True),
    "names and circumstances": (["contextual"], 0.60, False),
    "circumstances, innocent": (["contextual neg"], 0.03, True),
}
AREAS = {
    "ids+context": "ids",
    "ids fail+ctx": "ids",
    "ids bare S": "ids",
    "ids bare V": "ids",
    "secrets tokens": "secrets",
    "secrets connections": "secrets",
    "secrets prose": "secrets",
    "secrets assignments": "secrets",
    "markings": "markings",
    "adv simple": "views",
    "adv hard": "views",
    "innocent": "false-alarms",
    "look-alikes": "false-alarms",
    "contextual": "model",
    "contextual neg": "model",
}
CONTACT = {
    "EMAIL",
    "PHONE_E164",
    "PHONE_US",
    "CN_MOBILE",
    "CN_LANDLINE",
    "ADDRESS",
    "CN_ADDRESS",
    "DATE_OF_BIRTH",
    "GEO",
    "IP",
    "IPV6",
    "MAC",
    "WECHAT",
    "QQ",
    "CN_PLATE",
    "DE_PLATE",
    "IMEI",
    "IMSI",
    "ICCID",
    "VIN",
}


def classify(program, texts):
    lines = "".join(json.dumps({"id": str(i), "text": t}) + "\n" for i, t in enumerate(texts))
    done = subprocess.run(
        [program, "classify"], input=lines, capture_output=True, text=True, check=False
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["id"] for a in answers] != [str(i) for i in range(len(texts))]:
        sys.exit(
            f"quality: {len(answers)} of {len(texts)} lines answered, exit status "
            f"{done.returncode}: {done.stderr[-300:]}"
        )
    return answers


def load(path):
    """The development sample: its own tiers."""
    out = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        d = json.loads(line)
        kind = d["entities"][0]["type"] if d["entities"] else "none"
        out.append(cases.Case(f"sample {d['tier']}", kind, d["lang"], d["text"], "", d["level"]))
    return out


def blind():
    """Lines that were written after the model was trained and before it scored them."""
    out = []
    for line in (Path(__file__).parent / "blind.jsonl").read_text("utf-8").splitlines():
        d = json.loads(line)
        tier = "blind neg" if d["level"] == "public" else "blind contextual"
        out.append(cases.Case(tier, d["lang"], d["lang"], d["text"], "", d["level"]))
    return out


def wrong(case, level):
    return (level == "public") != (case.level == "public")


def table(title, rows):
    print(f"\n{title:<34} {'cases':>7} {'wrong':>7} {'recall':>8} {'alarms':>8} {'level':>7}")
    for name, found in rows:
        bad = sum(wrong(c, a["level"]) for c, a in found)
        share = bad / len(found)
        sensitive = [(c, a) for c, a in found if c.level != "public"]
        recall = f"{1 - share:.4f}" if sensitive else ""
        alarms = "" if sensitive else f"{share:.4f}"
        level = sum(LEVELS.index(a["level"]) >= LEVELS.index(c.level) for c, a in sensitive)
        level = f"{level / len(sensitive):.3f}" if sensitive else ""
        print(f"{name[:34]:<34} {len(found):>7} {bad:>7} {recall:>8} {alarms:>8} {level:>7}")


def grouped(pairs, key):
    out = defaultdict(list)
    for c, a in pairs:
        out[key(c)].append((c, a))
    return out


def judge(pairs):
    """Prints the bars; returns how many are missed."""
    missed = 0
    tiers = grouped(pairs, lambda c: c.tier)
    print(f"\n{'bar':<30} {'cases':>7} {'figure':>8} {'bar':>8}")
    for name, (of, bar, alarms) in BARS.items():
        found = [p for t in of for p in tiers.get(t, [])]
        if not found:
            continue
        share = sum(wrong(c, a["level"]) for c, a in found) / len(found)
        figure = share if alarms else 1 - share
        ok = figure <= bar if alarms else figure >= bar
        missed += not ok
        print(
            f"{name:<30} {len(found):>7} {figure:>8.4f} {'<=' if alarms else '>='}{bar:<6} "
            f"{'' if ok else 'MISSED'}"
        )
    return missed


def worst(pairs, tier, n=40):
    by = grouped([p for p in pairs if p[0].tier == tier], lambda c: c.entity)
    rows = [(k, v) for k, v in by.items() if any(wrong(c, a["level"]) for c, a in v)]
    rows.sort(key=lambda kv: -sum(wrong(c, a["level"]) for c, a in kv[1]) / len(kv[1]))
    if rows:
        table(f"{tier}: where it is wrong", rows[:n])


def write_misses(pairs, folder):
    """Misses by area, a few of each template and entity."""
    texts = defaultdict(list)
    for (tier, entity), found in sorted(grouped(pairs, lambda c: (c.tier, c.entity)).items()):
        bad = [(c, a) for c, a in found if wrong(c, a["level"])]
        if not bad or tier not in AREAS:
            continue
        area = "contact" if AREAS[tier] == "ids" and entity in CONTACT else AREAS[tier]
        texts[area].append(f"\n## {tier} / {entity}: {len(bad)} of {len(found)} wrong")
        for c, a in bad[:5]:
            reasons = ",".join(sorted({x["entity"] for x in a["reasons"]}))
            texts[area].append(
                f"  {c.lang:<6} {json.dumps(c.text, ensure_ascii=False)[:300]} {reasons}"
            )
    Path(folder).mkdir(parents=True, exist_ok=True)
    for area in sorted(set(AREAS.values()) | {"contact"}):
        Path(folder, f"{area}.txt").write_text("\n".join(texts[area]) + "\n", encoding="utf-8")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--sluice", default="build/bin/sluice")
    p.add_argument("--split", choices=["dev", "test", "all"], default="all")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=3, help="cases a template family")
    p.add_argument("--data", help="JSONL sample with text, level, tier, entities, lang")
    p.add_argument("--show-misses", metavar="TIER", help="print what is wrong in TIER[/ENTITY]")
    p.add_argument("--misses", metavar="DIR", help="write what is wrong by area into DIR")
    p.add_argument("--brief", action="store_true", help="only the tiers and the bars")
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    every = cases.all_cases(a.seed, a.count, a.split)
    every += blind()
    if a.data and Path(a.data).exists():
        every += load(a.data)
    pairs = list(zip(every, classify(a.sluice, [c.text for c in every])))
    table(f"tier (split {a.split}, seed {a.seed})", grouped(pairs, lambda c: c.tier).items())
    if not a.brief:
        for tier in BARS["identifiers and secrets"][0] + [
            "ids bare V",
            "markings",
            "adv simple",
            "adv hard",
            "innocent",
            "look-alikes",
            "contextual",
            "contextual neg",
        ]:
            worst(pairs, tier)
        langs = grouped(
            [
                q
                for q in pairs
                if not q[0].tier.startswith(("context", "sample")) and q[0].level != "public"
            ],
            lambda c: c.lang,
        )
        table("recall by language", sorted(langs.items()))
        table(
            "false alarms by language",
            sorted(
                grouped([q for q in pairs if q[0].tier == "innocent"], lambda c: c.lang).items()
            ),
        )
        for tier, title in (("contextual", "recall"), ("contextual neg", "false alarms")):
            found = grouped([q for q in pairs if q[0].tier == tier], lambda c: c.lang)
            table(f"unseen templates: {title} by language", sorted(found.items()))
    missed = judge(pairs)
    if a.show_misses:
        tier, _, entity = a.show_misses.partition("/")
        for c, answer in pairs:
            if c.tier == tier and entity in ("", c.entity) and wrong(c, answer["level"]):
                reasons = [x["entity"] for x in answer["reasons"]]
                shown = json.dumps(c.text, ensure_ascii=False)
                print(f"{c.entity} {c.lang} {answer['level']} {shown} {reasons}")
    if a.misses:
        write_misses(pairs, a.misses)
    return 1 if a.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
