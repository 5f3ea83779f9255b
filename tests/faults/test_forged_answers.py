"""An attacker on the public side who can read and write Kafka (issue 5, hold 3). Both classes are
encrypted, two tenants ask, the workers are away, and no good answer ever comes: whatever a client
is told was the attacker's.

Without the key of the class he gets no word to any client. With the key of the public class he can
answer what the public class received, and nothing else. (test_tamper_replies.py alters genuine
answers; here the attacker writes his own, and answers that are genuine elsewhere.)"""

import base64
import json
import secrets
from concurrent.futures import wait

import pytest

from forge import Absent, finish, finish_run, plain_run, public_key, replace, texts
from harness import Books, Sluice, until

EVIL = ["EVIL ", "words", "."]
OTHER_TENANT = "globex"
DEADLINE_MS = 7_000


@pytest.fixture(scope="module")
def system(broker, tmp_path_factory):
    config = {
        "gateway": {"encrypt": {"private": True}, "limits": {"deadline_ms": DEADLINE_MS}},
        "private": {"encrypt": True},
    }
    other = {"models": ["auto", "tiny", "tiny-cloud"]}
    made = Sluice(tmp_path_factory.mktemp("forged"), broker, config=config,
                  policy={"tenants": {OTHER_TENANT: other}})  # fmt: skip
    made.ctl("keyring", "create", "--class", "private", "--keyring", str(made.keyring_path))
    made.other_key = made.make_key(OTHER_TENANT)
    with made:
        yield made


def outcomes(system) -> dict[str, float]:
    metrics = system.gateway.metrics()
    return {o: metrics.value("sluice_reply_records_total", outcome=o)
            for o in ("taken", "foreign", "duplicate", "corrupt", "unauthentic")}  # fmt: skip


def private_key(system) -> tuple[str, bytes]:
    rows = json.loads(system.keyring_path.read_text())
    (row,) = (row for row in rows if row["class"] == "private")
    return row["kid"], base64.b64decode(row["key"])


def alarms(system) -> int:
    return len(system.gateway.events("reply_refused"))


def ask(between, marker: str, tenant: str = "acme", **options):
    if tenant == OTHER_TENANT:
        options["headers"] = {"Authorization": f"Bearer {between.system.other_key}"}
    return between.ask(marker, **options)


def send(between, request, records, topic: str = "") -> None:
    for headers, body in records:
        between.reply(request, headers, body, topic)


def genuine_answer(system, cls: str) -> list:
    """A whole run of the class that a client was given, as it lies on the topic."""
    word = "Project Falcon" if cls == "private" else "a garden"
    entry = Books(system.gateway.health, system.key).ask(f"About {word} genuine", max_tokens=4)
    assert entry.complete, entry
    (run,) = system.records([f"llm.{cls}.responses.v1"]).runs()[entry.id].values()
    return [(texts(r.raw_headers), r.value) for r in run]


def readdressed(request, record):
    """Somebody else's record made to look as if it answered `request`."""
    headers, body = record
    have = dict(headers)
    headers = replace(headers, "ce_subject", request.subject)
    headers = replace(headers, "ce_id", f"{request.subject}/{have['ce_run']}/{have['ce_seq']}")
    headers = replace(headers, "ce_requestchecksum", request.header("ce_checksum"))
    return finish(headers, body), body


def check_refused(system, asked, genuine, before, refused: dict[str, int], alarmed: int) -> None:
    """No client was told a word, and each forged record was counted, logged and audited."""
    wait(asked.values(), 60)
    for name, future in asked.items():
        entry = future.result(0)
        assert entry.definite_error and not entry.text and not entry.pieces, (name, entry)
        assert entry.error["code"] == "deadline_exceeded", (name, entry)
    now = outcomes(system)
    assert now["taken"] == before["taken"] and now["corrupt"] == before["corrupt"], (before, now)
    wanted = sum(refused.values())
    assert now["unauthentic"] - before["unauthentic"] == wanted, (before, now, refused)
    assert alarms(system) > alarmed  # one line at least: further ones of a second are only counted
    want = {genuine[name].subject: n for name, n in refused.items() if n}

    def audited() -> bool:
        have: dict[str, int] = {}
        for record in system.records(["llm.audit.v1"]).of(event="rejected"):
            id = record.body.get("id")
            have[id] = have.get(id, 0) + 1
        return all(have.get(id) == n for id, n in want.items())

    until(audited, "each refused record is audited under the request it meant", 20, every=0.2)


@pytest.mark.parametrize("cls", ["public", "private"])
def test_without_the_key(system, cls):
    old, other = genuine_answer(system, cls), public_key(system)
    kid = (public_key if cls == "public" else private_key)(system)[0]
    wrong = (kid, secrets.token_bytes(32), cls)
    cases = {
        "plain": lambda r: finish_run(plain_run(r, EVIL), None),
        "wrong-key": lambda r: finish_run(plain_run(r, EVIL), None, wrong),
        "unknown-kid": lambda r: finish_run(plain_run(r, EVIL), None,
                                            ("nobody", secrets.token_bytes(32), cls)),
        "copied": lambda r: old,  # names another request: nobody's
        "readdressed": lambda r: [readdressed(r, record) for record in old],
    }  # fmt: skip
    if cls == "private":  # not without a key, but without the one of this class
        cases["public-kid"] = lambda r: finish_run(plain_run(r, EVIL), None, (*other, "public"))
        cases["public-as-private"] = lambda r: finish_run(plain_run(r, EVIL), None,
                                                          (kid, other[1], "private"))  # fmt: skip
    before, alarmed = outcomes(system), alarms(system)
    with Absent(system, cls) as between:
        asked = {name: ask(between, f"{cls}-{name}", stream=i % 2 == 0)
                 for i, name in enumerate(cases)}  # fmt: skip
        by_marker = between.requests([f"{cls}-{name}" for name in cases])
        genuine = {name: by_marker[f"{cls}-{name}"] for name in cases}
        refused = {}
        for name, make in cases.items():
            records = make(genuine[name])
            send(between, genuine[name], records)
            refused[name] = 0 if name == "copied" else len(records)
        check_refused(system, asked, genuine, before, refused, alarmed)
        assert outcomes(system)["foreign"] - before["foreign"] == len(old)
        between.skip()


def test_with_the_key_only_the_request_itself_is_answered(system):
    """The key of the public class. Every record is sealed as a worker would seal it; what it says
    it answers is wrong."""
    key = public_key(system)
    names = ("cross-request", "cross-tenant", "none", "shifted")
    before, alarmed = outcomes(system), alarms(system)

    def told_of(request, other):
        """A run for `request` that says it answers `other`."""
        sum_of = other.header("ce_checksum") if other else "ab" * 16
        records = [(replace(h, "ce_requestchecksum", sum_of), b)
                   for h, b in plain_run(request, EVIL)]  # fmt: skip
        return finish_run(records, None, key)

    with Absent(system, "public") as between:
        asked = {name: ask(between, f"key-{name}", stream=i % 2 == 0)
                 for i, name in enumerate(names)}  # fmt: skip
        theirs = ask(between, "key-theirs", OTHER_TENANT)
        mine = ask(between, "key-mine")
        by_marker = between.requests([f"key-{n}" for n in (*names, "theirs", "mine")])
        genuine = {name: by_marker[f"key-{name}"] for name in (*names, "theirs", "mine")}
        assert genuine["theirs"].header("ce_tenant") != genuine["mine"].header("ce_tenant")
        runs = {
            "cross-request": told_of(genuine["cross-request"], genuine["mine"]),
            "cross-tenant": told_of(genuine["cross-tenant"], genuine["theirs"]),
            "none": told_of(genuine["none"], None),
            # as it lay on the topic: the checksum of a request that was made anew since
            "shifted": told_of(genuine["shifted"], genuine["cross-request"]),
        }
        for name, records in runs.items():
            send(between, genuine[name], records)
        refused = {name: len(records) for name, records in runs.items()}
        # on another's partition and key, but for the request itself: then it is an answer to it
        until(lambda: outcomes(system)["unauthentic"] - before["unauthentic"]
              == sum(refused.values()), "they are refused")  # fmt: skip
        check_refused(system, asked, genuine, before, refused, alarmed)
        assert theirs.result(30).error and mine.result(30).error
        between.skip()


def test_with_the_key_reordered_and_replayed(system):
    key = public_key(system)
    before = outcomes(system)
    with Absent(system, "public") as between:
        asked = {name: ask(between, f"order-{name}", stream=stream) for name, stream in
                 (("swapped", True), ("swapped-whole", False), ("late-first", True),
                  ("answered", True))}  # fmt: skip
        by_marker = between.requests([f"order-{name}" for name in asked])
        genuine = {name: by_marker[f"order-{name}"] for name in asked}

        def run(name):
            return finish_run(plain_run(genuine[name], EVIL), None, key)

        for name in ("swapped", "swapped-whole"):
            records = run(name)
            send(between, genuine[name], [records[0], records[2], records[1], records[3]])
        records = run("late-first")
        send(between, genuine["late-first"], [*records[1:], records[0]])
        # What he can do, and the proof that these forgeries would be taken: the request itself.
        records = run("answered")
        send(between, genuine["answered"], records)
        assert asked["answered"].result(30).text == "".join(EVIL)
        foreign = outcomes(system)["foreign"]
        send(between, genuine["answered"], records * 2)  # once more: the request is over
        until(lambda: outcomes(system)["foreign"] == foreign + 2 * len(records),
              "a replayed answer is nobody's")  # fmt: skip
        wait(asked.values(), 60)
        for name, allowed in (("swapped", ("", EVIL[0])), ("swapped-whole", ("",)),
                              ("late-first", ("",))):  # fmt: skip
            entry = asked[name].result(0)
            assert entry.definite_error and entry.text in allowed, (name, entry)
        between.skip()
    assert outcomes(system)["unauthentic"] == before["unauthentic"]
    delivered = [r.body for r in system.records(["llm.audit.v1"]).of(event="delivered")
                 if r.subject == genuine["answered"].subject]  # fmt: skip
    assert len(delivered) == 1 and delivered[0]["http_status"] == 200


def test_the_public_key_answers_no_private_request(system):
    key = public_key(system)
    before, alarmed = outcomes(system), alarms(system)
    with Absent(system, "private") as between:
        asked = {name: ask(between, f"inside-{name}", stream=name == "a") for name in ("a", "b")}
        by_marker = between.requests(["inside-a", "inside-b"])
        genuine = {name: by_marker[f"inside-{name}"] for name in asked}
        refused = {}
        for name in asked:
            records = finish_run(plain_run(genuine[name], EVIL), None, key)
            send(between, genuine[name], records, "llm.public.responses.v1")
            send(between, genuine[name], records)
            refused[name] = 2 * len(records)
        check_refused(system, asked, genuine, before, refused, alarmed)
        between.skip()
