"""Cases of all tiers: text, what it is, and the template that decides whether it is dev or test."""

import hashlib
import random
from dataclasses import dataclass

import carriers
import contextual
import identifiers
import innocent_texts
import lookalikes
import marking_texts
import secret_values as sv
import spellings
import values

CONFIDENTIAL = {
    "EMAIL",
    "PHONE_E164",
    "PHONE_US",
    "CN_MOBILE",
    "CN_LANDLINE",
    "CN_PLATE",
    "ADDRESS",
    "CN_ADDRESS",
    "DATE_OF_BIRTH",
    "CN_USCC",
    "GEO",
    "DE_PLATE",
    "BIC",
    "US_ABA",
    "VIN",
    "IMEI",
    "IMSI",
    "ICCID",
    "MAC",
    "WECHAT",
    "QQ",
}
INTERNAL = {"IP", "IPV6"}


@dataclass
class Case:
    tier: str
    entity: str  # identifier, rule, marking or method
    lang: str
    text: str
    template: str
    level: str = "restricted"  # public: must not be flagged


def split_of(template):
    return "test" if hashlib.sha256(template.encode()).digest()[0] & 1 else "dev"


def level_of(name):
    return (
        "internal" if name in INTERNAL else "confidential" if name in CONFIDENTIAL else "restricted"
    )


def identifier_cases(r, per):
    for ident in identifiers.TABLE:
        level = level_of(ident.name)
        for lang, words in ident.words.items():
            templates = carriers.SENTENCES[lang] + r.sample(carriers.FORMATS, 4)
            for t in r.sample(templates, min(per, len(templates))):
                word = r.choice(words)
                value = ident.make(r)
                yield Case("ids+context", ident.name, lang, t.format(w=word, v=value), t, level)
                if ident.checked:
                    bad = identifiers.spoil(r, ident.make(r))
                    yield Case("ids fail+ctx", ident.name, lang, t.format(w=word, v=bad), t, level)
        tier = {"S": "ids bare S", "V": "ids bare V"}.get(ident.strength)
        if tier:
            for _ in range(per * 2):
                lang = r.choice(["en", "zh"] * 4 + list(carriers.BARE))
                t = r.choice(carriers.BARE[lang])
                yield Case(
                    tier,
                    ident.name,
                    lang,
                    t.format(v=ident.make(r)),
                    t,
                    level if ident.strength == "S" else "internal",
                )


def secret_cases(r, per):
    weak_alone = {"zhipu", "mailchimp", "twilio", "notion-old", "heroku"}
    for name in sv.TOKENS:
        for _ in range(per):
            t = r.choice([a for a in sv.AROUND if name not in weak_alone or "TOKEN" in a])
            yield Case("secrets tokens", name, "en", t.format(t=sv.token(r, name)), t)
    for make in (sv.jwt, sv.pem):
        for _ in range(per * 2):
            t = r.choice([a for a in sv.AROUND if make is not sv.pem or "'" not in a])
            yield Case("secrets tokens", make.__name__, "en", t.format(t=make(r)), t)
    for tier, among in (
        ("secrets connections", sv.CONNECTIONS),
        ("secrets assignments", sv.ASSIGNMENTS),
    ):
        for t in among:
            for _ in range(per):
                around = r.choice(
                    ["{t}", "Fix this config:\n{t}\n", "帮我看看这个配置：\n{t}", "```\n{t}\n```"]
                )
                text = around.replace("{t}", sv.fill(r, t))
                yield Case(tier, t[:28], "zh" if "帮" in around else "en", text, t)
    for lang, among in sv.PROSE.items():
        for t in among:
            for _ in range(per):
                yield Case("secrets prose", lang, lang, sv.fill(r, t), t)


def marking_cases(r, per):
    for lang, mark in marking_texts.MARKS:
        bodies = marking_texts.BODIES.get(lang) or marking_texts.BODIES[r.choice(["en", "zh"])]
        places = r.sample(marking_texts.PLACES, min(per * 2, len(marking_texts.PLACES)))
        for t in places + r.choices(marking_texts.PLACES, k=per * 2 - len(places)):
            text = t.format(m=mark, M=mark.upper(), b=r.choice(bodies))
            yield Case("markings", mark, lang, text, t, "internal")
        labels = marking_texts.LABELS.get(lang, marking_texts.LABELS["en"]).split(";")
        for _ in range(per):
            t = r.choice(marking_texts.LABEL_PLACES)
            text = t.format(l=r.choice(labels), m=mark, b=r.choice(bodies))
            yield Case("markings", mark, lang, text, "label " + t, "internal")


ADVERSARIAL = [
    "CREDIT_CARD",
    "CN_RESIDENT_ID",
    "CN_MOBILE",
    "IBAN",
    "EMAIL",
    "CN_BANK_CARD",
    "US_SSN",
    "BR_CPF",
    "FR_NIR",
]


def spelling_cases(r, per):
    for tier, methods in (("adv simple", spellings.SIMPLE), ("adv hard", spellings.HARD)):
        for method, fn in methods.items():
            for name in ADVERSARIAL:
                ident = identifiers.by_name(name)
                for _ in range(per):
                    spelled = fn(r, ident.make(r))
                    if spelled is None:
                        continue
                    lang = r.choice(list(ident.words))
                    if name in NEED_WORD or r.random() < 0.7:
                        t = r.choice(carriers.SENTENCES[lang])
                    else:
                        t = r.choice(carriers.BARE.get(lang, carriers.BARE["en"]))
                    text = t.format(w=r.choice(ident.words[lang]), v=spelled)
                    yield Case(tier, method, lang, text, t, "internal")
            for name in ("github-pat", "aws-access-key", "openai-project"):
                spelled = fn(r, sv.token(r, name)) if "letters" not in method else None
                if spelled and not spellings.only_digits(spelled) and method not in NOT_TOKENS:
                    t = r.choice(["{v}", "key: {v}", "use {v} please", "密钥 {v}"])
                    yield Case(tier, method, "en", t.format(v=spelled), t, "internal")


# Without their separators these are 9 or 11 digits like any other.
NEED_WORD = {"US_SSN", "BR_CPF"}
NOT_TOKENS = {"look-alikes", "combining"}


def innocent_cases(r, count):
    among = innocent_texts.templates()
    for i in range(count):
        lang, t = among[i % len(among)]
        slots = {k: r.choice(s) for k, s in innocent_texts.SLOTS.items()}
        text = t.format(**slots)
        if r.random() < 0.2:  # a few prompts together
            other = r.choice([o for o in among if o[0] == lang])
            if split_of(other[1]) == split_of(t):
                text += "\n" + other[1].format(**slots)
        yield Case("innocent", lang, lang, text, t, "public")


def lookalike_cases(r, count):
    among = lookalikes.TEMPLATES.splitlines()
    for i in range(count):
        t = among[i % len(among)]
        parts = {k: make(r) for k, make in lookalikes.MAKE.items()}
        yield Case("look-alikes", t[:40], "", t.format(**parts), t, "public")


def contextual_cases(r, count):
    for lang, kind, template, text, sensitive in contextual.samples(r, count):
        yield Case(
            "contextual" if sensitive else "contextual neg",
            kind,
            lang,
            text,
            template,
            "internal" if sensitive else "public",
        )


def all_cases(seed, per, split):
    """per: cases a template family; some 10,000 lines at 3."""
    out = []
    for i, (make, n) in enumerate(
        [
            (identifier_cases, per),
            (secret_cases, per),
            (marking_cases, per),
            (spelling_cases, per),
            (innocent_cases, per * 500),
            (lookalike_cases, per * 250),
            (contextual_cases, per * 400),
        ]
    ):
        out += make(random.Random(f"{seed}/{i}"), n)
    return [c for c in out if split == "all" or split_of(c.template) == split]
