#!/usr/bin/env python3
"""Trains the second opinion: train.py [--seed N] [--out FILE] [--report FILE].

Fills the training templates with Faker's names, addresses and firms, learns a linear model of
hashed byte n-grams (logistic regression, Adagrad) and writes the pack that model.c reads.
The same seed and the versions of requirements.txt give the same pack. README.md says what the
numbers mean. Needs numpy and faker; nothing of it is needed to build or run the product.
"""

import argparse
import json
import os
import random
import struct
import sys
from pathlib import Path

import numpy as np
from faker import Faker
from faker.config import AVAILABLE_LOCALES

import background
import templates

BITS = 17  # of each table; two tables: 256 KiB of weights
WINDOW = 256  # bytes that are judged at once; model.h says the same
GRAMS = ((3, np.uint64(0x9E3779B97F4A7C15)), (6, np.uint64(0xC2B2AE3D27D4EB4F)))
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
    """Half of them stand among other sentences, cut as a window cuts them."""
    if r.random() < 0.5:
        return text
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


def hashes(data):
    """Indices of all grams of the bytes, as model.c computes them."""
    padded = np.frombuffer(data + b" " * 8, dtype=np.uint8).astype(np.uint64)
    n, out = len(data), []
    for table, (length, factor) in enumerate(GRAMS):
        value = np.zeros(n, dtype=np.uint64)
        for i in range(length):
            value |= padded[i : i + n] << np.uint64(8 * i)
        value *= factor
        out.append((value >> np.uint64(64 - BITS)).astype(np.int32) + (table << BITS))
    return np.concatenate(out)


def window_sums(weights, data):
    """(sum of weights, bytes) of each window that model.c would judge."""
    n, half = len(data), WINDOW // 2
    each = weights[hashes(data)].astype(np.int64).reshape(len(GRAMS), n).sum(axis=0)
    if n <= WINDOW:
        return [(each.sum(), n)]
    return [(each[at : at + WINDOW].sum(), min(WINDOW, n - at)) for at in range(0, n - half, half)]


def prepare(samples, r):
    index, norm, label = [], [], []
    for text, y in samples:
        data = text.encode()
        if len(data) > WINDOW:
            at = r.randrange(len(data) - WINDOW + 1) if y == 0 else 0
            data = data[at : at + WINDOW]
        if len(data) < 4:
            continue
        index.append(hashes(data))
        norm.append(1 / np.sqrt(max(len(data), 16)))
        label.append(y)
    return index, np.array(norm), np.array(label, dtype=np.float64)


def train(index, norm, label, seed, epochs, l2):
    rng = np.random.default_rng(seed)
    size = len(GRAMS) << BITS
    w, h, bias, bias_h = np.zeros(size), np.full(size, 1e-4), 0.0, 1e-4
    for epoch in range(epochs):
        order, loss = rng.permutation(len(index)), 0.0
        for start in range(0, len(order), 256):
            batch = order[start : start + 256]
            lengths = np.array([len(index[i]) for i in batch])
            flat = np.concatenate([index[i] for i in batch])
            ends = np.concatenate([[0], np.cumsum(lengths)[:-1]])
            scores = np.add.reduceat(w[flat], ends) * norm[batch] + bias
            p = 1 / (1 + np.exp(-scores))
            error = p - label[batch]
            loss -= np.sum(np.log(np.where(label[batch] > 0, p, 1 - p) + 1e-12))
            g = np.bincount(flat, np.repeat(error * norm[batch], lengths), size) / len(batch)
            g += l2 * w * (g != 0)
            h += g * g
            w -= 0.05 * g / np.sqrt(h)
            gb = error.mean()
            bias_h += gb * gb
            bias -= 0.05 * gb / np.sqrt(bias_h)
        print(f"epoch {epoch + 1}: loss {loss / len(order):.4f}", flush=True)
    return w, bias


def quantise(w):
    step = np.quantile(np.abs(w[w != 0]), 0.9995) / 127
    step = float(np.float32(step))  # as the pack holds it, so that calibration sees the same
    return np.clip(np.rint(w / step), -127, 127).astype(np.int8), step


class Model:
    def __init__(self, weights, step, bias, slope=1.0, offset=0.0):
        self.weights, self.step, self.bias = weights, step, bias
        self.slope, self.offset = slope, offset

    def raw(self, text):
        sums = window_sums(self.weights, text.encode())
        return max(self.bias + self.step * t / np.sqrt(max(n, 16)) for t, n in sums)

    def score(self, text):
        return 1 / (1 + np.exp(-(self.slope * self.raw(text) + self.offset)))

    def calibrate(self, samples, alarms):
        """0.9 shall be what a share of `alarms` of unseen ordinary prompts reaches."""
        bad = np.array([self.raw(t) for t, y in samples if y])
        good = np.array([self.raw(t) for t, y in samples if not y])
        cut = np.quantile(good, 1 - alarms)
        middle = (np.median(bad) + np.median(good)) / 2
        self.slope = np.log(9) / max(cut - middle, 0.5)
        self.offset = np.log(9) - self.slope * cut

    def pack(self):
        """The layout is told in model.h."""
        body = struct.pack("<4f", self.step, self.bias, self.slope, self.offset)
        body += self.weights.tobytes()
        lengths = [g[0] for g in GRAMS]
        lengths += [0] * (4 - len(lengths))
        head = struct.pack(
            "<8sHBB4BHHI", b"SLMODEL", 1, BITS, len(GRAMS), *lengths, WINDOW, 0, len(body)
        )
        return head + struct.pack("<Q", fnv(head + body)) + body


def fnv(data):
    """FNV-1a over 8 byte words: enough to notice a damaged file."""
    data += b"\0" * (-len(data) % 8)
    h = 0xCBF29CE484222325
    for (word,) in struct.iter_unpack("<Q", data):
        h = (h ^ word) * 0x100000001B3 & (1 << 64) - 1
    return h


def report(model, samples, title):
    scores = np.array([model.score(t) for t, _ in samples])
    label = np.array([y for _, y in samples])
    for cut in (0.5, 0.8, 0.9, 0.95, 0.99):
        recall, alarms = (scores[label == 1] >= cut).mean(), (scores[label == 0] >= cut).mean()
        print(f"{title} at {cut:.2f}: recall {recall:.3f}, false alarms {alarms:.4f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--size", type=int, default=40000)
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--l2", type=float, default=1e-5)
    p.add_argument("--alarms", type=float, default=0.01)
    p.add_argument("--out", default=str(Path(__file__).parent.parent / "model.bin"))
    p.add_argument("--report", help="JSONL with text and level, only reported on")
    a = p.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        sys.exit("train.py: set PYTHONHASHSEED=0: Faker draws from sets, whose order depends on it")
    data = corpus(a.seed, "train", a.size, a.size)
    index, norm, label = prepare(data, random.Random(a.seed))
    print(f"{len(label)} texts to train on, {int(label.sum())} sensitive", flush=True)
    w, bias = train(index, norm, label, a.seed, a.epochs, a.l2)
    model = Model(*quantise(w), float(np.float32(bias)))
    model.calibrate(corpus(a.seed, "calibrate", 3000, 3000), a.alarms)
    report(model, corpus(a.seed, "test", 3000, 3000), "unseen templates")
    if a.report:
        lines = [json.loads(line) for line in Path(a.report).read_text("utf-8").splitlines()]
        report(
            model,
            [
                (d["text"], int(d["level"] != "public"))
                for d in lines
                if d.get("tier", "contextual") != "structured"
            ],
            Path(a.report).name,
        )
    Path(a.out).write_bytes(model.pack())
    print(f"{a.out}: {len(model.pack())} bytes, slope {model.slope:.3f}, offset {model.offset:.3f}")


if __name__ == "__main__":
    main()
