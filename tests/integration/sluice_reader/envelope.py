"""One record: canonical headers, checksum, decryption (schemas/envelope.md)."""

import re
import struct
from dataclasses import dataclass

import xxhash
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NOT_COVERED = (b"ce_checksum", b"traceparent", b"tracestate")
TYPES = {
    f"io.sluice.{name}.v1"
    for name in (
        "request",
        "chunk",
        "cancel",
        "drain",
        "presence",
        "audit",
        "policy",
        "treehead",
        "answer",
    )
}
CHUNK = "io.sluice.chunk.v1"
ANSWER = "io.sluice.answer.v1"
REQUEST = "io.sluice.request.v1"
LEVELS = ("public", "internal", "confidential", "restricted")
ENDS = ("stop", "length", "tool_calls", "content_filter", "cancelled", "expired", "error")
KNOWN = {
    b"ce_" + name.encode()
    for name in (
        "checksum class correlationid count deadline digest end env fin id kid level policy "
        "replayof replypartition replytopic requestchecksum run salt seq source specversion "
        "subject tenant time type"
    ).split()
} | {b"content-type", b"traceparent", b"tracestate"}
HEX32 = re.compile(rb"[0-9a-f]{32}")
NUMBER = re.compile(rb"0|[1-9][0-9]{0,19}")
RFC3339 = re.compile(rb"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
HEADERS_MAX = 64
HEADER_BYTES_MAX = 65536


class EnvelopeError(Exception):
    """`cause` is the word that a dead letter would carry."""

    def __init__(self, cause, text):
        super().__init__(f"{cause}: {text}")
        self.cause = cause


@dataclass(frozen=True)
class Envelope:
    type: str
    id: str
    subject: str
    checksum: str
    headers: dict  # known headers, text by name without ce_
    body: bytes | None
    encrypted: bool


def headers_list(headers):
    """(bytes, bytes | None) pairs, in order."""
    out = []
    for name, value in headers or ():
        if isinstance(name, str):
            name = name.encode()
        if isinstance(value, str):
            value = value.encode()
        out.append((name, value))
    return out


def canonical_headers(headers):
    rows = [
        (name, i, value)
        for i, (name, value) in enumerate(headers_list(headers))
        if name not in NOT_COVERED
    ]
    rows.sort(key=lambda row: (row[0], row[1]))
    out = bytearray()
    for name, _, value in rows:
        value = value or b""
        out += struct.pack(">H", len(name)) + name + struct.pack(">I", len(value)) + value
    return bytes(out)


def checksum(headers, body):
    body = body or b""
    data = canonical_headers(headers) + struct.pack(">Q", len(body)) + body
    return xxhash.xxh3_128_hexdigest(data)


def _collect(headers):
    rows = headers_list(headers)
    if len(rows) > HEADERS_MAX or sum(len(n) + len(v or b"") for n, v in rows) > HEADER_BYTES_MAX:
        raise EnvelopeError("malformed", "too many or too large headers")
    known = {}
    for name, value in rows:
        if name in KNOWN:
            if name in known:
                raise EnvelopeError("malformed", f"{name.decode()} stands twice")
            known[name] = value
    return known


def verify(headers, body):
    """The checksum alone, for auditors without keys. Returns it."""
    known = _collect(headers)
    given = known.get(b"ce_checksum") or b""
    if not HEX32.fullmatch(given):
        raise EnvelopeError("malformed", "no well-formed ce_checksum")
    computed = checksum(headers, body)
    if computed.encode() != given:
        raise EnvelopeError("corrupt", f"the record was altered: its checksum is {computed}")
    return computed


class _Fields:
    def __init__(self, known):
        self.known = known

    def text(self, name, required=True):
        value = self.known.get(
            b"ce_" + name.encode() if name != "content-type" else b"content-type"
        )
        if value is None or (required and value == b""):
            raise EnvelopeError("malformed", f"{name} is missing, null or empty")
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise EnvelopeError("malformed", f"{name} is not UTF-8") from None
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
            raise EnvelopeError("malformed", f"{name} holds control characters")
        return text

    def matches(self, name, pattern, max_value=None):
        text = self.text(name)
        if not pattern.fullmatch(text.encode()) or (
            max_value is not None and int(text) > max_value
        ):
            raise EnvelopeError("malformed", f"{name} has a wrong value")
        return text

    def one_of(self, name, values):
        text = self.text(name)
        if text not in values:
            raise EnvelopeError("malformed", f"{name} has a wrong value")
        return text

    def has(self, name):
        return b"ce_" + name.encode() in self.known


def _check_request(fields, cls):
    fields.one_of("class", (cls,))
    fields.one_of("level", LEVELS)
    if fields.has("deadline"):
        fields.matches("deadline", NUMBER, 2**63 - 1)
    fields.matches("replypartition", NUMBER, 2**31 - 1)
    fields.one_of("replytopic", (f"llm.{cls}.responses.v1",))


def _check_chunk(fields):
    for name in ("run", "requestchecksum"):
        fields.matches(name, HEX32)
    seq = fields.matches("seq", NUMBER, 2**64 - 2)
    if fields.text("id") != f"{fields.text('subject')}/{fields.text('run')}/{seq}":
        raise EnvelopeError("malformed", "id is not subject/run/seq")
    if not fields.has("fin"):
        return
    fields.one_of("fin", ("1",))
    if fields.matches("count", NUMBER) != seq:
        raise EnvelopeError("malformed", "count is not the end record's seq")
    fields.matches("digest", HEX32)
    fields.one_of("end", ENDS)


def _check_values(fields, type_, cls, key):
    for known in fields.known:
        if known not in NOT_COVERED:
            fields.text(known.decode().removeprefix("ce_"), required=False)
    for name in ("id", "subject", "source", "content-type"):
        fields.text(name)
    fields.matches("time", RFC3339)
    if type_ == REQUEST:
        _check_request(fields, cls)
    elif type_ == CHUNK:
        _check_chunk(fields)
    if key and type_ != ANSWER and key != fields.text("subject").encode():
        raise EnvelopeError("malformed", "the record's key is not its subject")
    kid, salt = fields.has("kid"), fields.has("salt")
    if (salt and (not kid or type_ == CHUNK)) or (kid and not salt and type_ != CHUNK):
        raise EnvelopeError("malformed", "kid and salt don't fit each other")


def _open(fields, type_, cls, headers, body, keyring):
    key = keyring.find(fields.text("kid")) if keyring else None
    if key is None:
        raise EnvelopeError("unknown_key", "the key id is not in the keyring")
    if key.cls != cls:
        raise EnvelopeError("unauthentic", "the key is of another class")
    salt = fields.matches("run" if type_ == CHUNK else "salt", HEX32)
    info = f"sluice/1 {type_} {cls}".encode()
    derived = HKDF(SHA256(), 32, bytes.fromhex(salt), info).derive(key.key)
    nonce = int(fields.text("seq") if type_ == CHUNK else "0").to_bytes(12, "big")
    try:
        return AESGCM(derived).decrypt(nonce, body or b"", canonical_headers(headers))
    except (InvalidTag, ValueError):
        raise EnvelopeError("unauthentic", "the tag does not match") from None


def decode(headers, body, cls, keyring=None, key=None, must_encrypt=False):
    """One record of the class `cls`; `key` is the record's key."""
    known = _collect(headers)
    computed = verify(headers, body)
    fields = _Fields(known)
    for name in ("specversion", "type"):
        if not fields.has(name):
            raise EnvelopeError("malformed", f"{name} is missing")
    type_ = (known[b"ce_type"] or b"").decode("utf-8", "replace")
    if known[b"ce_specversion"] != b"1.0" or type_ not in TYPES:
        raise EnvelopeError("unsupported", "another version or type")
    _check_values(fields, type_, cls, key)
    encrypted = fields.has("kid")
    if encrypted:
        body = _open(fields, type_, cls, headers, body, keyring)
    elif must_encrypt:
        raise EnvelopeError("unauthentic", "plain where encryption is due")
    texts = {
        name.decode().removeprefix("ce_"): value.decode("utf-8", "replace")
        for name, value in known.items()
        if value is not None
    }
    return Envelope(type_, texts["id"], texts["subject"], computed, texts, body, encrypted)
