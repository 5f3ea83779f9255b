"""Envelope keys in the running system, both classes encrypted: rotation in the right and in the
wrong order, under load; bad files; tenants' pseudonyms.

Each daemon has a keyring of its own, as on separate hosts; the gateway's is the system's, so that
the tests read every record with it."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import Sluice, until
from mixed import EGRESS, INGRESS, check_nothing_stuck
from rotation import WORDS, ask_all, reloads, rotate

PSEUDONYM_KEY = "a-pseudonym-key-for-the-tests"


@dataclass
class Keys:
    system: Sluice
    worker_files: dict[str, Path]  # by the worker's name

    def ring(self, *args: str, path: Path | None = None) -> str:
        return self.system.ctl(
            "keyring", "--keyring", str(path or self.system.keyring_path), *args
        ).stdout

    def carry(self, cls: str, *names: str) -> None:
        """The gateway's file, or the part of it that is a public worker's, to the workers."""
        for name in names or [n for n in self.worker_files if n.startswith(cls)]:
            to = self.worker_files[name]
            if cls == "public":
                self.ring("export", "--export-public", str(to))
            else:
                new = to.with_suffix(".new")
                shutil.copy(self.system.keyring_path, new)
                new.chmod(0o600)
                new.replace(to)

    def gateway(self, metric: str, cls: str) -> float:
        return self.system.gateway.metrics().value(metric, **{"class": cls})


@pytest.fixture(scope="module")
def keys(broker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    names = ("private-0", "public-0", "public-1")
    files = {name: folder / f"{name}-keys.json" for name in names}
    config = {
        "gateway": {"encrypt": {"private": True, "public": True},
                    "limits": {"deadline_ms": 60_000}},
        "private": {"encrypt": True},
    } | {name: {"keyring": str(path)} for name, path in files.items()}  # fmt: skip
    policy = {"pseudonym_key": "${SLUICE_PSEUDONYM_KEY}"}
    system = Sluice(folder, broker, publics=2, config=config, policy=policy)
    system.gateway.env["SLUICE_PSEUDONYM_KEY"] = PSEUDONYM_KEY
    made = Keys(system, files)
    made.ring("create", "--class", "private")
    for cls in WORDS:
        made.carry(cls)
    with system:
        yield made


def test_the_command(keys, tmp_path):
    """Exit codes and words; key bytes are in no output, files are the owner's alone."""
    ring, public = tmp_path / "ring.json", tmp_path / "public.json"
    said = []

    def run(status: int, *args: str) -> str:
        done = keys.system.ctl("keyring", "--keyring", str(ring), *args, status=status)
        said.append(done.stdout + done.stderr)
        return said[-1]

    assert "can't be opened" in run(2, "rotate", "--class", "public")
    assert "--class" in run(2, "create")
    assert "--class" in run(2, "create", "--class", "secret")
    assert "--life" in run(2, "create", "--class", "public", "--life", "soon")
    assert "kid" in run(2, "create", "--class", "public", "--kid", "a b")
    run(0, "create", "--class", "private")
    assert "no key of class public" in run(2, "export", "--export-public", str(public))
    run(0, "create", "--class", "public", "--kid", "first", "--export-public", str(public))
    assert "rotation" in run(1, "create", "--class", "public")
    run(0, "rotate", "--class", "public", "--kid", "second", "--lead", "1h")
    assert "second" in run(1, "rotate", "--class", "public")
    assert "say create" in run(2, "burn")
    states = [line.split()[0::4] for line in run(0, "list").splitlines()]
    assert [s for s in states if s[0] in ("first", "second")] == [
        ["first", "used"], ["second", "coming"]]  # fmt: skip
    assert [row["kid"] for row in json.loads(public.read_text())] == ["first"]
    for path in (ring, public):
        assert path.stat().st_mode & 0o777 == 0o600
    for row in json.loads(ring.read_text()):
        assert not any(row["key"] in text for text in said)


def test_both_classes_are_ciphertext(keys):
    system = keys.system
    system.mark()
    books = system.books()
    for cls, word in WORDS.items():
        for entry in books.ask_many([f"{word} in-the-clear {i}" for i in range(4)], 4):
            assert entry.complete and entry.cls == cls, entry
    records = system.records()
    assert not records.damaged(), records.damaged()[:3]
    for kind in ("request", "chunk", "presence"):
        for record in records.of(type=kind):
            assert record.header("ce_kid") and b"in-the-clear" not in record.plain_bytes(), record
            assert b"Falcon" not in record.plain_bytes() and b"garden" not in record.value, record
    assert {r.header("ce_kid").split("-")[0] for r in records.of(type="request")} == {
        "test", "private"}  # fmt: skip
    books.check_against(records)


@pytest.mark.parametrize("cls", ["public", "private"])
def test_gateway_first_workers_later(keys, cls):
    """The wrong order: requests wait on the dead-letter topic and are answered after all."""
    system, n = keys.system, 8
    books = system.books()
    system.mark()
    before = keys.gateway("sluice_redriven_total", cls)
    taken = reloads(system.gateway)
    kid = rotate(system, cls)
    until(lambda: reloads(system.gateway) > taken, "the gateway has the new key", 10)
    with ThreadPoolExecutor(16) as pool:
        asked = ask_all(books, cls, f"late-{cls}", n, pool)
        other = "private" if cls == "public" else "public"
        ingress = system.broker.producer()
        body = {"model": "auto", "messages": [
            {"role": "user", "content": f"Tell me about {WORDS[cls]}. late-{cls}-in"}],
            "max_tokens": 8}  # fmt: skip
        ingress.produce(INGRESS, json.dumps(body).encode(), headers={"ce_id": f"late-{cls}-in"})
        assert ingress.flush(20) == 0
        until(lambda: parked(keys, cls, n + 1), "they wait", 20)
        assert not any(a.done() for a in asked)
        for entry in books.ask_many([f"{WORDS[other]} {i}" for i in range(4)], 4, max_tokens=4):
            assert entry.complete, entry  # the other class goes on
        if cls == "public":  # one of two workers has it: the other would park them again
            keys.carry(cls, "public-0")
            until(lambda: announced(system, "public-0", kid) > 1, "one worker has it", 20)
            assert keys.gateway("sluice_redriven_total", cls) == before
            assert keys.gateway("sluice_parked_requests", cls) == n + 1
        keys.carry(cls)
        for future in asked:
            assert future.result(60).complete, future.result()
    answers = until(
        lambda: [r for r in system.records([EGRESS]) if r.header("ce_correlationid")
                 == f"late-{cls}-in"], "the ingress record is answered", 30)  # fmt: skip
    assert len(answers) == 1 and "choices" in answers[0].body, answers
    assert keys.gateway("sluice_redriven_total", cls) == before + n + 1
    until(lambda: keys.gateway("sluice_parked_requests", cls) == 0, "nothing waits", 5)
    check_nothing_stuck(system)
    check_books(system, books, cls, kid, n + 1)


def parked(keys, cls: str, n: int) -> bool:
    """True when so many requests wait; what does, for the message, is printed."""
    have = keys.gateway("sluice_parked_requests", cls)
    print(cls, "parked", have)
    return have == n


def announced(system, worker: str, kid: str) -> int:
    """Presences of the worker that name the key."""
    records = system.records([f"llm.{worker.split('-')[0]}.presence.v1"]).of(subject=worker)
    return sum(kid in r.body.get("kids", []) for r in records if not r.error)


def check_books(system, books, cls: str, kid: str, n: int) -> None:
    records = system.records()
    assert not records.damaged(), records.damaged()[:3]
    letters = [r for r in records if r.topic == f"llm.{cls}.dead-letter.v1"]
    assert len(letters) == n
    assert {r.header("__dlq.errors.code") for r in letters} == {"unknown_key"}
    assert {r.header("ce_kid") for r in letters} == {kid}
    redriven = records.of(event="redriven")
    assert len(redriven) == len({r.subject for r in redriven}) == n
    by_place = {(r.topic, r.partition, r.offset): r for r in records}
    letter_of = {r.header("ce_id"): r for r in letters}
    for event in redriven:
        said = event.body
        again = by_place[said["topic"], said["partition"], said["offset"]]
        assert again.subject == event.subject and again.value == letter_of[event.subject].value
        assert again.header("ce_checksum") == said["checksum"]
        stands = [r for r in records.of(type="request") if r.subject == event.subject]
        assert len(stands) == 2, stands  # the first one, and once more
    said = {}

    def settled() -> bool:
        said.update(system.audit("--all", "--most", "10000", "--settle", "0", status=None))
        rows = {row["id"]: row for row in said["list"]}
        return all(rows.get(e.id, {}).get("results") == 1 for e in books.complete)

    until(settled, "the audit has every result", 20, every=0.5)
    mine = {e.id for e in books.entries} | {r.subject for r in redriven}
    for row in said["list"]:
        if row["id"] in mine:
            assert row["results"] == 1 and not row["faults"], row
    assert len({e.id for e in books.entries}) == len(books.entries)


def test_workers_first_and_at_once(keys):
    """The order that is not mended: a worker uses a key that the gateway lacks. Definite errors and
    alarms, no word of an answer that can't be verified, and all is well when the file arrives."""
    system = keys.system
    books, ahead = system.books(), keys.worker_files["public-0"].with_name("ahead.json")
    shutil.copy(system.keyring_path, ahead)
    keys.ring("rotate", "--class", "public", "--lead", "0", "--overlap", "1h", path=ahead)
    with ThreadPoolExecutor(8) as pool:
        long = [pool.submit(books.ask, f"a garden open {i}", stream=i % 2 == 0, max_tokens=4000)
                for i in range(4)]  # fmt: skip
        for name in ("public-0", "public-1"):
            keys.ring("export", "--export-public", str(keys.worker_files[name]), path=ahead)
        until(lambda: system.gateway.events("presence_refused"), "presences are refused", 20)
        until(lambda: keys.gateway("sluice_live_workers", "public") == 0, "none is live", 20)
        entry = books.ask("a garden now", max_tokens=4)
        assert entry.status == 503 and entry.error["code"] == "no_worker", entry
        assert books.ask("Project Falcon now", max_tokens=4).complete
        for future in long:
            entry = future.result(60)
            assert entry.complete or entry.definite_error, entry
    assert "not in the keyring" in system.gateway.events("presence_refused")[0]["msg"]
    system._put(system.keyring_path, ahead.read_text())
    system.wait_workers()
    for entry in books.ask_many([f"a garden later {i}" for i in range(4)], 4, max_tokens=4):
        assert entry.complete, entry


@pytest.mark.parametrize("cls", ["public", "private"])
def test_rotation_under_load_in_the_right_order(keys, cls):
    """Every file has the new key before its time comes: no request waits, none fails."""
    system = keys.system
    books, stop = system.books(), threading.Event()
    system.mark()
    before = keys.gateway("sluice_redriven_total", cls)

    def load(who: int) -> None:
        i = 0
        while not stop.is_set():
            books.ask(f"{WORDS[cls]} under load {who}-{i}", f"{cls}-{who}-{i}", i % 2 == 0,
                      max_tokens=8)  # fmt: skip
            i += 1

    def under(kid: str) -> int:
        found = system.records([f"llm.{cls}.requests.v1"])
        return sum(r.header("ce_kid") == kid for r in found)

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(load, who) for who in range(4)]
        try:
            until(lambda: len(books.complete) > 20, "the load runs", 30)
            kid = rotate(system, cls, lead="4s")
            keys.carry(cls)
            until(lambda: under(kid) > 20, "the new key is used", 30, every=0.5)
        finally:
            stop.set()
        for job in jobs:
            job.result()
    assert len(books.complete) == len(books.entries) > 60, [
        e for e in books.entries if not e.complete
    ][:3]
    records = system.records()
    assert not records.damaged(), records.damaged()[:3]
    for kind in ("request", "chunk"):
        kids = {r.header("ce_kid") for r in records.of(type=kind) if f".{cls}." in r.topic}
        assert len(kids) == 2 and kid in kids, (kind, kids)
    assert not [r for r in records if r.topic.endswith(".dead-letter.v1")]
    assert keys.gateway("sluice_redriven_total", cls) == before
    books.check_against(records)


def test_a_bad_file_is_refused_and_the_old_one_stays(keys):
    system = keys.system
    books = system.books()
    cases = [
        (system.gateway, system.keyring_path, "reload_refused"),
        (system.private, keys.worker_files["private-0"], "keyring_refused"),
        (system.public, keys.worker_files["public-0"], "keyring_refused"),
    ]
    for daemon, path, event in cases:
        good = path.read_text()
        secret = json.loads(good)[0]["key"]
        bad = [
            (good[:-5], 0o600, str(path)),
            (good, 0o640, "chmod 600"),
            ("[]", 0o600, "no key of"),
            (good.replace("not_after", "never_after"), 0o600, "unknown member"),
        ]
        # The same reader everywhere, so the workers, which look less often, are shown two.
        for text, mode, reason in bad if daemon is system.gateway else bad[:2]:
            refused, lines = reloads(daemon, "refused"), len(daemon.events(event))
            new = path.with_suffix(".new")
            new.touch(0o600)
            new.write_text(text)
            new.chmod(mode)
            new.replace(path)
            until(
                lambda: reloads(daemon, "refused") > refused,  # noqa: B023
                f"{daemon.name} refuses", 10,
            )  # fmt: skip
            said = daemon.events(event)[lines:]
            assert said and reason in said[0]["msg"], said
            for word in WORDS.values():
                assert books.ask(f"{word} all the same", max_tokens=4).complete
        taken = reloads(daemon)
        system._put(path, good)
        until(lambda: reloads(daemon) > taken, f"{daemon.name} reads it", 10)  # noqa: B023
        assert secret not in daemon.log.read_text()
    for word in WORDS.values():
        assert books.ask(f"{word} afterwards", max_tokens=4).complete


def test_pseudonyms_hold_over_restarts(keys):
    """With the operator's key; the tenant's name stands nowhere on the public side."""
    system = keys.system
    books = system.books()
    system.mark()
    assert books.ask("a garden before", max_tokens=4).complete
    system.gateway.stop()
    system.gateway.start()
    system.wait_workers()
    assert books.ask("a garden after", max_tokens=4).complete
    requests = system.records(["llm.public.requests.v1"])
    assert len(requests) == 2
    (name,) = {r.header("ce_tenant") for r in requests}
    assert len(name) == 32 and "acme" not in name
    for record in system.records().public():
        assert b"acme" not in record.plain_bytes(), record
    policies = system.records(["llm.audit.v1"]).of(type="policy")
    assert policies and all(PSEUDONYM_KEY not in json.dumps(r.body) for r in policies)
