"""The texts to learn from: filled templates, their twins, and ordinary text of other kinds."""

import random

from faker import Faker
from faker.config import AVAILABLE_LOCALES

import background
import templates

LOCALES = {
    "en": "en_US en_GB en_IN en_AU en_PH de_DE fr_FR es_ES it_IT pl_PL nl_NL sv_SE fi_FI da_DK "
    "cs_CZ "
    "hu_HU ro_RO hr_HR pt_BR no_NO es_MX id_ID tr_TR",
    "zh": "zh_CN",
    "zh-TW": "zh_TW",
    "de": "de_DE de_AT",
    "fr": "fr_FR",
    "es": "es_ES es_MX",
    "it": "it_IT",
    "pt": "pt_BR",
    "ja": "ja_JP",
    "ko": "ko_KR",
    "ru": "ru_RU",
    "uk": "uk_UA",
    "pl": "pl_PL",
    "nl": "nl_NL",
    "tr": "tr_TR",
    "sv": "sv_SE",
    "ar": "ar_SA",
    "hi": "hi_IN",
    "vi": "vi_VN",
    "id": "id_ID",
    "th": "th_TH",
}
TITLES = ["Mr. {}", "Ms {}", "Dr. {}", "Mrs. {}", "{}", "{}", "{}", "{}", "{}", "{}"]
CHINESE_TITLES = ["{}先生", "{}女士", "{}经理", "{}", "{}", "{}", "{}", "{}"]
# What a sensitive template is filled with to become an ordinary one: nobody in particular. Without
# these twins the model would learn the words around the names instead of the names.
REQUESTS = [
    "Translate into French: ",
    "Rewrite this politely: ",
    "Summarise: ",
    "Make this shorter:\n",
    "Proofread the following text.\n\n",
    "can you fix the grammar: ",
    "What do you think about this?\n",
    "润色一下：",
    "翻译成英文：",
    "请总结：\n",
]
ANYBODY = {"n": "who", "f": "who", "addr": "where", "org": "firm"}


class Names:
    """Slots of a language out of Faker's locales."""

    def __init__(self, seed):
        self.fakers = {
            name: Faker(name)
            for names in LOCALES.values()
            for name in names.split()
            if name in AVAILABLE_LOCALES
        }
        for i, f in enumerate(self.fakers.values()):
            f.seed_instance(seed * 1000 + i)

    def maker(self, r, lang):
        f = self.fakers[r.choice(LOCALES[lang].split())]

        def person(kind):
            if kind == "n":
                first, last = f.first_name(), f.last_name()
                if lang in ("zh", "zh-TW", "ja", "ko"):
                    name = last + first
                    return r.choice(CHINESE_TITLES).format(name) if lang == "zh" else name
                if r.random() < 0.1:
                    first = first[0] + "."
                return (
                    r.choice(TITLES).format(f"{first} {last}")
                    if lang == "en"
                    else f"{first} {last}"
                )
            if kind == "f":
                return f.first_name()
            if kind == "addr":
                text = f.address()
                return text if r.random() < 0.3 else text.replace("\n", ", ")
            if kind == "org":
                return f.company()
            if kind == "city" and r.random() < 0.6:
                return f.city()
            return f.job() if kind == "job" and lang == "en" and r.random() < 0.5 else None

        return person


# Languages with few templates: what little there is must not outweigh their ordinary words.
FEW = {"uk", "pl", "nl", "tr", "sv", "ar", "hi", "vi", "id", "th"}


def drawn(r, names, among, n, few=1):
    """n filled templates; English and Chinese most often, those with few templates by `few`."""
    by = {}
    for lang, _, t in among:
        by.setdefault(lang, []).append(t)
    weights = [{"en": 8, "zh": 6}.get(lang, few if lang in FEW else 1) for lang in by]
    for lang in r.choices(list(by), weights, k=n):
        t = r.choice(by[lang])
        yield lang, templates.fill(r, t, lang, names(r, lang))


def nobody(r, lang):
    return lambda kind: None


def anybody(r, lang):
    near = "zh" if lang == "zh-TW" else lang

    def person(kind):
        slot = ANYBODY.get(kind)
        if not slot:
            return None
        slots = templates.SLOTS
        return r.choice(slots[(lang, slot)] or slots[(near, slot)] or slots[("en", slot)])

    return person


def embed(r, lang, text, filler):
    """Half of them stand among other sentences or behind a request, as a window cuts them."""
    kind = r.random()
    if kind < 0.4:
        return text
    if kind < 0.55:
        return r.choice(REQUESTS) + text
    before, after = filler(lang), filler(lang)
    joint = r.choice([" ", "\n", "\n\n", ""])
    out = r.choice(
        [before + joint + text, text + joint + after, before + joint + text + joint + after]
    )
    return out


def corpus(seed, part, positives, negatives):
    """(text, label) of the templates of `part`: train, calibrate or test."""
    r = random.Random(f"{seed}/{part}")
    names = Names(seed * 10 + ["train", "calibrate", "test"].index(part))

    def of(t):
        if templates.is_test(t[2]):
            return part == "test"
        held = sum(t[2].encode()) % 8 == 0
        return part == ("calibrate" if held else "train")

    good = [t for t in templates.read("ordinary.txt") if of(t)]
    bad = [t for t in templates.read("sensitive.txt") if of(t)]

    def filler(lang):
        near = "zh" if lang == "zh-TW" else lang
        return r.choice(templates.SLOTS[(near, "sent")] or templates.SLOTS[("en", "sent")])

    out = [(embed(r, lang, t, filler), 1) for lang, t in drawn(r, names.maker, bad, positives, 0.4)]
    plain = list(drawn(r, nobody, good, negatives))
    circumstance = ("{ill}", "{drug}", "{money}", "{pct}", "{age}")
    named = [
        t
        for t in bad
        if any(s in t[2] for s in ("{n}", "{f}", "{l}"))
        and t[1] in ("person", "mixed")
        and not any(s in t[2] for s in circumstance)
    ]
    plain += drawn(r, anybody, named, negatives // 2 if part != "test" else 0)
    out += [(embed(r, lang, t, filler), 0) for lang, t in plain]
    out += [(t, 0) for t in background.samples(r, negatives)]
    plain = [t for t in good if t[0] not in ("en", "zh")]
    out += [(t, 0) for _, t in drawn(r, nobody, plain, negatives // 2)]
    for lang in LOCALES:  # what the words of a language alone say: nothing
        fakers = [names.fakers[f] for f in LOCALES[lang].split()]
        for _ in range(negatives // 100):
            out.append((" ".join(filler(lang) for _ in range(r.randrange(1, 5))), 0))
            out.append((" ".join(r.choice(fakers).sentences(r.randrange(1, 4))), 0))
    return out


def varied(r, texts, share):
    """A share of packages' texts as they come, some of them asked about or standing together."""
    for i, text in enumerate(texts):
        if r.random() >= share:
            continue
        kind = r.random()
        if kind < 0.15:
            yield r.choice(background.ASKS + REQUESTS) + text
        elif kind < 0.3:
            yield r.choice([" ", "\n"]).join(texts[i : i + r.randrange(2, 5)])
        else:
            yield text
