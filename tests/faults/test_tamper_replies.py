"""Reply records that were altered on their way. The workers are away; the test answers in their
place, first with a bad run, then with a good one, as a second worker would after the first failed.
The client gets the right text or an error, never a word of what was altered."""

import json
import secrets
from concurrent.futures import wait

import pytest

from forge import Absent, finish, finish_run, flip, plain_run, public_key, replace, seal
from harness import Sluice, until

GOOD = ["The ", "gate ", "opens."]
EVIL = "EVIL "


@pytest.fixture(scope="module")
def system(broker, tmp_path_factory):
    config = {"gateway": {"limits": {"deadline_ms": 40_000}}}
    with Sluice(tmp_path_factory.mktemp("replies"), broker, config=config) as running:
        yield running


def anew(headers, body):
    return finish(headers, body), body


def unsealed(request):
    return plain_run(request, ["The ", EVIL, "opens."])


# Each makes of (request, good run as it would stand on the wire, system) what is produced first.
# Then: the outcome that sluice_reply_records_total counts, and whether an audit record tells of it.
def altered(request, run, system):
    headers, body = run[1]
    return [run[0], (headers, flip(body)), *run[2:]]


def truncated(request, run, system):
    headers, body = run[1]
    return [run[0], (headers, body[:-2]), *run[2:]]


def header_changed(request, run, system):
    headers, body = run[1]
    return [run[0], (replace(headers, "ce_time", "2026-11-24T12:00:01Z"), body), *run[2:]]


def reordered(request, run, system):
    return [run[0], run[2], run[1], run[3]]


def missing(request, run, system):
    return [run[0], *run[2:]]


def duplicated(request, run, system):
    return [record for record in run for _ in range(2)]


def of_nobody(request, run, system):
    headers, body = run[1]
    return [(replace(headers, "ce_subject", "0" * 8 + request.subject[8:]), body)]


def of_another_request(request, run, system):
    key = public_key(system) if run[0][0] and "ce_kid" in dict(run[0][0]) else None
    records = [(replace(h, "ce_requestchecksum", "ab" * 16), b) for h, b in unsealed(request)]
    return [seal(h, b, *key) if key else anew(h, b) for h, b in records[:-1]]


def plain(request, run, system):
    return [anew(*record) for record in unsealed(request)[:-1]]


def wrong_key(request, run, system):
    kid, _ = public_key(system)
    return [seal(h, b, kid, secrets.token_bytes(32)) for h, b in unsealed(request)[:-1]]


def resealed_seq(request, run, system):
    """A genuine record moved to another place of its run, checksum made anew."""
    headers, body = run[1]
    have = dict(headers)
    moved = replace(replace(headers, "ce_seq", "0"), "ce_id",
                    f"{request.subject}/{have['ce_run']}/0")  # fmt: skip
    return [anew(moved, body)]


def no_end(request, run, system):
    """An end record with another digest: the run is not what was sent."""
    headers, body = run[3]
    if "ce_kid" in dict(headers):
        return []
    return [*run[:3], anew(replace(headers, "ce_digest", "cd" * 16), body)]


BOTH = {
    "altered": (altered, "corrupt", True),
    "truncated": (truncated, "corrupt", True),
    "header": (header_changed, "corrupt", True),
    "reordered": (reordered, "", False),
    "missing": (missing, "", False),
    "duplicated": (duplicated, "duplicate", False),
    "nobody": (of_nobody, "foreign", False),
    "another": (of_another_request, "unauthentic", True),
}
CASES = {
    "private": BOTH | {"digest": (no_end, "", False)},
    "public": BOTH | {
        "plain": (plain, "unauthentic", True),
        "wrong-key": (wrong_key, "unauthentic", True),
        "moved": (resealed_seq, "unauthentic", True),
    },
}  # fmt: skip


def outcomes(system) -> dict[str, float]:
    metrics = system.gateway.metrics()
    return {o: metrics.value("sluice_reply_records_total", outcome=o)
            for o in ("taken", "foreign", "duplicate", "corrupt", "unauthentic")}  # fmt: skip


def run_of(system, cls, request):
    return finish_run(plain_run(request, GOOD), system if cls == "public" else None)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cls", ["private", "public"])
def test_altered_replies(system, cls, stream):
    before, right = outcomes(system), "".join(GOOD)
    cases = CASES[cls]
    markers = {name: f"{cls}-{name}-{stream}" for name in cases}
    with Absent(system, cls) as between:
        asked = {name: between.ask(marker, stream=stream) for name, marker in markers.items()}
        genuine = between.requests(list(markers.values()))
        wanted = dict.fromkeys(before, 0)
        for name, (make, outcome, _) in cases.items():
            request = genuine[markers[name]]
            bad = make(request, run_of(system, cls, request), system)
            good = run_of(system, cls, request)
            # Both runs have begun before the bad one breaks; the client follows the bad one.
            for headers, body in [*bad[:1], good[0], *bad[1:], *good[1:]]:
                between.reply(request, headers, body)
            if outcome:
                wanted[outcome] += 1
        wait(asked.values(), 40)
        for name, future in asked.items():
            entry = future.result(0)
            assert entry.complete or entry.definite_error, (name, entry)
            assert right.startswith(entry.text), (name, entry)
            assert entry.error or entry.text == right, (name, entry)
            assert entry.complete, (name, entry)  # the good run was there
        between.skip()
    now = outcomes(system)
    for outcome, n in wanted.items():
        assert now[outcome] - before[outcome] >= n, (outcome, before, now)
    want = {genuine[markers[n]].subject for n, (_, _, told) in cases.items() if told}

    def told():
        found = system.records(["llm.audit.v1"]).of(event="rejected")
        return {r.body.get("id") for r in found} >= want

    until(told, "each refused reply is audited", 20, every=0.2)


@pytest.mark.parametrize("cls", ["private", "public"])
def test_only_an_altered_reply(system, cls):
    """No other run is there: an error, with at most the beginning that was right."""
    names = ("altered", "truncated", "header", "reordered", "missing")
    with Absent(system, cls) as between:
        asked = {name: between.ask(f"{cls}-only-{name}") for name in names}
        genuine = between.requests([f"{cls}-only-{name}" for name in names])
        for name in names:
            request = genuine[f"{cls}-only-{name}"]
            for headers, body in CASES[cls][name][0](
                request, run_of(system, cls, request), system
            ):
                between.reply(request, headers, body)
        for name, future in asked.items():
            entry = future.result(40)
            assert entry.definite_error and not entry.done, (name, entry)
            assert entry.text in ("", GOOD[0]), (name, entry)
        between.skip()


def test_reply_of_the_other_class(system):
    """A request of the private class is never answered from the public topics, not even under a
    good key: the answer that the private side gives afterwards is the client's."""
    before = outcomes(system)
    with Absent(system, "private") as between:
        asked = between.ask("other-class")
        request = between.requests(["other-class"])["other-class"]
        for headers, body in finish_run(plain_run(request, [EVIL]), system):
            between.reply(request, headers, body, "llm.public.responses.v1")
        until(
            lambda: outcomes(system)["unauthentic"] >= before["unauthentic"] + 2, "it is refused"
        )
        for headers, body in run_of(system, "private", request):
            between.reply(request, headers, body)
        entry = asked.result(40)
        between.skip()
    assert entry.complete and entry.text == "".join(GOOD), entry
    rejected = system.records(["llm.audit.v1"]).of(event="rejected")
    assert any(json.dumps(r.body).find("llm.public.responses") >= 0 for r in rejected)
