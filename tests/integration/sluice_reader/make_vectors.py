"""Writes tests/data/envelope/vectors.json: python -m sluice_reader.make_vectors > vectors.json

The vectors are made by this reader's own code, so that the C side is checked against another hand.
Salts stand fixed here; Sluice's encoder has no way to pass one.
"""

import base64
import json
import struct
import sys

import xxhash
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .dead_letter import dead_letter_checksum
from .envelope import CHUNK, REQUEST, canonical_headers, checksum
from .run import run_digest

ID = "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b1"
RUN = "000102030405060708090a0b0c0d0e0f"
SALT = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
KEYS = [
    {
        "kid": "pub-1",
        "class": "public",
        "key": base64.b64encode(bytes(range(32))).decode(),
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2036-01-01T00:00:00Z",
    },
    {
        "kid": "prv-1",
        "class": "private",
        "key": base64.b64encode(bytes(range(32, 64))).decode(),
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2036-01-01T00:00:00Z",
    },
]
BODY = (
    '{"messages":[{"role":"user","content":"What is a sluice? 水闸"}],'
    '"model":"smollm2","seed":7}'
).encode()


def common(type_, id_, subject):
    return [
        ("ce_id", id_),
        ("ce_source", "/sluice/gateway/0"),
        ("ce_specversion", "1.0"),
        ("ce_subject", subject),
        ("ce_time", "2026-11-24T12:00:00.123456Z"),
        ("ce_type", type_),
        ("content-type", "application/json"),
    ]


def request(cls="private", extra=()):
    return [
        ("ce_class", cls),
        ("ce_deadline", "1795521600000"),
        ("ce_level", "internal"),
        ("ce_policy", "0" * 32),
        ("ce_replypartition", "3"),
        ("ce_replytopic", f"llm.{cls}.responses.v1"),
        ("ce_tenant", "acme"),
        *common(REQUEST, ID, ID),
        *extra,
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]


def chunk(seq, request_sum, extra=()):
    return [
        ("ce_requestchecksum", request_sum),
        ("ce_run", RUN),
        ("ce_seq", str(seq)),
        *common(CHUNK, f"{ID}/{RUN}/{seq}", ID),
        *extra,
    ]


def seal(headers, body, kid, salt, seq=0):
    row = next(k for k in KEYS if k["kid"] == kid)
    type_ = dict(headers)["ce_type"]
    headers = [(n, "application/octet-stream" if n == "content-type" else v) for n, v in headers]
    headers.append(("ce_kid", kid))
    if type_ != CHUNK:
        headers.append(("ce_salt", salt))
    key = HKDF(
        SHA256(), 32, bytes.fromhex(salt), f"sluice/1 {type_} {row['class']}".encode()
    ).derive(base64.b64decode(row["key"]))
    return headers, AESGCM(key).encrypt(seq.to_bytes(12, "big"), body, canonical_headers(headers))


def finish(headers, body):
    return [*headers, ("ce_checksum", checksum(headers, body))]


def vector(
    name,
    headers,
    body,
    cls="private",
    cause=None,
    plain=None,
    key=ID,
    must_encrypt=False,
    note=None,
):
    row = {
        "name": name,
        "class": cls,
        "must_encrypt": must_encrypt,
        "key": key,
        # A value that is no text stands as [name, null, hex].
        "headers": [[n, None, v.hex()] if isinstance(v, bytes) else [n, v] for n, v in headers],
        "body_hex": None if body is None else body.hex(),
        "canonical_hex": canonical_headers(headers).hex(),
        "checksum": checksum(headers, body),
        "cause": cause,
    }
    if plain is not None:
        row["plain_hex"] = plain.hex()
    if note:
        row["note"] = note
    return row


def replace(headers, name, value):
    return [(n, value if n == name else v) for n, v in headers]


def without(headers, name):
    return [(n, v) for n, v in headers if n != name]


def good():
    plain = finish(request(), BODY)
    yield vector("request, plain", plain, BODY)
    yield vector(
        "request, plain, headers in another order",
        plain[::-1],
        BODY,
        note="the canonical form sorts: the same checksum",
    )
    odd = finish(
        request(
            extra=[
                ("x-ä", "3"),
                ("x-bb", "1"),
                ("x-b", "1"),
                ("x-a", ""),
                ("x-a", "zweite ä"),
                ("x-null", None),
                ("X-a", "2"),
            ]
        ),
        BODY,
    )
    yield vector(
        "request with unknown headers: doubled, empty, null, not ASCII",
        odd,
        BODY,
        note="unknown headers are covered and ignored; equal names keep their order",
    )
    yield vector(
        "request with another trace",
        replace(plain, "traceparent", "00-ff-ff-00"),
        BODY,
        note="traceparent is not covered",
    )
    sealed, body = seal(request("public"), BODY, "pub-1", SALT)
    yield vector(
        "request, encrypted", finish(sealed, body), body, "public", plain=BODY, must_encrypt=True
    )
    sum_ = checksum(sealed, body)
    texts = [
        b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"A gate"},'
        b'"finish_reason":null}]}',
        b'{"choices":[]}',
    ]
    sums = []
    for seq, text in enumerate(texts):
        headers, body = seal(chunk(seq, sum_), text, "pub-1", RUN, seq)
        sums.append(checksum(headers, body))
        yield vector(
            f"chunk {seq}, encrypted",
            finish(headers, body),
            body,
            "public",
            plain=text,
            must_encrypt=True,
        )
    text = b'{"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
    headers, body = seal(
        chunk(
            2,
            sum_,
            [
                ("ce_count", "2"),
                ("ce_digest", run_digest(sums)),
                ("ce_end", "stop"),
                ("ce_env", "cpu-1"),
                ("ce_fin", "1"),
            ],
        ),
        text,
        "pub-1",
        RUN,
        2,
    )
    yield vector(
        "end record, encrypted",
        finish(headers, body),
        body,
        "public",
        plain=text,
        must_encrypt=True,
    )
    big = 2**40 + 5
    headers, body = seal(chunk(big, sum_), b"{}", "prv-1", RUN, big)
    yield vector("chunk with a large sequence number", finish(headers, body), body, plain=b"{}")
    headers = finish(
        common("io.sluice.cancel.v1", "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b2", ID), None
    )
    yield vector("cancel with a null body", headers, None)
    headers, body = seal(
        common("io.sluice.cancel.v1", "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b3", ID),
        b"",
        "pub-1",
        SALT,
    )
    yield vector(
        "cancel with an empty encrypted body", finish(headers, body), body, "public", plain=b""
    )
    headers = finish(
        [*common("io.sluice.answer.v1", f"{ID}/0", ID), ("ce_correlationid", "my-id")], texts[0]
    )
    yield vector(
        "answer on egress under the producer's own key", headers, texts[0], key="customer-7"
    )
    headers = finish(
        common("io.sluice.presence.v1", "018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b4", "worker-0"), b"{}"
    )
    yield vector("presence without a key", headers, b"{}", key=None)


def altered():
    plain = finish(request(), BODY)
    yield vector("body altered", plain, BODY.replace(b"sluice", b"Sluice"), cause="corrupt")
    yield vector("body truncated", plain, BODY[:-1], cause="corrupt")
    yield vector("body gone", plain, None, cause="corrupt")
    yield vector("header changed", replace(plain, "ce_tenant", "other"), BODY, cause="corrupt")
    yield vector("header dropped", without(plain, "ce_policy"), BODY, cause="corrupt")
    yield vector("header added", [*plain, ("x-new", "1")], BODY, cause="corrupt")
    yield vector(
        "header name changed",
        [("ce_tenanu" if n == "ce_tenant" else n, v) for n, v in plain],
        BODY,
        cause="corrupt",
    )
    yield vector(
        "byte moved from a value to a name",
        [("ce_tenanta", "cme") if n == "ce_tenant" else (n, v) for n, v in plain],
        BODY,
        cause="corrupt",
        note="lengths are part of the canonical form",
    )
    yield vector(
        "type damaged",
        replace(plain, "ce_type", "io.sluice.request.v9"),
        BODY,
        cause="corrupt",
        note="the checksum is looked at before the type",
    )
    yield vector("checksum missing", without(plain, "ce_checksum"), BODY, cause="malformed")
    yield vector(
        "checksum in capitals",
        replace(plain, "ce_checksum", dict(plain)["ce_checksum"].upper()),
        BODY,
        cause="malformed",
    )
    yield vector(
        "checksum twice",
        [*plain, ("ce_checksum", dict(plain)["ce_checksum"])],
        BODY,
        cause="malformed",
    )
    yield vector(
        "another record key",
        plain,
        BODY,
        key="018f6b1e-0000-7000-8000-000000000000",
        cause="malformed",
    )


def malformed():
    cases = [
        ("class of another topic", "ce_class", "public"),
        ("no such class", "ce_class", "secret"),
        ("no such level", "ce_level", "high"),
        ("reply topic of the other class", "ce_replytopic", "llm.public.responses.v1"),
        ("reply topic elsewhere", "ce_replytopic", "evil"),
        ("negative reply partition", "ce_replypartition", "-1"),
        ("reply partition with a leading zero", "ce_replypartition", "03"),
        ("reply partition too large", "ce_replypartition", "2147483648"),
        ("deadline in words", "ce_deadline", "soon"),
        ("time in words", "ce_time", "noon"),
        ("empty subject", "ce_subject", ""),
        ("control character", "ce_tenant", "a\nb"),
        ("bytes that are not UTF-8", "ce_tenant", b"a\xff"),
        ("null subject", "ce_subject", None),
    ]
    for name, header, value in cases:
        headers = finish(replace(request(), header, value), BODY)
        yield vector(name, headers, BODY, cause="malformed", key=None)
    for name in (
        "ce_id",
        "ce_subject",
        "ce_source",
        "ce_time",
        "ce_type",
        "ce_specversion",
        "content-type",
        "ce_class",
        "ce_level",
        "ce_replytopic",
        "ce_replypartition",
    ):
        yield vector(
            f"{name} missing",
            finish(without(request(), name), BODY),
            BODY,
            cause="malformed",
            key=None,
        )
    yield vector(
        "known header twice",
        finish(request(extra=[("ce_class", "private")]), BODY),
        BODY,
        cause="malformed",
    )
    yield vector(
        "65 headers",
        finish(request(extra=[(f"x-{i}", "") for i in range(49)]), BODY),
        BODY,
        cause="malformed",
    )
    yield vector(
        "null in an optional header",
        finish(replace(request(), "ce_tenant", None), BODY),
        BODY,
        cause="malformed",
    )
    sum_ = "ab" * 16
    end = [("ce_count", "1"), ("ce_digest", "cd" * 16), ("ce_end", "stop"), ("ce_fin", "1")]
    for name, headers in [
        ("chunk id of another run", replace(chunk(1, sum_), "ce_id", f"{ID}/{'f' * 32}/1")),
        ("chunk id of another sequence number", replace(chunk(1, sum_), "ce_seq", "2")),
        ("chunk without run", without(chunk(1, sum_), "ce_run")),
        ("chunk without the request's checksum", without(chunk(1, sum_), "ce_requestchecksum")),
        ("fin is 0", replace(chunk(1, sum_, end), "ce_fin", "0")),
        ("end record that counts wrong", replace(chunk(1, sum_, end), "ce_count", "2")),
        ("end record without digest", without(chunk(1, sum_, end), "ce_digest")),
        ("no such end", replace(chunk(1, sum_, end), "ce_end", "fine")),
        ("chunk with a salt", chunk(1, sum_, [("ce_salt", SALT), ("ce_kid", "prv-1")])),
        ("key id without salt", request(extra=[("ce_kid", "prv-1")])),
        ("salt without key id", request(extra=[("ce_salt", SALT)])),
    ]:
        yield vector(name, finish(headers, b"{}"), b"{}", cause="malformed")


def unsealed():
    yield vector(
        "plain where encryption is due",
        finish(request(), BODY),
        BODY,
        must_encrypt=True,
        cause="unauthentic",
    )
    sealed, body = seal(request("public"), BODY, "pub-1", SALT)
    yield vector(
        "key of another class",
        finish(*(x := seal(request(), BODY, "pub-1", SALT))),
        x[1],
        cause="unauthentic",
    )
    yield vector(
        "unknown key id",
        finish(replace(sealed, "ce_kid", "pub-9"), body),
        body,
        "public",
        cause="unknown_key",
    )
    flipped = body[:-1] + bytes([body[-1] ^ 1])
    yield vector(
        "tag altered, checksum made anew",
        finish(sealed, flipped),
        flipped,
        "public",
        cause="unauthentic",
    )
    yield vector(
        "ciphertext altered, checksum made anew",
        finish(sealed, f := bytes([body[0] ^ 1]) + body[1:]),
        f,
        "public",
        cause="unauthentic",
    )
    yield vector(
        "header changed, checksum made anew",
        finish(replace(sealed, "ce_replypartition", "4"), body),
        body,
        "public",
        cause="unauthentic",
    )
    yield vector(
        "another salt",
        finish(replace(sealed, "ce_salt", "0" * 32), body),
        body,
        "public",
        cause="unauthentic",
    )
    yield vector(
        "shorter than a tag", finish(sealed, body[:15]), body[:15], "public", cause="unauthentic"
    )
    yield vector(
        "null where ciphertext is due", finish(sealed, None), None, "public", cause="unauthentic"
    )
    headers, body = seal(chunk(1, "ab" * 16), b"{}", "prv-1", RUN, 1)
    moved = replace(replace(headers, "ce_seq", "2"), "ce_id", f"{ID}/{RUN}/2")
    yield vector(
        "chunk moved to another sequence number", finish(moved, body), body, cause="unauthentic"
    )
    sealed, body = seal(request("public"), BODY, "pub-1", SALT)
    yield vector(
        "salt that is not hex",
        finish(replace(sealed, "ce_salt", "z" * 32), body),
        body,
        "public",
        cause="malformed",
    )
    yield vector(
        "another CloudEvents version",
        finish(replace(request(), "ce_specversion", "1.1"), BODY),
        BODY,
        cause="unsupported",
    )
    yield vector(
        "unknown type",
        finish(replace(request(), "ce_type", "io.sluice.request.v2"), BODY),
        BODY,
        cause="unsupported",
    )


def dead_letters():
    headers = [
        ("ce_id", "x"),
        ("traceparent", "t"),
        ("n", None),
        ("__dlq.errors.topic", "llm.public.requests.v1"),
        ("__dlq.errors.partition", "1"),
        ("__dlq.errors.offset", "42"),
        ("__dlq.errors.group", "g"),
        ("__dlq.errors.delivery.count", "1"),
        ("__dlq.errors.message", "the record was altered"),
        ("__dlq.errors.code", "corrupt"),
    ]
    for name, key, value in [
        ("dead letter", "k", b"\x00\x01"),
        ("dead letter of nulls", None, None),
        ("dead letter of empty bytes", "", b""),
    ]:
        yield {
            "name": name,
            "key": key,
            "headers": headers,
            "body_hex": None if value is None else value.hex(),
            "checksum": dead_letter_checksum(headers, key, value),
        }


def main():
    hashes = [
        {"text_hex": t.hex(), "checksum": xxhash.xxh3_128_hexdigest(t)}
        for t in (b"", b"sluice", struct.pack(">Q", 1) * 100)
    ]
    vectors = [*good(), *altered(), *malformed(), *unsealed()]
    json.dump(
        {
            "about": "Envelope test vectors; schemas/envelope.md tells how to read them.",
            "keyring": KEYS,
            "xxh3_128": hashes,
            "records": vectors,
            "dead_letters": list(dead_letters()),
        },
        sys.stdout,
        ensure_ascii=False,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
