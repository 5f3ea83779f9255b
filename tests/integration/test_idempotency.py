"""Idempotency-Key: joins a running request, replays a stored result; another body is 422."""

import json
import threading
import uuid

import pytest
from harness import Raw, until
from harness.raw import ask
from harness.upstream import echo

CHAT = "/v1/chat/completions"


def body(text="Hello there", **change) -> bytes:
    base = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    return json.dumps(base | change).encode()


@pytest.fixture
def headers(paced):
    return {"Authorization": f"Bearer {paced.key}", "Idempotency_Key": str(uuid.uuid4())}


def text_of(answer) -> str:
    assert answer.status == 200, answer
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()["choices"][0]["message"]["content"]
    events = answer.events()
    assert events[-1] == "[DONE]"
    parts = [json.loads(e) for e in events[:-1]]
    return "".join(c["delta"].get("content") or "" for p in parts for c in p["choices"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_stored_result_is_given_again(paced, headers, stream):
    first = ask(paced.port, "POST", CHAT, body(stream=stream), **headers)
    again = ask(paced.port, "POST", CHAT, body(stream=stream), **headers)
    assert text_of(first) == text_of(again) == "Hello there "
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-sluice-idempotent-replay"] == "true"
    assert "x-sluice-idempotent-replay" not in first.headers
    assert again.headers["x-sluice-class"] == first.headers["x-sluice-class"]
    assert len(paced.fake.bodies) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_running_request_is_joined(paced, gate, headers, stream):
    clients = [Raw(paced.port) for _ in range(4)]
    for raw in clients:
        raw.request("POST", CHAT, body(stream=stream), **headers)
    paced.fake.wait_asked()
    # One loop: when a later request was refused, the earlier ones have been taken up.
    assert (
        ask(paced.port, "POST", CHAT, b"{", Authorization=headers["Authorization"]).status == 400
    )
    gate.open.set()
    answers = [raw.answer() for raw in clients]
    for raw in clients:
        raw.close()
    assert [text_of(a) for a in answers] == [gate.text] * 4
    assert len({a.headers["x-request-id"] for a in answers}) == 1
    assert len(paced.fake.bodies) == 1


def test_another_body_is_422(paced, gate, headers):
    """While the first one runs, and when its result is stored."""
    with Raw(paced.port) as raw:
        raw.request("POST", CHAT, body(stream=True), **headers)
        raw.head()
        for moment in ("running", "stored"):
            answer = ask(paced.port, "POST", CHAT, body("Something else"), **headers)
            assert answer.status == 422, moment
            assert answer.error["code"] == "idempotency_conflict"
            gate.open.set()
            while moment == "running" and raw.chunk():
                pass


def test_another_tenant_s_key_is_its_own(paced, headers):
    ask(paced.port, "POST", CHAT, body("Mine"), **headers)
    other = paced.make_key("small")
    theirs = headers | {"Authorization": f"Bearer {other}"}

    def known():
        answer = ask(paced.port, "POST", CHAT, body("Yours", model="tiny-cloud"), **theirs)
        return answer if answer.status != 401 else None

    assert text_of(until(known, "the key is known")) == "Yours "


def test_a_transient_error_frees_the_key(paced, headers):
    """The deadline of gateway 1 ends the first try; the second one runs."""
    port, opened = paced.gateways[1].health, threading.Event()
    paced.fake.script = lambda body: [("wait", opened)]
    try:
        assert ask(port, "POST", CHAT, body(), **headers).status == 504
    finally:
        opened.set()
    paced.fake.script = echo
    assert text_of(ask(port, "POST", CHAT, body(), **headers)) == "Hello there "


def test_the_owner_s_client_leaves_and_asks_again(paced, gate, headers):
    """With a key the work goes on: the client will ask for it."""
    with Raw(paced.port) as raw:
        raw.request("POST", CHAT, body(stream=True), **headers)
        raw.head()
        paced.fake.wait_asked()
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(ask(paced.port, "POST", CHAT, body(stream=True), **headers))
    )
    thread.start()
    gate.open.set()
    thread.join(20)
    assert text_of(answers[0]) == gate.text
    assert len(paced.fake.bodies) == 1 and not paced.fake.left
