"""Request records that were altered on their way (design.md 6, poison): the dead-letter topic with
the right cause, the partition moves on, the client gets an error and never another text."""

import secrets
from concurrent.futures import wait

import pytest

from forge import Absent, finish, flip, public_key, replace, seal, texts, without
from harness import Sluice, until
from mixed import check_nothing_stuck


@pytest.fixture(scope="module")
def system(broker, tmp_path_factory):
    config = {"gateway": {"limits": {"deadline_ms": 12_000}}}
    with Sluice(tmp_path_factory.mktemp("tamper"), broker, config=config) as running:
        yield running


def anew(headers, body):
    return finish(headers, body), body


# name -> what is made of (headers, wire body, plain body, system); the cause in the dead letter.
PRIVATE = {
    "bit": (lambda h, b, p, s: (h, flip(b)), "corrupt"),
    "truncated": (lambda h, b, p, s: (h, b[:-3]), "corrupt"),
    "gone": (lambda h, b, p, s: (h, None), "corrupt"),
    "header-changed": (lambda h, b, p, s: (replace(h, "ce_level", "public"), b), "corrupt"),
    "header-removed": (lambda h, b, p, s: (without(h, "ce_policy"), b), "corrupt"),
    "no-checksum": (lambda h, b, p, s: (without(h, "ce_checksum"), b), "malformed"),
    "type": (lambda h, b, p, s: anew(replace(h, "ce_type", "io.sluice.riddle.v1"), b),
             "unsupported"),
    "reply-topic": (lambda h, b, p, s: anew(replace(h, "ce_replytopic", "llm.egress.v1"), b),
                    "malformed"),
    "class": (lambda h, b, p, s: anew(replace(h, "ce_class", "public"), b), "malformed"),
    "not-json": (lambda h, b, p, s: anew(h, b[:-1]), "malformed"),
}  # fmt: skip
PUBLIC = {
    "bit": (lambda h, b, p, s: (h, flip(b)), "corrupt"),
    "truncated": (lambda h, b, p, s: (h, b[:-3]), "corrupt"),
    "bit-anew": (lambda h, b, p, s: anew(h, flip(b)), "unauthentic"),
    "truncated-anew": (lambda h, b, p, s: anew(h, b[:-3]), "unauthentic"),
    "header-anew": (lambda h, b, p, s: anew(replace(h, "ce_level", "internal"), b), "unauthentic"),
    "removed-anew": (lambda h, b, p, s: anew(without(h, "ce_policy"), b), "unauthentic"),
    "plain": (lambda h, b, p, s: anew(without(h, "ce_kid", "ce_salt"), p), "unauthentic"),
    "wrong-key": (lambda h, b, p, s: seal(h, p, public_key(s)[0], secrets.token_bytes(32)),
                  "unauthentic"),
    "unknown-kid": (lambda h, b, p, s: seal(h, p, "nobody-1", secrets.token_bytes(32)),
                    "unknown_key"),
    "reply-topic": (lambda h, b, p, s: seal(replace(h, "ce_replytopic", "llm.egress.v1"), p,
                                            *public_key(s)), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("cls", "cases"), [("private", PRIVATE), ("public", PUBLIC)])
def test_altered_requests(system, cls, cases):
    with Absent(system, cls) as between:
        asked = {name: between.ask(f"{cls}-{name}", stream=i % 2 == 0)
                 for i, name in enumerate(cases)}  # fmt: skip
        genuine = between.requests([f"{cls}-{name}" for name in cases])
        between.skip()
        for name, (forge, _) in cases.items():
            record = genuine[f"{cls}-{name}"]
            headers, body = forge(texts(record.raw_headers), record.value, record.envelope.body,
                                  system)  # fmt: skip
            between.put(record.topic, record.partition, headers, body, record.key)
        between.back()
        wait(asked.values(), 40)
        for name, future in asked.items():
            entry = future.result(0)
            assert entry.definite_error and not entry.text, (name, entry)
            # Where the record still names its request, the client need not wait for its deadline.
            assert cases[name][1] != "corrupt" or entry.error["code"] != "deadline_exceeded", (
                name,
                entry,
            )

    def letters():
        found = system.records([f"llm.{cls}.dead-letter.v1"])
        by_key = {r.key: r for r in found}
        return all(genuine[f"{cls}-{n}"].key in by_key for n in cases) and by_key

    by_key = until(letters, "every one is dead-lettered", 20, every=0.2)
    for name, (_, cause) in cases.items():
        letter = by_key[genuine[f"{cls}-{name}"].key]
        assert letter.error is None, letter
        assert letter.header("__dlq.errors.code") == cause, (name, letter.raw_headers)
        assert letter.header("__dlq.errors.topic") == f"llm.{cls}.requests.v1"
    books = system.books()
    text = "Project Falcon" if cls == "private" else "a garden"
    for entry in books.ask_many([f"{text} {i}" for i in range(12)], 4, max_tokens=4):
        assert entry.complete and entry.cls == cls, entry  # on every partition
    check_nothing_stuck(system)
    rejected = {r.body["id"] for r in system.records().of(event="rejected") if "id" in r.body}
    named = {genuine[f"{cls}-{n}"].subject for n in cases if cases[n][1] == "unauthentic"}
    assert named <= rejected, named - rejected
