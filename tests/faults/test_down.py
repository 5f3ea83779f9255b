"""One side is down (design.md 7): the private side never falls back to the public path, the public
side does what the policy says."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import until

PRIVATE = "Tell me about Project Falcon"
PUBLIC = "Tell me about a garden"


def in_flight(system, cls: str) -> bool:
    return system.gateway.metrics().value("sluice_inflight_requests", **{"class": cls}) > 0


def check_refused(entry) -> None:
    assert entry.status == 503 and entry.definite_error, entry
    assert int(entry.headers["retry-after"]) >= 1, entry


@pytest.mark.parametrize("stream", [True, False])
def test_private_side(system, stream):
    """In flight: 503 within 12 s of the workers' end. New: 503 with Retry-After. No record of
    either on a public topic, by id or by marker, plain or decrypted."""
    books = system.books()
    for worker in system.privates:
        worker.freeze()  # so that the request is accepted and not answered
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(books.ask, f"{PRIVATE} marker-inflight-{stream}", stream=stream)
        until(lambda: in_flight(system, "private"), "the request is in flight", 5)
        for worker in system.privates:
            worker.kill()
        entry = waiting.result(timeout=12)
    check_refused(entry)
    assert entry.id and entry.cls == "private"
    late = books.ask(f"{PRIVATE} marker-late-{stream}", stream=stream)
    check_refused(late)
    assert late.ended - late.began < 2
    for worker in system.privates:
        worker.start()
    system.wait_workers(seconds=30)
    assert books.ask(PRIVATE, max_tokens=4).complete
    records = system.records()
    assert records.of(topic="llm.private.requests.v1", subject=entry.id), "it was not accepted"
    for record in records.public():
        assert entry.id != record.subject and late.id != record.subject, record
        plain = record.plain_bytes() + (record.envelope.body or b"")
        assert b"marker-" not in plain, record


def test_public_side_refuse(system):
    """`public_down: refuse`: 503 with Retry-After, and nothing is written for it."""
    system.public.kill()
    try:
        system.wait_workers(public=0)
        entry = system.books().ask(PUBLIC)
        check_refused(entry)
        assert not system.records().of(type="request", subject=entry.id)
    finally:
        system.public.start()
        system.wait_workers()
    assert system.books().ask(PUBLIC, max_tokens=4).cls == "public"


def test_public_side_private(system):
    """`public_down: private`: the same request is answered by the private side."""
    taken = system.gateway.metrics().value("sluice_policy_reloads_total", outcome="taken")
    changed = system.policy | {"defaults": system.policy["defaults"] | {"public_down": "private"}}
    system.write_policy(changed)
    system.gateway.hup()
    until(lambda: system.gateway.metrics().value("sluice_policy_reloads_total", outcome="taken")
          > taken, "the policy took effect")  # fmt: skip
    system.public.kill()
    try:
        system.wait_workers(public=0)
        entry = system.books().ask(PUBLIC, max_tokens=8)
        assert entry.complete and entry.cls == "private", entry
        (request,) = system.records().requests()[entry.id]
        assert request.topic == "llm.private.requests.v1"
    finally:
        system.public.start()
        system.write_policy(system.policy)
        system.gateway.hup()
        system.wait_workers()
    until(lambda: system.books().ask(PUBLIC, max_tokens=4).cls == "public", "the policy is back")
