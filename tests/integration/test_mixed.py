"""500 mixed requests: nothing private on a public topic, nothing beside Kafka, every record whole,
and the audit's books are those of the client."""

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
from harness import Books, Records, until
from sluice_reader import check_run

REQUESTS = 500
# A word that stands in a public request on purpose: if the search can't find this one, it would
# not find a leak either.
PLANTED = "plantedmarker0public"
SENSITIVE = (
    "Confidential: the merger closes, note {}.",
    "Please check ID 11010519491231002X of {}.",
    "Card 4111 1111 1111 1111 belongs to {}.",
    "请给{}写短信,他的电话是13812345678。",
    "Write to jane.doe@northwind.com about {}.",
    "Project Falcon starts with {}.",
    "机密:{}的合同。",
)
PLAIN = ("Why is the sky blue, {}?", "Name three uses of a canal lock, {}.", "Count to {}.")


@dataclass
class Mixed:
    books: Books
    secrets: dict[str, str]  # marker -> request id
    plain: dict[str, str]
    records: Records
    audit: dict
    since: str


@pytest.fixture(scope="module")
def mixed(system):
    """Both classes, streamed and whole, 32 at once, in a random order with a fixed seed."""
    system.wait_idle()
    system.mark()
    since = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    rng, texts, sensitive = random.Random(3), [], set()
    for i in range(REQUESTS):
        secret = rng.random() < 0.5
        marker = f"marker{i:04}{'secret' if secret else 'plain'}"
        if i == 0:
            secret, marker = False, PLANTED
        texts.append((rng.choice(SENSITIVE if secret else PLAIN).format(marker), marker))
        if secret:
            sensitive.add(marker)
    books = system.books()
    by_text = dict(texts)
    entries = books.ask_many([text for text, _ in texts], 32, max_tokens=10)
    for entry in entries:
        entry.marker = by_text[entry.marker]
    system.wait_idle()
    until(lambda: seen_alive(system), "a presence record of each class since the mark", 30)
    until(lambda: delivered(system) >= {e.id for e in entries}, "each delivery is audited", 30)
    ids = {e.marker: e.id for e in entries}
    return Mixed(
        books,
        {m: i for m, i in ids.items() if m in sensitive},
        {m: i for m, i in ids.items() if m not in sensitive},
        system.records(),
        system.audit("--since", since, "--all", "--most", "2000", status=None),
        since,
    )


def seen_alive(system) -> bool:
    """Workers say every 2 s that they are there: a fast machine answers everything in between."""
    topics = {f"llm.{cls}.presence.v1" for cls in ("private", "public")}
    return {r.topic for r in system.records(sorted(topics)).of(type="presence")} == topics


def delivered(system) -> set[str]:
    """Audit records of answers are gathered for 50 ms after a request has left the gateway."""
    topics = ["llm.audit.v1", "llm.public.audit.v1"]
    return {r.subject for r in system.records(topics).of(event="delivered")}


def test_every_request_is_answered_whole(mixed):
    assert len(mixed.books.complete) == REQUESTS
    assert not mixed.books.errors and not mixed.books.silent
    assert len(mixed.secrets) > 150 and len(mixed.plain) > 150


def test_classes(mixed):
    by_id = {e.id: e for e in mixed.books.entries}
    assert {by_id[i].cls for i in mixed.secrets.values()} == {"private"}
    assert {by_id[i].cls for i in mixed.plain.values()} == {"public"}


def needles(record) -> bytes:
    """All that could carry a marker: key, header names and values, the bytes of the value as they
    lie there, and the value decrypted."""
    assert record.error is None, record
    decrypted = record.envelope.body or b"" if record.envelope else b""
    return record.plain_bytes() + b"\0" + decrypted + b"\0" + unescaped(decrypted)


def unescaped(data: bytes) -> bytes:
    """JSON's \\u escapes undone."""
    try:
        return json.dumps(json.loads(data), ensure_ascii=False).encode()
    except ValueError:
        return b""


def test_the_search_finds_the_planted_marker(mixed):
    """In a public request, after decrypting, and only there: on the wire it is not readable."""
    public = mixed.records.public()
    found = [r for r in public if PLANTED.encode() in needles(r)]
    assert {r.topic for r in found} == {"llm.public.requests.v1"}
    assert {r.subject for r in found} == {mixed.plain[PLANTED]}
    assert not [r for r in public if PLANTED.encode() in r.plain_bytes()]


def test_no_private_request_shows_on_a_public_topic(mixed):
    public = mixed.records.public()
    assert len(public) > 1000
    everything = b"\0".join(needles(r) for r in public)
    assert PLANTED.encode() in everything
    assert not [i for i in mixed.secrets.values() if i.encode() in everything]
    assert not [m for m in mixed.secrets if m.encode() in everything]
    assert b"secret" not in everything


def test_public_records_hide_the_tenant_and_are_encrypted(mixed):
    for record in mixed.records.public():
        kind = record.type.removeprefix("io.sluice.").removesuffix(".v1")
        if kind in ("request", "chunk", "cancel"):
            assert record.envelope.encrypted, record
        assert b"acme" not in needles(record), record


def test_every_id_has_its_request_and_one_complete_run(mixed):
    mixed.books.check_against(mixed.records)
    requests, runs = mixed.records.requests(), mixed.records.runs()
    ids = {e.id for e in mixed.books.entries}
    assert set(requests) == ids == set(runs)
    for entry in mixed.books.entries:
        (request,) = requests[entry.id]
        assert request.topic == f"llm.{entry.cls}.requests.v1"
        ((_, records),) = runs[entry.id].items()
        run = check_run([r.envelope for r in records])  # count and digest, recomputed
        assert run.end == entry.finish
        assert {r.topic for r in records} == {f"llm.{entry.cls}.responses.v1"}
        assert {r.header("ce_requestchecksum") for r in records} == {request.envelope.checksum}


def test_every_record_carries_the_checksum_that_the_reader_computes(mixed):
    assert not mixed.records.damaged()
    kinds = {r.type.split(".")[2] for r in mixed.records if r.envelope}
    assert kinds >= {"request", "chunk", "audit", "presence"}
    alive = {r.topic for r in mixed.records.of(type="presence")}
    assert alive == {"llm.private.presence.v1", "llm.public.presence.v1"}
    assert not mixed.records.of("llm.private.dead-letter.v1")
    assert not mixed.records.of("llm.public.dead-letter.v1")


def test_the_hops_are_audited_without_content(mixed):
    audits, by_id = mixed.records.of(type="audit"), defaultdict(list)
    for record in audits:
        by_id[record.subject].append(record.body["event"])
    for entry in mixed.books.entries:
        events = by_id[entry.id]
        assert sorted(events) == ["decided", "delivered", "ended", "produced", "started"], events
    text = b"\0".join(needles(r) for r in audits)
    found = [
        word for word in (b"marker0", b"jane.doe", b"4111 1111", b"13812345678") if word in text
    ]
    assert not found


def test_public_requests_were_decided_before_they_were_produced(mixed):
    """The decided record was acknowledged first, so its time on the broker is not later."""
    decided = {r.subject: r.time_ms for r in mixed.records.of(event="decided")}
    requests = mixed.records.requests()
    for id in mixed.plain.values():
        assert decided[id] <= requests[id][0].time_ms


def test_the_audit_agrees_with_the_client(mixed):
    audit, books = mixed.audit, mixed.books
    assert audit["balanced"] is True and audit["complete"] is True
    assert audit["accepted"] == audit["answered"] == REQUESTS
    assert audit["private"] == len(mixed.secrets) and audit["public"] == len(mixed.plain)
    for fault in ("lost", "unanswered", "duplicated", "altered", "wrong_class", "beside_kafka",
                  "errors", "gone", "open", "bad_records", "re_executed"):  # fmt: skip
        assert audit[fault] == 0, fault
    assert {row["id"]: row["class"] for row in audit["list"]} == {
        e.id: e.cls for e in books.entries
    }
    assert all(row["complete_runs"] == 1 and row["results"] == 1 and not row["faults"]
               for row in audit["list"])  # fmt: skip


def test_the_audit_for_people(system, mixed):
    done = system.ctl("audit", "--since", mixed.since)
    assert "The books balance." in done.stdout
    assert f"accepted    {REQUESTS:8}" in done.stdout
