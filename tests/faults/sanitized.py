"""The load of test_sanitizers.py: run as a program with SLUICE_TEST_FLAVOR set, since the harness
takes its flavour from there.

    SLUICE_TEST_FLAVOR=asan python tests/faults/sanitized.py FOLDER REQUESTS LOOPS

Both classes, HTTP and ingress, streams and whole, clients that leave, bad input; then SIGTERM. Ends
with 0 when every daemon ended with 0 and no sanitizer said anything."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "integration"), str(TESTS / "faults")]

from harness import Broker, Raw, Sluice  # noqa: E402
from mixed import INGRESS, Mixed, check_nothing_stuck  # noqa: E402

PATH = "/v1/chat/completions"
BAD = [b"", b"{", b"[]", b'{"model":"auto"}', b"\xff\xfe", b'{"model":"auto","messages":[]}',
       b'{"model":"nobody","messages":[{"role":"user","content":"x"}]}',
       b'{"messages":7}']  # fmt: skip


def leave(system: Sluice, i: int) -> None:
    """A client that goes away: before the first byte, or after some of the answer."""
    text = "Project Falcon" if i % 2 else "a garden"
    body = {"model": "auto", "messages": [{"role": "user", "content": f"{text} {i}"}],
            "stream": i % 3 != 0, "max_tokens": 400}  # fmt: skip
    with Raw(system.port) as raw:
        raw.request("POST", PATH, json.dumps(body).encode(), Authorization=f"Bearer {system.key}",
                    Content_Type="application/json")  # fmt: skip
        if i % 4 == 0:
            raw.head()
        raw.abort()


def bad(system: Sluice, i: int) -> None:
    with Raw(system.port) as raw:
        raw.request("POST", PATH, BAD[i % len(BAD)], Authorization=f"Bearer {system.key}",
                    Content_Type="application/json")  # fmt: skip
        assert 400 <= raw.answer().status < 500


def bad_ingress(system: Sluice, n: int) -> None:
    producer = system.broker.producer()
    for i in range(n):
        producer.produce(INGRESS, BAD[i % len(BAD)], headers={"ce_id": f"bad-{i}"})
    for topic in ("llm.private.requests.v1", "llm.public.requests.v1"):
        producer.produce(topic, b"junk", headers={"ce_type": "io.sluice.request.v1"})
    assert producer.flush(60) == 0


def load(system: Sluice, requests: int) -> None:
    mixed = Mixed(system, "sanitized", n=requests * 7 // 10, at_once=16, tokens=24).start()
    with ThreadPoolExecutor(8) as pool:
        left = requests - len(mixed.asked)
        jobs = [pool.submit(bad if i % 2 else leave, system, i) for i in range(left)]
        bad_ingress(system, 20)
        for job in jobs:
            job.result()
    mixed.finish(400)
    mixed.check_ends()
    assert not mixed.cut
    check_nothing_stuck(system)


def main() -> int:
    folder, requests, loops = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    broker = Broker(folder / "kafka").start()
    try:
        system = Sluice(folder / "system", broker, config={"gateway": {"loops": loops}})
        with system:
            load(system, requests)
        for daemon in system.daemons:
            assert daemon.process.returncode == 0, (daemon.name, daemon.process.returncode)
            daemon.check_reports()
    finally:
        broker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
