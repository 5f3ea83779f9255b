#!/usr/bin/env python3
"""Trains the second opinion: train.py [--seed N] [--out FILE] [--sources DIR] [--report FILE].

Fills the training templates with Faker's names, addresses and firms, adds ordinary text of packages
(sources.txt), learns a linear model of hashed byte n-grams (logistic regression, Adagrad), looks
twice at what ordinary text still alarms, and writes the pack that model.c reads. The same seed and
the versions of requirements.txt and sources.txt give the same pack. README.md says what the numbers
mean. Needs numpy and faker; nothing of it is needed to build or run the product.
"""

import argparse
import json
import os
import random
import struct
import sys
from pathlib import Path

import numpy as np

import corpus
import sources

BITS = 17  # of each table; two tables: 256 KiB of weights
WINDOW = 256  # bytes that are judged at once; model.h says the same
SHORTEST = sources.SHORTEST
FLOOR = 40  # bytes that a shorter text counts as when it is judged: few grams are weak evidence
GRAMS = ((3, np.uint64(0x9E3779B97F4A7C15)), (6, np.uint64(0xC2B2AE3D27D4EB4F)))
BATCH = 256
RATE = 0.05
DROP = 0.5  # share of a text's grams that a step does not see: no gram may carry a verdict alone


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


class Texts:
    """Texts as rows of indices, one behind the other."""

    def __init__(self, samples, r):
        index, label, length = [], [], []
        for text, y in samples:
            data = text.encode()
            if len(data) > WINDOW:
                at = r.randrange(len(data) - WINDOW + 1) if y == 0 else 0
                data = data[at : at + WINDOW]
            if len(data) < SHORTEST:
                continue
            index.append(hashes(data))
            length.append(len(data))
            label.append(y)
        self.flat = np.concatenate(index)
        self.label = np.array(label, dtype=np.float64)
        self.norm = 1 / np.sqrt(np.array(length, dtype=np.float64))
        self.count = np.array(length, dtype=np.int64) * len(GRAMS)
        self.start = np.concatenate([[0], np.cumsum(self.count)[:-1]])

    def rows(self, which):
        """The indices of some rows behind each other, and where each row starts there."""
        count = self.count[which]
        ends = np.concatenate([[0], np.cumsum(count)])
        at = np.arange(ends[-1]) + np.repeat(self.start[which] - ends[:-1], count)
        return self.flat[at], ends[:-1], count


class Learner:
    """Logistic regression by Adagrad."""

    def __init__(self, texts, seed, l2):
        self.texts, self.l2, self.rng = texts, l2, np.random.default_rng(seed)
        self.size = len(GRAMS) << BITS
        self.w, self.h = np.zeros(self.size), np.full(self.size, 1e-4)
        self.bias, self.bias_h = 0.0, 1e-4

    def epoch(self, which):
        order, loss, t = self.rng.permutation(which), 0.0, self.texts
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            flat, starts, count = t.rows(batch)
            label, norm = t.label[batch], t.norm[batch]
            keep = (self.rng.random(len(flat), dtype=np.float32) >= DROP) / (1 - DROP)
            scores = np.add.reduceat(self.w[flat] * keep, starts) * norm + self.bias
            p = 1 / (1 + np.exp(-scores))
            error = p - label
            loss -= np.sum(np.log(np.where(label > 0, p, 1 - p) + 1e-12))
            g = np.bincount(flat, np.repeat(error * norm, count) * keep, self.size) / len(batch)
            g += self.l2 * self.w * (g != 0)
            self.h += g * g
            self.w -= RATE * g / np.sqrt(self.h)
            gb = error.mean()
            self.bias_h += gb * gb
            self.bias -= RATE * gb / np.sqrt(self.bias_h)
        return loss / len(order)

    def scores(self, which):
        flat, starts, _ = self.texts.rows(which)
        return np.add.reduceat(self.w[flat], starts) * self.texts.norm[which] + self.bias

    def judge(self):
        """The scores of all texts."""
        every = np.arange(len(self.texts.label))
        return np.concatenate([self.scores(b) for b in np.array_split(every, 200)])


def learn(texts, seed, epochs, rounds, l2, hard_times=4):
    """Some epochs over all, then rounds in which what ordinary text scores highest counts more."""
    learner = Learner(texts, seed, l2)
    every = np.arange(len(texts.label))
    for n in range(epochs):
        print(f"epoch {n + 1}: loss {learner.epoch(every):.4f}", flush=True)
    for n in range(rounds):
        scores = learner.judge()
        cut = np.quantile(scores[texts.label > 0], 0.2)
        hard = every[(texts.label == 0) & (scores >= cut)]
        again = np.concatenate([every] + [hard] * hard_times)
        print(f"round {n + 1}: {len(hard)} ordinary texts score high", flush=True)
        for _ in range(2):
            print(f"  loss {learner.epoch(again):.4f}", flush=True)
    return learner.w, learner.bias


def quantise(w):
    step = np.quantile(np.abs(w[w != 0]), 0.9995) / 127
    step = float(np.float32(step))  # as the pack holds it, so that calibration sees the same
    return np.clip(np.rint(w / step), -127, 127).astype(np.int8), step


class Model:
    def __init__(self, weights, step, bias, slope=1.0, offset=0.0):
        self.weights, self.step, self.bias = weights, step, bias
        self.slope, self.offset = slope, offset

    def raw(self, text):
        data = text.encode()
        if len(data) < SHORTEST:
            return -100.0
        return max(
            self.bias + self.step * t / np.sqrt(max(n, FLOOR))
            for t, n in window_sums(self.weights, data)
        )

    def raws(self, texts):
        return np.array([self.raw(t) for t in texts])

    def score(self, text):
        return 1 / (1 + np.exp(-(self.slope * self.raw(text) + self.offset)))

    def calibrate(self, bad, good, alarms):
        """0.9 shall be what a share of `alarms` of unseen ordinary prompts reaches."""
        bad, good = self.raws(bad), self.raws(good)
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


CUTS = (0.5, 0.8, 0.9, 0.95)


def report(model, title, texts):
    scores = np.array([model.score(t) for t in texts])
    shares = "  ".join(f"{(scores >= cut).mean():.4f}" for cut in CUTS)
    print(f"{title:<44} {len(texts):>6}  {shares}", flush=True)


def report_all(model, seed, held, extra):
    cuts = "  ".join(f"{c:.2f}  " for c in CUTS)
    print(f"{'share that scores at least':<44} {'texts':>6}  {cuts}")
    unseen = corpus.corpus(seed, "test", 3000, 3000)
    report(model, "unseen templates, sensitive", [t for t, y in unseen if y])
    report(model, "unseen templates and background, ordinary", [t for t, y in unseen if not y])
    for kind, texts in held.items():
        report(model, f"packages held back, {kind}", texts)
    if extra:
        lines = [json.loads(line) for line in Path(extra).read_text("utf-8").splitlines()]
        lines = [d for d in lines if d.get("tier") != "structured"]
        name = Path(extra).name
        report(model, f"{name}, sensitive", [d["text"] for d in lines if d["level"] != "public"])
        report(model, f"{name}, ordinary", [d["text"] for d in lines if d["level"] == "public"])


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--size", type=int, default=40000)
    p.add_argument("--epochs", type=int, default=7)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--l2", type=float, default=5e-5)
    p.add_argument("--alarms", type=float, default=0.02)
    p.add_argument("--share", type=float, default=0.75, help="of the packages' texts")
    p.add_argument("--out", default=str(Path(__file__).parent.parent / "model.bin"))
    p.add_argument("--sources", default=".cache/train", help="folder for the fetched packages")
    p.add_argument("--report", help="JSONL with text and level, only reported on")
    return p.parse_args()


def main():
    a = arguments()
    if os.environ.get("PYTHONHASHSEED") != "0":
        sys.exit("train.py: set PYTHONHASHSEED=0: Faker draws from sets, whose order depends on it")
    Path(a.sources).mkdir(parents=True, exist_ok=True)
    paths = sources.fetch(a.sources)
    seen, held = sources.read(paths, False), sources.read(paths, True)
    held = {kind: sorted(set(held[kind]) - set(seen[kind])) for kind in held}
    r = random.Random(f"{a.seed}/sources")
    data = corpus.corpus(a.seed, "train", a.size, a.size)
    data += [(t, 0) for kind in seen for t in corpus.varied(r, seen[kind], a.share)]
    texts = Texts(data, random.Random(a.seed))
    print(f"{len(texts.label)} texts, {int(texts.label.sum())} sensitive", flush=True)
    w, bias = learn(texts, a.seed, a.epochs, a.rounds, a.l2)
    model = Model(*quantise(w), float(np.float32(bias)))
    apart = corpus.corpus(a.seed, "calibrate", 3000, 3000)
    model.calibrate([t for t, y in apart if y], [t for t, y in apart if not y], a.alarms)
    Path(a.out).write_bytes(model.pack())
    print(f"{a.out}: {len(model.pack())} bytes, slope {model.slope:.3f}, offset {model.offset:.3f}")
    report_all(model, a.seed, held, a.report)


if __name__ == "__main__":
    main()
