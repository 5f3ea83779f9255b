#!/usr/bin/env python3
"""Writes small llama-architecture GGUF files for the tests; plain Python, no packages.

  make_gguf.py tiny OUT                         the committed tiny-llama.gguf
  make_gguf.py fixture DIR OUT [--type T] [--expand]
        DIR holds config.json and model.safetensors (Hugging Face layout, bf16 or f32)
  make_gguf.py random OUT [--type T] [--expand] [--seed N]

T: f32, f16, bf16, q8_0, q4_0, q4_1 (default f32). --expand quantises to T and writes the values
back as f32, so that a test can tell the arithmetic of a type from the loss of quantising.
"""

import argparse
import json
import math
import os
import random
import re
import struct

F32, F16, Q4_0, Q4_1, Q8_0, BF16 = 0, 1, 2, 3, 8, 30
TYPES = {"f32": F32, "f16": F16, "bf16": BF16, "q8_0": Q8_0, "q4_0": Q4_0, "q4_1": Q4_1}
ALIGN = 32


# ---- number formats ----
def f16_bytes(v):
    return struct.pack("<e", v)


def f16_round(v):
    return struct.unpack("<e", struct.pack("<e", v))[0]


def f32_round(v):
    return struct.unpack("<f", struct.pack("<f", v))[0]


def bf16_bits(v):
    u = struct.unpack("<I", struct.pack("<f", v))[0]
    return (u + 0x7FFF + ((u >> 16) & 1)) >> 16


def blocks(values):
    for i in range(0, len(values), 32):
        yield values[i : i + 32]


def quant_q8_0(b):
    d = max(abs(v) for v in b) / 127
    s = f16_round(d)
    q = [max(-127, min(127, round(v / s))) if s else 0 for v in b]
    return f16_bytes(d) + struct.pack("<32b", *q), [s * x for x in q]


def quant_q4_0(b):
    top = max(b, key=abs)
    d = top / -8
    s = f16_round(d)
    q = [max(0, min(15, round(v / s) + 8)) if s else 8 for v in b]
    return f16_bytes(d) + nibbles(q), [s * (x - 8) for x in q]


def quant_q4_1(b):
    lo, hi = min(b), max(b)
    d = (hi - lo) / 15
    s, m = f16_round(d), f16_round(lo)
    q = [max(0, min(15, round((v - m) / s))) if s else 0 for v in b]
    return f16_bytes(d) + f16_bytes(lo) + nibbles(q), [s * x + m for x in q]


def nibbles(q):
    """Weight j stands in the low half of byte j, weight j + 16 in the high half."""
    return bytes(q[j] | (q[j + 16] << 4) for j in range(16))


QUANT = {Q8_0: quant_q8_0, Q4_0: quant_q4_0, Q4_1: quant_q4_1}


def encode(values, kind):
    """The bytes of a tensor, and the values that a reader sees."""
    if kind == F32:
        return struct.pack("<%df" % len(values), *values), values
    if kind == F16:
        data = struct.pack("<%de" % len(values), *values)
        return data, list(struct.unpack("<%de" % len(values), data))
    if kind == BF16:
        bits = [bf16_bits(v) for v in values]
        seen = [struct.unpack("<f", struct.pack("<I", b << 16))[0] for b in bits]
        return struct.pack("<%dH" % len(bits), *bits), seen
    out, seen = bytearray(), []
    for b in blocks(values):
        data, back = QUANT[kind](b)
        out += data
        seen += back
    return bytes(out), seen


# ---- GGUF ----
def gstr(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def gval(v):
    """Type and bytes of a metadata value."""
    if isinstance(v, bool):
        return 7, struct.pack("<?", v)
    if isinstance(v, int):
        return 4, struct.pack("<I", v)
    if isinstance(v, float):
        return 6, struct.pack("<f", v)
    if isinstance(v, str):
        return 8, gstr(v)
    kinds = {str: 8, int: 5, float: 6}
    t = kinds[type(v[0])] if v else 8
    fmt = {8: gstr, 5: lambda x: struct.pack("<i", x), 6: lambda x: struct.pack("<f", x)}[t]
    return 9, struct.pack("<IQ", t, len(v)) + b"".join(fmt(x) for x in v)


def write_gguf(path, meta, tensors):
    """meta: [(key, value)]; tensors: [(name, dims fastest first, type, bytes)]."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(meta))
    for k, v in meta:
        t, data = gval(v)
        head += gstr(k) + struct.pack("<I", t) + data
    offset, body = 0, bytearray()
    for name, dims, kind, data in tensors:
        head += gstr(name) + struct.pack("<I", len(dims))
        head += b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, offset)
        body += data + bytes(-len(data) % ALIGN)
        offset = len(body)
    head += bytes(-len(head) % ALIGN)
    with open(path, "wb") as f:
        f.write(head + body)


# ---- a byte-level BPE vocabulary ----
def byte_chars():
    """GPT-2's printable character for each byte."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return table


CORPUS = """
The gateway reads a request and decides where it may go. A private worker answers what must stay
inside, and a public worker answers the rest. Every message has a checksum, so that a reader can
tell whether one bit has changed on its way. When a worker stops in the middle of an answer, another
worker goes on with the same words, because the same seed and the same model give the same text.
People ask about the weather, about recipes, about letters that they want to write, and about the
code that they have to read before the morning. The answer comes piece by piece, and the window
shows it as it comes. If the line is cut, the other side hears of it and the work ends at once.
There is a river behind the house, and in the evening the light stands low over the water. She
thought that this would be the best time to walk, for the air was clear and nobody was on the road.
An engineer counts what is sent and what has arrived; the difference should be nothing. One two
three four five six seven eight nine ten. What is the name of the capital, and how long is the way
from here to there? We should know more after the next test, said the first, and the second laughed.
你好，请问今天的天气怎么样？我想知道这个问题的答案。
"""


def train_merges(count):
    chars = byte_chars()
    words = {}
    for piece in re.findall(
        r" ?[^\W\d_]+| ?[^\w\s]+|\s+(?!\S)|\s+|\d", CORPUS.replace("\n", " ")
    ):
        w = tuple(chars[b] for b in piece.encode())
        words[w] = words.get(w, 0) + 1
    merges = []
    while len(merges) < count:
        pairs = {}
        for w, n in words.items():
            for a, b in zip(w, w[1:]):
                pairs[a, b] = pairs.get((a, b), 0) + n
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        joined = {}
        for w, n in words.items():
            out, i = [], 0
            while i < len(w):
                if i + 1 < len(w) and (w[i], w[i + 1]) == best:
                    out.append(w[i] + w[i + 1])
                    i += 2
                else:
                    out.append(w[i])
                    i += 1
            joined[tuple(out)] = joined.get(tuple(out), 0) + n
        words = joined
    return merges


SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def tokenizer(vocab):
    chars = byte_chars()
    merges = train_merges(vocab - 256 - len(SPECIALS))
    tokens = SPECIALS + [chars[b] for b in range(256)] + [a + b for a, b in merges]
    meta = [
        ("tokenizer.ggml.model", "gpt2"),
        ("tokenizer.ggml.pre", "smollm"),
        ("tokenizer.ggml.tokens", tokens),
        ("tokenizer.ggml.token_type", [3] * len(SPECIALS) + [1] * (vocab - len(SPECIALS))),
        ("tokenizer.ggml.merges", [a + " " + b for a, b in merges]),
        ("tokenizer.ggml.bos_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
        ("tokenizer.ggml.unknown_token_id", 0),
        ("tokenizer.ggml.padding_token_id", 2),
        ("tokenizer.ggml.add_bos_token", False),
        ("tokenizer.chat_template", CHATML),
    ]
    return meta, tokens


def hyper(name, c):
    return [
        ("general.architecture", "llama"),
        ("general.name", name),
        ("general.alignment", ALIGN),
        ("llama.block_count", c["layers"]),
        ("llama.context_length", c["context"]),
        ("llama.embedding_length", c["hidden"]),
        ("llama.feed_forward_length", c["ffn"]),
        ("llama.attention.head_count", c["heads"]),
        ("llama.attention.head_count_kv", c["kv_heads"]),
        ("llama.attention.key_length", c["head_dim"]),
        ("llama.attention.value_length", c["head_dim"]),
        ("llama.rope.dimension_count", c["head_dim"]),
        ("llama.rope.freq_base", float(c["rope_base"])),
        ("llama.attention.layer_norm_rms_epsilon", float(c["eps"])),
        ("llama.vocab_size", c["vocab"]),
    ]


# ---- the tiny model: random weights that speak in words ----
def token_bias(tok, vocab_chars):
    """How likely a token is at all: words most, control bytes and half characters never."""
    if tok == "<|im_end|>":
        return -1.2
    if tok in SPECIALS:
        return -40.0
    raw = bytes(vocab_chars[ch] for ch in tok)
    if any(b < 32 or b > 126 for b in raw):
        return 0.6 if len(raw) >= 3 and is_utf8(raw) else -40.0
    if len(raw) == 1:
        return -1.0 if raw.isalpha() or raw in b" ,." else -3.5
    return 0.3 + 0.35 * min(len(raw), 6)


def is_utf8(raw):
    try:
        raw.decode()
        return True
    except UnicodeDecodeError:
        return False


def tiny_weights(c, tokens, rng):
    """Channel 0 is a constant that no layer writes to: the head's column 0 is a bias."""
    h, kvd, qd = c["hidden"], c["kv_heads"] * c["head_dim"], c["heads"] * c["head_dim"]
    back = {ch: b for b, ch in byte_chars().items()}

    def mat(rows, cols, scale, silent_row0=False):
        w = [rng.gauss(0, scale / math.sqrt(cols)) for _ in range(rows * cols)]
        if silent_row0:
            w[:cols] = [0.0] * cols
        return w

    emb = [rng.gauss(0, 1) for _ in range(c["vocab"] * h)]
    head = [rng.gauss(0, 1.9 / math.sqrt(h)) for _ in range(c["vocab"] * h)]
    for i, tok in enumerate(tokens):
        emb[i * h] = 4.0
        head[i * h] = token_bias(tok, back) * 1.1
    out = [
        ("token_embd.weight", [h, c["vocab"]], emb),
        ("output_norm.weight", [h], [1.0] * h),
        ("output.weight", [h, c["vocab"]], head),
    ]
    for i in range(c["layers"]):
        p = "blk.%d." % i
        out += [
            (p + "attn_norm.weight", [h], [rng.uniform(0.8, 1.2) for _ in range(h)]),
            (p + "attn_q.weight", [h, qd], mat(qd, h, 2.0)),
            (p + "attn_k.weight", [h, kvd], mat(kvd, h, 2.0)),
            (p + "attn_v.weight", [h, kvd], mat(kvd, h, 2.0)),
            (p + "attn_output.weight", [qd, h], mat(h, qd, 2.0, True)),
            (p + "ffn_norm.weight", [h], [rng.uniform(0.8, 1.2) for _ in range(h)]),
            (p + "ffn_gate.weight", [h, c["ffn"]], mat(c["ffn"], h, 2.0)),
            (p + "ffn_up.weight", [h, c["ffn"]], mat(c["ffn"], h, 2.0)),
            (p + "ffn_down.weight", [c["ffn"], h], mat(h, c["ffn"], 2.0, True)),
        ]
    return out


def pack(tensors, kind, expand):
    out = []
    for name, dims, values in tensors:
        k = F32 if len(dims) == 1 else kind
        data, seen = encode(values, k)
        if expand:
            k, (data, _) = F32, encode(seen, F32)
        out.append((name, dims, k, data))
    return out


TINY = dict(
    layers=2,
    context=4096,
    hidden=64,
    ffn=160,
    heads=4,
    kv_heads=2,
    head_dim=16,
    rope_base=10000,
    eps=1e-5,
    vocab=512,
)


def make_tiny(path, kind=None, expand=False, seed=20, name="tiny-llama"):
    meta, tokens = tokenizer(TINY["vocab"])
    tensors = tiny_weights(TINY, tokens, random.Random(seed))
    packed = []
    for t in tensors:
        k = (
            kind
            if kind is not None
            else (F16 if "token_embd" in t[0] or t[0] == "output.weight" else Q8_0)
        )
        packed += pack([t], k, expand)
    write_gguf(path, hyper(name, TINY) + meta, packed)


# ---- Hugging Face fixtures ----
def read_safetensors(path):
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        head = json.loads(f.read(n))
        data = f.read()
    out = {}
    for name, t in head.items():
        if name == "__metadata__":
            continue
        a, b = t["data_offsets"]
        if t["dtype"] == "BF16":
            bits = struct.unpack("<%dH" % ((b - a) // 2), data[a:b])
            values = list(
                struct.unpack(
                    "<%df" % len(bits), b"".join(struct.pack("<I", x << 16) for x in bits)
                )
            )
        elif t["dtype"] == "F32":
            values = list(struct.unpack("<%df" % ((b - a) // 4), data[a:b]))
        else:
            raise SystemExit("%s: dtype %s" % (name, t["dtype"]))
        out[name] = (t["shape"], values)
    return out


def permute(values, rows, cols, heads):
    """llama's GGUF pairs neighbours in RoPE; Hugging Face pairs the halves of a head."""
    half = rows // heads // 2
    out = []
    for hd in range(heads):
        for i in range(half):
            for part in range(2):
                r = hd * 2 * half + part * half + i
                out += values[r * cols : (r + 1) * cols]
    return out


def rope_factors(rope, head_dim):
    """What to divide each frequency by (Llama 3.1)."""
    base, factor = rope["rope_theta"], rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    old = rope["original_max_position_embeddings"]
    out = []
    for i in range(head_dim // 2):
        wave = 2 * math.pi * base ** (2 * i / head_dim)
        if wave < old / high:
            out.append(1.0)
        elif wave > old / low:
            out.append(factor)
        else:
            smooth = (old / wave - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return out


NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def make_fixture(folder, path, kind, expand):
    with open(os.path.join(folder, "config.json")) as f:
        cfg = json.load(f)
    rope = cfg.get("rope_parameters") or dict(
        cfg.get("rope_scaling") or {}, rope_theta=cfg["rope_theta"]
    )
    c = dict(
        layers=cfg["num_hidden_layers"],
        context=cfg["max_position_embeddings"],
        hidden=cfg["hidden_size"],
        ffn=cfg["intermediate_size"],
        heads=cfg["num_attention_heads"],
        kv_heads=cfg["num_key_value_heads"],
        head_dim=cfg["head_dim"],
        vocab=cfg["vocab_size"],
        rope_base=rope["rope_theta"],
        eps=cfg["rms_norm_eps"],
    )
    src = read_safetensors(os.path.join(folder, "model.safetensors"))
    tensors = []
    for name, (shape, values) in src.items():
        m = re.match(r"model\.layers\.(\d+)\.(.+)\.weight$", name)
        if m:
            to = "blk.%s.%s.weight" % (m[1], NAMES[m[2]])
            if m[2].endswith(("q_proj", "k_proj")):
                heads = c["heads"] if "q_proj" in m[2] else c["kv_heads"]
                values = permute(values, shape[0], shape[1], heads)
        else:
            to = {
                "model.embed_tokens.weight": "token_embd.weight",
                "model.norm.weight": "output_norm.weight",
                "lm_head.weight": "output.weight",
            }[name]
        tensors.append((to, shape[::-1], values))
    if rope.get("rope_type") == "llama3":
        tensors.append(
            ("rope_freqs.weight", [c["head_dim"] // 2], rope_factors(rope, c["head_dim"]))
        )
    meta, _ = tokenizer(c["vocab"])
    write_gguf(
        path, hyper(os.path.basename(folder.rstrip("/")), c) + meta, pack(tensors, kind, expand)
    )


def main():
    ap = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ap.add_argument("what", choices=["tiny", "fixture", "random"])
    ap.add_argument("paths", nargs="+")
    ap.add_argument("--type", choices=TYPES, default="f32")
    ap.add_argument("--expand", action="store_true")
    ap.add_argument("--seed", type=int, default=20)
    a = ap.parse_args()
    if a.what == "tiny":
        make_tiny(a.paths[0])
    elif a.what == "random":
        make_tiny(a.paths[0], TYPES[a.type], a.expand, a.seed, "random-%s" % a.type)
    else:
        make_fixture(a.paths[0], a.paths[1], TYPES[a.type], a.expand)


if __name__ == "__main__":
    main()
