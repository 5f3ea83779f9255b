"""What a daemon has given up, how it was built, and that no text of a request or of an upstream
gets into a log, a metric or an error."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import Raw
from harness.paths import BIN
from harness.raw import ask

CHAT = "/v1/chat/completions"
MARK = "qzvmarker7731"
DAEMONS = ("sluice-gateway", "sluice-private-worker", "sluice-public-worker")


def daemon_of(system, program: str):
    return next(d for d in system.daemons if d.program == program)


@pytest.mark.parametrize("program", DAEMONS)
def test_privileges_are_given_up(paced, program):
    daemon = daemon_of(paced, program)
    proc = Path(f"/proc/{daemon.pid}")
    status = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    assert status["Name"] == program[:15]
    assert status["NoNewPrivs"] == "1"
    assert status["Umask"] == "0077"
    limits = (proc / "limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M), limits
    started_as_root = '"event":"runs_as_root"' in daemon.log.read_text()
    assert started_as_root == (os.geteuid() == 0)


@pytest.mark.parametrize("program", [*DAEMONS, "sluice"])
def test_programs_are_built_hard(program):
    """PIE, full RELRO, no executable stack, stack protector, checked libc calls."""

    def readelf(*words: str) -> str:
        done = subprocess.run(["readelf", "-W", *words, str(BIN / program)], check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout

    assert re.search(r"Type: +DYN ", readelf("-h"))
    dynamic = readelf("-d")
    assert re.search(r"FLAGS.*BIND_NOW", dynamic) and re.search(r"FLAGS_1.*NOW.*PIE", dynamic)
    segments = readelf("-l")
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK .* RW +0x", segments)
    assert "RWE" not in segments
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    if "__asan_init" not in symbols and "__tsan_init" not in symbols:
        assert "__memcpy_chk" in symbols and "__snprintf_chk" in symbols


# ---- texts stay out ----


def body(**change) -> bytes:
    base = {"model": "tiny-cloud", "messages": [{"role": "user", "content": f"Tell {MARK}"}]}
    return json.dumps(base | change).encode()


WRONG = [
    b'{"model":"auto","messages":[{"role":"user","content":"' + MARK.encode(),
    body(messages=[{"role": MARK, "content": MARK}]),
    body(messages=MARK),
    body(messages=[{"role": "user", "content": {MARK: MARK}}]),
    body(max_tokens=MARK),
    body(temperature=MARK),
    body(n=2),
    body(response_format={"type": MARK}),
    body(messages=[{"role": "user", "content": MARK + "\ud800"}]),
    b"\xff" + MARK.encode(),
    body(tools=[{"type": MARK}]),
]

FAILURE = {"error": {"message": f"{MARK} was refused", "type": MARK, "code": MARK, "param": MARK}}
UPSTREAM = {
    "400": [("status", (400, {}, FAILURE))],
    "401": [("status", (401, {"WWW-Authenticate": MARK}, FAILURE))],
    "404": [("status", (404, {}, FAILURE))],
    "418": [("status", (418, {}, FAILURE))],
    "no json": [("event", f"{MARK} {{")],
    "error event": [("event", FAILURE)],
    "cut": [("event", {"error": MARK}), ("cut", None)],
}


def seen_by_operators(system) -> dict[str, str]:
    return {d.name: d.log.read_text(errors="replace") + d.get("/metrics")[1]
            for d in system.daemons}  # fmt: skip


def post(system, data: bytes, **headers):
    return ask(system.port, "POST", CHAT, data, Authorization=f"Bearer {system.key}", **headers)


def check_nowhere(system, text: str) -> None:
    assert MARK not in text
    for name, seen in seen_by_operators(system).items():
        assert MARK not in seen, f"{name}: {seen[max(0, seen.find(MARK) - 300):][:600]}"


def test_a_refused_request_is_not_repeated(paced):
    for data in WRONG:
        answer = post(paced, data)
        assert answer.status == 400, (data, answer)
        check_nowhere(paced, answer.body.decode() + str(answer.headers))


def test_a_wrong_key_is_not_repeated(paced):
    answer = ask(paced.port, "POST", CHAT, body(), Authorization=f"Bearer sk-sluice-{MARK}")
    assert answer.status == 401
    check_nowhere(paced, answer.body.decode() + str(answer.headers))


@pytest.mark.parametrize("case", UPSTREAM)
def test_an_upstreams_words_are_not_passed_on(paced, case):
    paced.fake.script = lambda _: UPSTREAM[case]
    answer = post(paced, body())
    assert answer.status >= 400, answer
    paced.fake.wait_asked()
    assert MARK in json.dumps(paced.fake.bodies)  # it did get there
    check_nowhere(paced, answer.body.decode() + str(answer.headers))


def test_a_stream_that_breaks_off_ends_in_our_words(paced):
    """What came before the failure is the answer, and is delivered; the failure's text is not."""
    from harness.upstream import delta_event

    paced.fake.script = lambda _: [("event", delta_event({"content": "fine so far"})),
                                   ("event", FAILURE)]  # fmt: skip
    with Raw(paced.port) as raw:
        raw.request("POST", CHAT, body(stream=True), Authorization=f"Bearer {paced.key}")
        assert raw.head()[0] == 200
        text = b""
        while piece := raw.chunk():
            text += piece
    assert b"fine so far" in text and b'"error"' in text
    check_nowhere(paced, text.decode())
