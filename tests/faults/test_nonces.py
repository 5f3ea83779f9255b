"""No AES-GCM key and nonce are ever used for two texts (issue 5, hold 6): every encrypted record of
every topic, over kills of each kind of daemon, a broker that goes away (producers send again), a
retry of the same Idempotency-Key, a record that is produced a second time, parked and redriven
requests, and rotations. The last test plants a repeat, so that the search is seen to find one."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from forge import finish, replace, texts
from harness import Broker, Sluice, until
from mixed import Mixed, check_nothing_stuck
from nonces import Nonces, pair_of
from rotation import WORDS, ask_all, in_use, reloads, rotate

KINDS = ("request", "chunk", "presence", "cancel")


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("kafka")).start()
    config = {
        "gateway": {"encrypt": {"private": True}, "limits": {"deadline_ms": 60_000}},
        "private": {"encrypt": True},
    }
    try:
        made = Sluice(tmp_path_factory.mktemp("nonces"), broker, privates=2, config=config)
        made.ctl("keyring", "create", "--class", "private", "--keyring", str(made.keyring_path))
        made.start()
        made.first = dict(made._mark)  # Mixed marks anew; these tests want everything
        yield made
        made.stop()
    finally:
        broker.stop()


def everything(system):
    return system.reader().read(system.first)


def rotate_everywhere(system, cls: str) -> str:
    before = {d.name: reloads(d) for d in system.daemons if d is not system.upstream}
    kid = rotate(system, cls, "3s")
    until(
        lambda: all(reloads(d) > before[d.name] for d in system.daemons if d.name in before),
        "every daemon has the new key", 10,
    )  # fmt: skip
    return kid


def hide_new_key(system, worker):
    """The worker alone goes on with the file of before: its copy, under its own name."""
    own = system.folder / "held-back.json"
    own.write_text(system.keyring_path.read_text())
    own.chmod(0o600)
    text = worker.config.read_text().replace(str(system.keyring_path), str(own))
    worker.config.write_text(text)
    worker.stop()
    worker.start()
    return own


def test_every_pair_is_new(system):
    # crashes: a gateway (its input is read again), a worker of each class; a broker that is away
    mixed = Mixed(system, "crash", n=60, tokens=120).start()
    mixed.wait_over(8)
    mixed.kill_gateway(system.gateway)
    system.gateway.start()
    mixed.wait_over(20)
    for worker in (system.privates[0], system.publics[0]):
        worker.kill()
        worker.start()
    mixed.wait_over(30)
    system.broker.kill()
    system.broker.start()
    mixed.finish()
    mixed.check_ends(errors_max=60)
    system.wait_workers(seconds=40)
    # the same request again, by its key and by its record
    books = system.books()
    for word in WORDS.values():
        again = [books.ask(f"{word} retried", stream=False, headers={"Idempotency-Key": word[:4]})
                 for _ in range(2)]  # fmt: skip
        assert again[0].complete and again[1].text == again[0].text, again
    replayed = everything(system).of(type="request")[-1]
    producer = system.broker.producer()
    producer.produce(replayed.topic, replayed.value, replayed.key,
                     headers=list(replayed.raw_headers))  # fmt: skip
    assert producer.flush(20) == 0
    # rotations of both classes while requests run; then one that a worker hears of too late
    with ThreadPoolExecutor(8) as pool:
        asked = [f for cls in WORDS for f in ask_all(books, cls, f"rotating-{cls}", 6, pool)]
        kids = [rotate_everywhere(system, cls) for cls in WORDS]
        asked += [f for cls in WORDS for f in ask_all(books, cls, f"rotated-{cls}", 6, pool)]
        assert all(f.result(60).complete for f in asked)
        until(lambda: set(kids) <= in_use(system), "the new keys are used", 10)
        asked = [f for cls in WORDS for f in ask_all(books, cls, f"turned-{cls}", 2, pool)]
        assert all(f.result(60).complete for f in asked)
        own = hide_new_key(system, system.publics[0])
        system.wait_workers()
        taken = reloads(system.gateway)
        kids.append(rotate(system, "public"))
        until(lambda: reloads(system.gateway) > taken, "the gateway has the new key", 10)
        parked = ask_all(books, "public", "parked", 6, pool)
        waits = lambda: system.gateway.metrics().value("sluice_parked_requests")  # noqa: E731
        until(lambda: waits() == 6, "they wait", 20)
        system._put(own, system.keyring_path.read_text())
        assert all(f.result(60).complete for f in parked)
    check_nothing_stuck(system)
    records = everything(system)
    nonces = Nonces().add(records)
    assert not nonces.repeated(), nonces.repeated()
    # How many chunks a run has depends on how fast the machine is; one request has three records.
    assert nonces.records > 200 and nonces.copies() > 0, (nonces.records, nonces.copies())
    for cls in WORDS:  # what was looked at is what there is: each kind, each class, each key
        for kind in ("request", "chunk", "presence"):
            assert any(p.cls == cls and kind in p.type for p in nonces.places), (cls, kind)
    seen = {p.kid for p in nonces.places if "request" in p.type}
    assert set(kids) <= seen and len(seen) == 5, (kids, seen)
    assert records.of(event="redriven"), "nothing was redriven"
    plain = [r for t in KINDS for r in records.of(type=t) if pair_of(r) is None]
    assert not plain, plain[:3]


def test_a_planted_repeat_is_found(system):
    """A record with another text under a pair that was used: the search says which and where."""
    chunk = [r for r in everything(system).of(type="chunk") if pair_of(r)][-1]
    request = [r for r in everything(system).of(type="request") if pair_of(r)][-1]
    producer = system.broker.producer()
    for victim in (chunk, request):
        body = secrets.token_bytes(len(victim.value))
        headers = finish(replace(texts(victim.raw_headers), "ce_time", "2026-11-24T12:00:01Z"),
                         body)  # fmt: skip
        topic = victim.topic.replace(".requests.", ".responses.")  # nobody is to run it
        producer.produce(topic, body, victim.key, headers=headers, partition=0)
    assert producer.flush(20) == 0
    repeated = Nonces().add(everything(system)).repeated()
    assert set(repeated) == {pair_of(chunk), pair_of(request)}
    assert all(len(seen) == 2 for seen in repeated.values())
