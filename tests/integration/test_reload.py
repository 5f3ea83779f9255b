"""Policies and keys change under a running gateway; nothing in flight notices."""

import threading

import pytest
from harness import until
from harness.raw import ask
from harness.system import merge

CHAT = "/v1/chat/completions"
BODY = (
    b'{"model":"auto","messages":[{"role":"user","content":"Tell me of herons"}],"max_tokens":4}'
)


def reloads(system, outcome: str) -> float:
    metrics = system.gateway.metrics()
    return metrics.value("sluice_policy_reloads_total", outcome=outcome)


def class_of(system) -> str:
    answer = ask(system.port, "POST", CHAT, BODY, Authorization=f"Bearer {system.key}")
    assert answer.status == 200, answer
    return answer.headers["x-sluice-class"]


def policies(system):
    return system.records(["llm.audit.v1"]).of(type="policy")


@pytest.fixture
def steady(paced):
    """Clients that ask all the time; on leaving, every one of their requests must be whole."""
    books, end = paced.books(), threading.Event()

    def client(n):
        while not end.is_set():
            books.ask(f"steady {n}", stream=n % 2 == 0)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: len(books.complete) > 20, "the clients are under way")
    paced.mark()
    yield books
    end.set()
    for thread in threads:
        thread.join(30)
    paced.write_policy(paced.policy)
    paced.gateway.hup()
    until(lambda: class_of(paced) == "public", "the old policy is in force again")
    assert len(books.complete) == len(books.entries), [
        e for e in books.entries if not e.complete
    ][:3]


@pytest.mark.parametrize("signal", [False, True])
def test_a_new_policy_takes_effect(paced, steady, signal):
    """By change of the file alone, and by SIGHUP; its record with digest and text is published."""
    assert class_of(paced) == "public"
    words = [{"term": "herons", "level": "restricted"}]
    before = len(steady.entries)
    paced.write_policy(merge(paced.policy, {"tenants": {"acme": {"dictionary": words}}}))
    if signal:
        paced.gateway.hup()
    until(lambda: class_of(paced) == "private", "the new word keeps the request inside", 10)
    until(lambda: len(steady.entries) > before + 20, "the clients went on")
    answer = ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {paced.key}")
    published = [r.body for r in policies(paced)]
    named = [p for p in published if p["policy"] == answer.headers["x-sluice-policy"]]
    assert [p for p in named if "herons" in p["text"]]
    (request,) = paced.records().requests()[answer.headers["x-request-id"]]
    assert request.header("ce_policy") == answer.headers["x-sluice-policy"]


@pytest.mark.parametrize(
    "text, place",
    [
        ("version: 1\nmodels: [\n", ":"),
        ("version: 1\nmodels:\n  tiny: {classes: [private]}\nsurprise: 1\n", ":4:"),
        ("version: 1\nmodels:\n  tiny: {classes: [mars]}\n", ":3:"),
        ("", ":"),
    ],
)
def test_a_bad_policy_is_refused_and_the_old_one_stays(paced, steady, text, place):
    refused, lines = reloads(paced, "refused"), len(paced.gateway.events())
    answer = ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {paced.key}")
    digest = answer.headers["x-sluice-policy"]
    paced.write_policy(text)
    paced.gateway.hup()
    until(lambda: reloads(paced, "refused") > refused, "the file was refused", 10)
    answer = ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {paced.key}")
    assert answer.status == 200 and answer.headers["x-sluice-policy"] == digest
    said = [row for row in paced.gateway.events()[lines:] if f"policy.yaml{place}" in str(row)]
    assert said, "the log names file and line"
    assert {r.body["policy"] for r in policies(paced)} <= {digest}


def test_a_revoked_key_is_refused(paced):
    key = paced.make_key("acme")
    row = paced.key_rows()[-1]

    def status() -> int:
        return ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {key}").status

    until(lambda: status() == 200, "the new key is let in", 10)
    paced.ctl("keys", "revoke", row["id"], "--file", str(paced.keys_path))
    until(lambda: status() == 401, "the revoked key is refused", 10)
    assert ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {paced.key}").status == 200


def test_an_expired_key_is_refused(paced):
    key = paced.make_key("acme", "client", "--expires", "2020-01-01T00:00:00Z")
    other = paced.make_key("acme")

    def status(text) -> int:
        return ask(paced.port, "POST", CHAT, BODY, Authorization=f"Bearer {text}").status

    until(lambda: status(other) == 200, "the file is read again", 10)
    assert status(key) == 401


def test_a_damaged_key_file_changes_nothing(paced):
    rows = paced.keys_path.read_text()
    lines = len(paced.gateway.events())
    try:
        paced._put(paced.keys_path, "{not json")
        paced.gateway.hup()
        until(lambda: [e for e in paced.gateway.events()[lines:] if "keys.json" in str(e)],
              "the gateway says that the key file is bad", 10)  # fmt: skip
        assert class_of(paced) == "public"
    finally:
        paced._put(paced.keys_path, rows)
