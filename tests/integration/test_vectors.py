"""The vectors of tests/data/envelope, read by the independent reader.

What must decode does; what must not is refused for the cause that stands there.
"""

import json
from pathlib import Path

import pytest
import xxhash
from sluice_reader import (
    EnvelopeError,
    Keyring,
    RunError,
    canonical_headers,
    check_run,
    checksum,
    decode,
    verify_dead_letter,
)

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data/envelope/vectors.json").read_text(encoding="utf-8")
)
KEYRING = Keyring.from_json(VECTORS["keyring"])


def name(row):
    return row["name"]


def headers_of(row):
    return [(h[0], bytes.fromhex(h[2]) if len(h) == 3 else h[1]) for h in row["headers"]]


def body_of(row):
    return None if row["body_hex"] is None else bytes.fromhex(row["body_hex"])


def read(row):
    key = None if row["key"] is None else row["key"].encode()
    return decode(headers_of(row), body_of(row), row["class"], KEYRING, key, row["must_encrypt"])


@pytest.mark.parametrize(
    "row", VECTORS["xxh3_128"], ids=lambda row: row["text_hex"][:12] or "empty"
)
def test_xxh3(row):
    assert xxhash.xxh3_128_hexdigest(bytes.fromhex(row["text_hex"])) == row["checksum"]


@pytest.mark.parametrize("row", VECTORS["records"], ids=name)
def test_record(row):
    assert canonical_headers(headers_of(row)).hex() == row["canonical_hex"]
    assert checksum(headers_of(row), body_of(row)) == row["checksum"]
    if row["cause"]:
        with pytest.raises(EnvelopeError) as refusal:
            read(row)
        assert refusal.value.cause == row["cause"]
        return
    envelope = read(row)
    plain = row.get("plain_hex", row["body_hex"])
    assert envelope.body == (None if plain is None else bytes.fromhex(plain))
    assert envelope.encrypted == ("plain_hex" in row)


@pytest.mark.parametrize("row", VECTORS["dead_letters"], ids=name)
def test_dead_letter(row):
    headers = headers_of(row)
    given = [*headers, ("ce_dlqchecksum", row["checksum"])]
    assert verify_dead_letter(given, row["key"], body_of(row)) == row["checksum"]
    for broken in (
        [*given[1:]],
        [(n, "y" if n == "ce_id" else v) for n, v in given],
        [given[1], given[0], *given[2:]],
    ):
        with pytest.raises(EnvelopeError):
            verify_dead_letter(broken, row["key"], body_of(row))
    with pytest.raises(EnvelopeError):
        verify_dead_letter(given, "other", body_of(row))


def test_run():
    rows = {row["name"]: row for row in VECTORS["records"]}
    records = [
        read(rows[n])
        for n in ("chunk 0, encrypted", "chunk 1, encrypted", "end record, encrypted")
    ]
    run = check_run(records[::-1])
    assert (run.end, run.count) == ("stop", 2)
    assert check_run([*records, records[0]]) == run  # a resend of the same bytes
    for broken in (records[:2], records[1:], [records[0], records[2]], []):
        with pytest.raises(RunError):
            check_run(broken)
