"""SIGTERM: what is open is finished, nothing new is taken, the exit status is 0."""

import json
import subprocess

import pytest
from harness import Raw, until

CHAT = "/v1/chat/completions"


def send(system, raw: Raw, text="Hello", stream=True):
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": text}]}
    raw.request("POST", CHAT, json.dumps(body).encode(), Authorization=f"Bearer {system.key}")


@pytest.fixture
def restarted(paced):
    """Whatever the test stops runs again afterwards."""
    yield paced
    for daemon in paced.daemons:
        if not daemon.running():
            daemon.start()
    for gateway in paced.gateways:
        paced.wait_workers(gateway=gateway)


def refused(port: int) -> bool:
    try:
        with Raw(port, 5) as raw:
            raw.request("GET", "/health/readiness")
            return raw.answer().status == 503
    except OSError:
        return True


def test_the_gateway_drains(restarted, gate):
    system = restarted
    with Raw(system.port) as stream, Raw(system.port) as whole, Raw(system.port) as idle:
        idle.request("GET", "/health")
        assert idle.answer().status == 200
        send(system, stream)
        send(system, whole, stream=False)
        assert stream.head()[0] == 200
        system.fake.wait_asked(2)
        system.gateway.term()
        until(lambda: refused(system.port), "new connections are refused", 10)
        # A request on a connection that was open before is refused too, in words or by its end.
        try:
            send(system, idle)
            answer = idle.answer()
            assert answer.status == 503 and answer.error["type"] == "service_unavailable"
        except OSError:
            pass
        # It waits for what is open, well over the 100 ms between two looks of the drain.
        with pytest.raises(subprocess.TimeoutExpired):
            system.gateway.process.wait(1)
        gate.open.set()
        text = b""
        while piece := stream.chunk():
            text += piece
        assert text.endswith(b"data: [DONE]\n\n") and b"three" in text
        answer = whole.answer()
        assert answer.status == 200
        assert answer.json()["choices"][0]["message"]["content"] == gate.text
    assert system.gateway.wait_gone(15) == 0


def test_a_worker_drains(restarted, gate):
    """It finishes what it has; the gateway sends it nothing new."""
    system = restarted
    with Raw(system.port) as stream:
        send(system, stream)
        stream.head()
        system.public.term()

        def told():
            """A request that slips in before the gateway knows ends with that one's deadline."""
            with Raw(system.gateways[1].health) as raw:
                send(system, raw)
                answer = raw.answer()
                late = answer.status == 200 and "timeout" in answer.events()[-1]
                assert late or answer.status in (503, 504), answer
                return answer if answer.status == 503 else None

        answer = until(told, "the gateway knows that the worker takes nothing new", 10)
        assert answer.error["code"] == "no_worker" and int(answer.headers["retry-after"]) >= 1
        assert system.public.running()
        gate.open.set()
        text = b""
        while piece := stream.chunk():
            text += piece
        assert text.endswith(b"data: [DONE]\n\n")
    assert system.public.wait_gone(15) == 0


def test_the_private_worker_drains_and_restarts(restarted):
    """A clean stop commits: nothing is run again after the start."""
    system = restarted
    system.mark()
    books = system.books()
    entries = books.ask_many(["Confidential: note"] * 10, 5)
    assert all(e.complete for e in entries)
    assert system.private.stop() == 0
    system.private.start()
    system.wait_workers()
    assert books.ask("Confidential: note again").complete
    system.wait_idle()
    runs = system.records().runs()
    assert {len(runs[e.id]) for e in books.entries} == {1}
