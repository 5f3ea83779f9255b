"""A client that leaves: the work is cancelled at the worker, at once, and nothing is left over."""

import json

import pytest
from harness import Raw, until

CHAT = "/v1/chat/completions"
RUNS = 8
SECRET = "Confidential: the merger closes in May."


def send(system, stream: bool, text: str = "Hello", **change) -> Raw:
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": text}]}
    raw = Raw(system.port)
    raw.request("POST", CHAT, json.dumps(body | change).encode(),
                Authorization=f"Bearer {system.key}")  # fmt: skip
    return raw


class Counters:
    """What a cancel moves: at the gateway, and at the worker."""

    def __init__(self, gateway, worker):
        self.gateway, self.worker = gateway, worker
        self.before = self.now()

    def now(self):
        gateway, worker = self.gateway.metrics(), self.worker.metrics()
        return (
            gateway.value("sluice_cancels_total"),
            gateway.value("sluice_answers_total", status="gone"),
            worker.value("sluice_cancels_total"),
            worker.value("sluice_runs_ended_total", end="cancelled"),
        )

    def moved(self):
        return tuple(now - then for now, then in zip(self.now(), self.before, strict=True))

    def wait_moved(self, by: int = 1):
        want = tuple(n + by for n in self.before)
        until(lambda: self.now() == want, f"{by} cancels everywhere: {want}", 10)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_before_the_first_byte(paced, stream, reset):
    from conftest import Gate

    silent = paced.fake.script = Gate(first="")
    counters = Counters(paced.gateway, paced.public)
    raw = send(paced, stream)
    paced.fake.wait_asked()
    raw.abort() if reset else raw.close()
    paced.fake.wait_left(seconds=5)
    counters.wait_moved()
    silent.open.set()
    paced.wait_idle()


@pytest.mark.parametrize("reset", [False, True])
def test_in_mid_stream(paced, gate, reset):
    counters = Counters(paced.gateway, paced.public)
    raw = send(paced, True)
    raw.head()
    while b"one" not in raw.chunk():
        pass
    raw.abort() if reset else raw.close()
    paced.fake.wait_left(seconds=5)
    counters.wait_moved()
    paced.wait_idle()


@pytest.mark.parametrize("stream", [False, True])
def test_the_engine_stops(paced, stream):
    """Eight long runs share the engine, and the worker is held still while their clients leave, so
    that the cancels meet runs that are far from their ends. On a machine that is slow to send eight
    requests, the first ones may have ended before: those are no cancels anywhere."""
    gateway, worker = paced.gateway, paced.private
    counters = Counters(gateway, worker)
    taken = worker.metrics().value("sluice_requests_taken_total") + RUNS
    clients = [send(paced, stream, SECRET, max_tokens=4000, temperature=0) for _ in range(RUNS)]
    until(lambda: worker.metrics().value("sluice_requests_taken_total") == taken, "all run")
    worker.freeze()
    try:
        for raw in clients:
            raw.close()
        until(lambda: gateway.metrics().value("sluice_inflight_requests", **{"class": "private"})
              == 0, "the gateway has let them go")  # fmt: skip
    finally:
        worker.thaw()
    until(lambda: worker.metrics().value("sluice_engine_active") == 0, "the slots are free")
    paced.wait_idle()
    until(lambda: counters.moved()[2] == counters.moved()[0], "the worker has read each cancel")
    cancelled, gone, read, stopped = counters.moved()
    assert cancelled == gone == read
    assert 1 <= stopped <= cancelled <= RUNS


def test_an_answer_that_ended_is_not_cancelled(paced):
    counters = Counters(paced.gateway, paced.public)
    raw = send(paced, True)
    assert raw.answer().events()[-1] == "[DONE]"
    raw.abort()
    paced.wait_idle()
    assert counters.now() == counters.before


def test_a_cancelled_request_leaves_one_end_record(paced, gate):
    paced.mark()
    raw = send(paced, True)
    _, headers = raw.head()
    raw.close()
    paced.fake.wait_left(seconds=5)
    paced.wait_idle()
    records = paced.records()
    (run,) = records.complete_runs(headers["x-request-id"])
    assert run.end == "cancelled"
    assert len(records.of(type="cancel", subject=headers["x-request-id"])) == 1
