"""kill -9 of each process in the middle of 100 mixed requests (issue 3, point 4)."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import until
from mixed import Mixed, check_nothing_stuck

RESPONSES = "llm.private.responses.v1"
SOURCE = "/sluice/private-worker/{}"
PRIVATE = "Tell me about Project Falcon"


def settle(system, mixed) -> None:
    mixed.check_texts()
    check_nothing_stuck(system)
    mixed.check_audit()


def test_gateway(system):
    mixed = Mixed(system, "gateway").start()
    mixed.wait_over(30)
    mixed.kill_gateway(system.gateway)
    system.gateway.start()
    mixed.finish()
    mixed.check_ends()
    assert mixed.cut, "the gateway died too late: nothing was cut"
    settle(system, mixed)


def kill_at_work(system, worker) -> None:
    """kill -9 of a private worker that has written a part of at least one answer, not its end."""

    def open_runs() -> bool:
        for runs in system.records([RESPONSES]).runs().values():
            for records in runs.values():
                mine = records[0].envelope.headers["source"] == SOURCE.format(worker.name)
                if mine and not any("fin" in r.envelope.headers for r in records):
                    return True
        return False

    def caught() -> bool:
        worker.freeze()  # else it could end what it has while the test looks
        found = False
        try:
            found = open_runs()
        finally:
            if not found:
                worker.thaw()
        return found

    until(caught, f"{worker.name} is in the middle of an answer", 30, every=0.01)
    worker.kill()


@pytest.mark.parametrize("i", [0, 1])
def test_private_worker(system, i):
    """What it had in hand is run by the other one; the text goes on where the client is."""
    mixed = Mixed(system, f"private{i}", tokens=400).start()
    mixed.wait_over(20)
    kill_at_work(system, system.privates[i])
    mixed.finish()
    mixed.check_ends()
    assert not mixed.cut
    system.privates[i].start()
    settle(system, mixed)
    assert any(row["runs"] > 1 for row in mixed.said["list"]), "nothing was run again"


def long_answer(books):
    """Options with which the private side's answer, undisturbed, is long; and that answer."""
    for seed in range(1, 40):
        options = {"seed": seed, "max_tokens": 4000, "temperature": 0.8}
        calm = books.ask(PRIVATE, stream=False, **options)
        assert calm.complete, calm
        if calm.usage["completion_tokens"] == options["max_tokens"]:
            return options, calm.text
    raise AssertionError("no seed gives a long answer")


def kill_its_worker(system, entry):
    """kill -9 of the private worker that runs the request; None when the run has ended already."""
    for worker in system.privates:
        worker.freeze()  # so that neither goes on while the test looks which one it is
    try:
        records = system.records([RESPONSES]).of(type="chunk", subject=entry.id)
        assert records
        if any("fin" in r.envelope.headers for r in records):
            return None
        (source,) = {r.envelope.headers["source"] for r in records}
        (worker,) = (w for w in system.privates if source == SOURCE.format(w.name))
        worker.kill()
        return worker
    finally:
        for worker in system.privates:
            worker.thaw()


def killed_in_mid_stream(system, books, options):
    """(entry, what the client had when the worker was killed, that worker)."""
    for _ in range(5):
        open_ = threading.Event()
        ask = functools.partial(
            books.ask, PRIVATE, on_piece=lambda e, o=open_: e.pieces == 2 and o.set()
        )
        with ThreadPoolExecutor(1) as pool:
            streamed = pool.submit(ask, **options)
            assert open_.wait(30)
            entry = books.entries[-1]
            killed, before = kill_its_worker(system, entry), entry.text
            streamed.result()
        if killed:
            return entry, before, killed
    raise AssertionError("each answer ended before its worker could be killed")


def test_stream_goes_on(system):
    """The worker of an open stream dies: the other one runs the request again, and the client's
    text goes on where it was, with nothing doubled and nothing left out."""
    check_nothing_stuck(system)
    system.mark()
    books = system.books()
    options, calm = long_answer(books)
    entry, before, killed = killed_in_mid_stream(system, books, options)
    assert entry.complete, entry
    assert before and calm.startswith(before) and len(before) < len(calm)
    assert entry.text == calm
    runs = system.records([RESPONSES]).runs()[entry.id].values()
    by_source = {records[0].envelope.headers["source"]: records for records in runs}
    other = next(w for w in system.privates if w is not killed)
    assert len(runs) == 2 and set(by_source) == {SOURCE.format(w.name) for w in (killed, other)}
    ended = {s for s, rs in by_source.items() if any("fin" in r.envelope.headers for r in rs)}
    assert ended == {SOURCE.format(other.name)}
    killed.start()
    check_nothing_stuck(system)


def test_public_worker(system):
    """The only one of its class: what is in hand waits or is refused for want of a worker."""
    mixed = Mixed(system, "public").start()
    mixed.wait_over(30)
    system.public.kill()
    system.public.start()
    mixed.finish()
    mixed.check_ends(errors_max=50)
    assert not mixed.cut
    settle(system, mixed)


def test_upstream(system):
    mixed = Mixed(system, "upstream").start()
    mixed.wait_over(30)
    system.upstream.kill()
    system.upstream.start()
    mixed.finish()
    mixed.check_ends(errors_max=50)
    assert not any(a.error for a in mixed.asked if a.private)
    assert not mixed.cut
    settle(system, mixed)


def test_broker(system):
    mixed = Mixed(system, "broker").start()
    mixed.wait_over(30)
    system.broker.kill()
    system.broker.start()
    mixed.finish()
    mixed.check_ends(errors_max=100)
    assert not mixed.cut
    settle(system, mixed)
