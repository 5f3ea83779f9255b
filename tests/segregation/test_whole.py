"""The whole of Sluice across the wall: what crosses, what never does, and what the private path
notices when the tunnel is ill. SLUICE_WHOLE_REQUESTS (400; 2,000 in test-long) is how many
are asked, SLUICE_WHOLE_DOWN_S (8; 60) how long the tunnel is down."""

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import until
from inside import MARKER
from netns import UNDERLAY, require
from whole import Site

N = int(os.environ.get("SLUICE_WHOLE_REQUESTS", "400"))
DOWN_S = float(os.environ.get("SLUICE_WHOLE_DOWN_S", "8"))
WORD = MARKER.decode()
PRIVATE, PUBLIC = f"Project Falcon, {WORD}", f"a garden, {WORD}"
AT_ONCE = 8
WINDOWS = 5


@pytest.fixture(scope="module", params=["two-clusters", "one-cluster"])
def site(request, tmp_path_factory):
    require()
    if os.geteuid() != 0:
        pytest.skip("a whole site takes root: run the tests as root, or in unshare -rnm")
    one = request.param == "one-cluster"
    deadline = {"gateway": {"limits": {"deadline_ms": 120_000}}}
    with Site(tmp_path_factory.mktemp(request.param), one, config=deadline) as made:
        yield made


def ask_both(site: Site, n: int) -> None:
    """Every other one private; each is answered whole by its own class."""
    books = site.system.books()
    texts = [f"Say something about {PRIVATE if i % 2 else PUBLIC} {i}" for i in range(n)]
    entries = books.ask_many(texts, AT_ONCE, seconds=120)
    wrong = [e for e in entries if not e.complete]
    assert not wrong, wrong[:3]
    for text, entry in zip(texts, entries, strict=True):
        assert entry.cls == ("private" if "Falcon" in text else "public"), entry
    site.ids = {cls: {e.id for e in entries if e.cls == cls} for cls in ("private", "public")}


def finds(records, *needles: bytes) -> list:
    return [r for r in records if any(needle in r.plain_bytes() for needle in needles)]


def test_nothing_private_crosses(site: Site) -> None:
    """On the underlay: WireGuard alone. On the public topics: ciphertext, no private id, key or
    marker. The search is seen to find: the public requests' marker in the plain bodies, the public
    ids in the headers."""
    system = site.system
    system.mark()
    with site.tunnel.public.task("capture", UNDERLAY) as wire:
        ask_both(site, N)
        system.wait_idle(60)
        seen = wire.end()
    assert seen["missed"] == 0 and seen["marked"] == 0, seen
    assert seen["kinds"].pop("wireguard") > N
    assert set(seen["kinds"]) <= {"arp", "neighbours"}, seen["kinds"]

    records = system.records()
    assert not records.damaged(), records.damaged()[:3]
    public = records.public()
    private_ids = [id.encode() for id in site.ids["private"]]
    assert not finds(public, WORD.encode(), b"Falcon", *private_ids)
    for record in public.of(type="request") + public.of(type="chunk"):
        assert "kid" in record.envelope.headers, record
    bodies = [r for r in public.of(type="request") if WORD.encode() in r.envelope.body]
    assert len(bodies) == len(site.ids["public"])
    assert len(finds(public.of(type="request"), *(i.encode() for i in site.ids["public"]))) == len(
        bodies
    )
    assert not any(b"Falcon" in (r.envelope.body or b"") for r in public)
    if not site.one:
        names = site.shape.public.admin("admin").list_topics(timeout=10).topics
        assert not [n for n in names if n.startswith(("llm.private.", "llm.ingress", "llm.egress"))]


def test_the_books_balance(site: Site) -> None:
    said = site.settled()
    assert said["accepted"] == said["answered"] >= N, said


def median_p50(site: Site, seconds: float, alongside=None) -> float:
    """The private path's p50 of each of WINDOWS windows, one request at a time; their median."""
    books, p50s = site.system.books(), []
    for _ in range(WINDOWS):
        times, end = [], time.monotonic() + seconds / WINDOWS
        while time.monotonic() < end:
            entry = books.ask(f"Say something about {PRIVATE}", stream=False, max_tokens=4)
            assert entry.complete and entry.cls == "private", entry
            times.append(entry.ended - entry.began)
        p50s.append(statistics.median(times))
    return statistics.median(p50s)


def test_the_tunnel_goes_down_under_load(site: Site) -> None:
    """The private path notices nothing; what the public side was asked is answered when the tunnel
    is back, or refused with an error; nothing is lost or doubled."""
    calm = median_p50(site, 3)
    under = site.tunnel.private
    books = site.system.books()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(books.ask, f"Say something about {PUBLIC} down {i}", seconds=120)
            for i in range(40)
        ]
        until(lambda: sum(job.done() for job in jobs) >= 4, "the load runs", 30)
        under.run("ip", "link", "set", UNDERLAY, "down")
        try:
            ill = median_p50(site, DOWN_S)
        finally:
            under.run("ip", "link", "set", UNDERLAY, "up")
            under.wg("up")
        entries = [job.result() for job in jobs]
    assert all(e.complete or e.definite_error for e in entries), entries
    until(lambda: books.ask(f"Say {PUBLIC}", max_tokens=4).complete, "the public path works", 60)
    assert ill <= 1.2 * calm, f"p50 {ill * 1000:.1f} ms, calm {calm * 1000:.1f} ms"
    site.settled()


def test_a_thin_and_leaky_underlay(site: Site) -> None:
    """5 % loss and 10 Mbit/s under the tunnel: the private path as fast, the public one works."""
    calm = median_p50(site, 3)
    side = site.tunnel.private
    loss = "numgen random mod 100 < 5 drop"
    side.run("tc", "qdisc", "add", "dev", UNDERLAY, "root", "tbf", "rate", "10mbit", "burst",
             "32k", "latency", "50ms")  # fmt: skip
    side.run("nft", "add", "table", "inet", "leak")
    hook = "{ type filter hook input priority -20 ; }"
    side.run("nft", "add", "chain", "inet", "leak", "in", hook)
    side.run("nft", "add", "rule", "inet", "leak", "in", "iifname", UNDERLAY, *loss.split())
    books = site.system.books()
    try:
        with ThreadPoolExecutor(4) as pool:
            jobs = [
                pool.submit(books.ask, f"Say something about {PUBLIC} leak {i}", seconds=120)
                for i in range(24)
            ]
            ill = median_p50(site, 5)
            entries = [job.result() for job in jobs]
    finally:
        side.run("nft", "delete", "table", "inet", "leak")
        side.run("tc", "qdisc", "del", "dev", UNDERLAY, "root")
    assert all(e.complete for e in entries), [e for e in entries if not e.complete][:3]
    assert ill <= 1.2 * calm, f"p50 {ill * 1000:.1f} ms, calm {calm * 1000:.1f} ms"
    site.settled()
