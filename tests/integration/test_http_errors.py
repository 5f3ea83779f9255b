"""Every row of the HTTP table: status, and an OpenAI error object in every case."""

import json

import pytest
from harness import Raw, until
from harness.raw import ask

CHAT = "/v1/chat/completions"
JSON = {"Content_Type": "application/json"}


def body(**change) -> bytes:
    base = {"model": "auto", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    return json.dumps(base | change).encode()


def post(system, data: bytes, path: str = CHAT, gateway: int = 0, seconds: float = 20, **headers):
    headers = {"Authorization": f"Bearer {system.key}"} | JSON | headers
    return ask(system.gateways[gateway].health, "POST", path, data, seconds, **headers)


def check(answer, status: int, type: str | None = None, code: str | None = None):
    assert answer.status == status, answer
    error = answer.error
    assert type is None or error["type"] == type, error
    assert code is None or error["code"] == code, error
    return error


# ---- 400 ----


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"model":"auto","messages":[{"role":"user","content":"a"}]',
        b"null",
        b"[]",
        b'"text"',
        body() + b"{}",
        body()[:-1] + b',"max_tokens":}',
        b'{"model":"auto","model":"tiny","messages":[{"role":"user","content":"a"}]}',
        b"\x00" + body(),
    ],
)
def test_bad_json(system, data):
    check(post(system, data), 400, "invalid_request_error")


@pytest.mark.parametrize(
    "text", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xe2\x82"]
)
def test_bad_utf8(system, text):
    check(
        post(system, body().replace(b"Hello", b"He" + text + b"lo")), 400, "invalid_request_error"
    )


@pytest.mark.parametrize("text", [b"\\ud800", b"\\udc00\\ud800", b"\\x41", b"a\nb", b"\\u12"])
def test_bad_string_escapes(system, text):
    check(post(system, body().replace(b"Hello", text)), 400, "invalid_request_error")


@pytest.mark.parametrize(
    "change, param",
    [
        ({"messages": "Hello"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "king", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"audio": {"voice": "a"}}, "audio"),
        ({"sideways": True}, "sideways"),
    ],
)
def test_wrong_values_are_named(system, change, param):
    error = check(post(system, body(**change)), 400, "invalid_request_error")
    assert error["param"] == param


def test_nesting_has_an_end(system):
    check(post(system, b"[" * 100_000), 400)
    check(
        post(system, body(metadata=0).replace(b'"metadata": 0', b'"tools": ' + b"[" * 5000)), 400
    )


@pytest.mark.parametrize(
    "head, status",
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
         b"Content-Length: 6\r\n\r\nhello", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-N: 1\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ],
)  # fmt: skip
def test_what_the_http_layer_itself_refuses(system, head, status):
    with Raw(system.port) as raw:
        raw.send(head)
        check(raw.answer(), status)
        assert raw.at_end()


# ---- 401, 403, 404, 405 ----


def test_keys(system):
    for headers in ({}, {"Authorization": ""}):
        answer = ask(system.port, "POST", CHAT, body(), **headers)
        check(answer, 401, "authentication_error", "missing_api_key")
    for value in ("Bearer sk-sluice-wrong", "Bearer ", f"Basic {system.key}", system.key):
        check(
            ask(system.port, "POST", CHAT, body(), Authorization=value),
            401,
            "authentication_error",
        )
    check(ask(system.port, "GET", "/v1/models"), 401, "authentication_error")


def test_the_key_is_checked_before_the_body_is_read(system):
    """The answer comes although not one byte of the body was sent."""
    with Raw(system.port) as raw:
        raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n")
        check(raw.answer(), 401)


def test_json_is_checked_before_the_model(system):
    check(post(system, b'{"model":"none","messages":[{"role":"user","content":}'), 400)


def test_roles(system):
    for role in ("auditor", "operator"):
        key = system.make_key("acme", role)

        def known(key=key):
            answer = post(system, body(), Authorization=f"Bearer {key}")
            return answer if answer.status != 401 else None

        answer = until(known, "the key file is read again")
        check(answer, 403, "permission_error", "role_not_allowed")
    admin = system.make_key("acme", "admin")
    until(
        lambda: post(system, body(), Authorization=f"Bearer {admin}").status == 200, "admin may"
    )


def test_policy_refusals(paced):
    """A tenant without the model, and one whose policy refuses sensitive text on a public model."""
    small, strict = paced.make_key("small"), paced.make_key("strict")
    secret = [{"role": "user", "content": "Confidential: the merger"}]

    def known(key, data):
        answer = post(paced, data, Authorization=f"Bearer {key}")
        return answer if answer.status != 401 else None

    answer = until(lambda: known(small, body(model="tiny")), "the key is known")
    check(answer, 403, "permission_error", "model_not_allowed")
    asked = len(paced.fake.bodies)
    answer = until(lambda: known(strict, body(model="tiny-cloud", messages=secret)), "known")
    check(answer, 403, "permission_error", "sensitivity_violation")
    assert len(paced.fake.bodies) == asked


def test_unknown_model(system):
    error = check(post(system, body(model="gpt-9")), 404, "invalid_request_error")
    assert error["code"] == "model_not_found" and error["param"] == "model"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/chat", "/v1/chat/completions/", "/v1/embeddings"]
)
def test_unknown_path(system, path):
    check(post(system, body(), path), 404, "invalid_request_error")


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("GET", CHAT, "POST"),
        ("PUT", CHAT, "POST"),
        ("DELETE", "/v1/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("POST", "/metrics", "GET"),
    ],
)
def test_wrong_method(system, method, path, allow):
    answer = ask(system.port, method, path, b"{}", Authorization=f"Bearer {system.key}")
    check(answer, 405, "invalid_request_error")
    assert answer.headers["allow"] == allow


# ---- 413 ----


def test_a_body_over_the_limit(system):
    big = body(messages=[{"role": "user", "content": "x" * 1_000_001}])
    check(post(system, big), 413, "invalid_request_error")
    exact = body(messages=[{"role": "user", "content": ""}])
    exact = exact.replace(b'""', b'"' + b" " * (1_000_000 - len(exact)) + b'"')
    assert len(exact) == 1_000_000
    assert post(system, exact).status != 413


@pytest.mark.parametrize("chunked", [False, True])
def test_413_reaches_a_client_that_is_still_sending(system, chunked):
    """A plain blocking client that sends 20 MB before it reads finds the answer."""
    size, piece = 20_000_000, b"x" * 65_536
    with Raw(system.port) as raw:
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                 + system.key.encode() + b"\r\n" + length + b"\r\n\r\n")  # fmt: skip
        for _ in range(size // len(piece)):
            raw.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        check(raw.answer(), 413, "invalid_request_error")


def test_expect_100_is_refused_before_the_body(system):
    with Raw(system.port) as raw:
        raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                 + system.key.encode() + b"\r\nExpect: 100-continue\r\n"
                 b"Content-Length: 20000000\r\n\r\n")  # fmt: skip
        check(raw.answer(), 413)


# ---- slow clients, keep-alive ----


def test_slow_clients_hold_nobody_up(system):
    """Two hundred connections that have sent half a request; another one is answered at once."""
    slow = [Raw(system.port) for _ in range(200)]
    try:
        for raw in slow:
            raw.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuth")
        assert post(system, body(), seconds=5).status == 200
        raw = slow[0]
        raw.send(
            f"orization: Bearer {system.key}\r\nContent-Length: {len(body())}\r\n\r\n".encode()
        )
        for byte in body():
            raw.send(bytes([byte]))
        assert raw.answer().status == 200
    finally:
        for raw in slow:
            raw.close()


def test_a_header_that_never_ends_is_answered_408(system):
    with Raw(system.port, seconds=30) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nHost:")
        check(raw.answer(), 408)
        assert raw.at_end()


def test_keep_alive_after_errors_and_answers(system):
    with Raw(system.port) as raw:
        for data, status in (
            (b"{", 400),
            (body(), 200),
            (body(model="none"), 404),
            (body(), 200),
        ):
            raw.request("POST", CHAT, data, Authorization=f"Bearer {system.key}", **JSON)
            assert raw.answer().status == status


def test_pipelined_requests_are_answered_in_order(system):
    with Raw(system.port) as raw:
        for max_tokens in (1, 2, 3):
            raw.request("POST", CHAT, body(max_tokens=max_tokens, seed=1),
                        Authorization=f"Bearer {system.key}")  # fmt: skip
        counts = [raw.answer().json()["usage"]["completion_tokens"] for _ in range(3)]
        assert counts == [1, 2, 3]


def test_client_request_id_comes_back(system):
    answer = post(system, body(), X_Request_Id="my-own-1")
    assert answer.headers["x-client-request-id"] == "my-own-1"
    assert answer.headers["x-request-id"] != "my-own-1"
    assert answer.json()["id"].endswith(answer.headers["x-request-id"])


def test_health_and_metrics_need_no_key(system):
    assert system.gateway.get("/health")[0] == 200
    assert system.gateway.get("/health/readiness")[0] == 200
    assert system.gateway.metrics().value("sluice_requests_total") > 0


# ---- 429, 503, 504 ----


def test_429_by_the_limit_in_flight(paced, gate):
    from harness.system import merge

    paced.write_policy(merge(paced.policy, {"inflight": {"public": 2}}))
    running: list[Raw] = []
    taken = paced.gateway.metrics().value("sluice_policy_reloads_total", outcome="taken")
    paced.gateway.hup()

    def reloaded():
        now = paced.gateway.metrics().value("sluice_policy_reloads_total", outcome="taken")
        return now > taken

    try:
        until(reloaded, "the policy with the limit is in force")
        running += [Raw(paced.port) for _ in range(2)]
        for raw in running:
            raw.request("POST", CHAT, body(stream=True), Authorization=f"Bearer {paced.key}")
            assert raw.head()[0] == 200
        answer = post(paced, body())
        check(answer, 429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) >= 1
        secret = [{"role": "user", "content": "Confidential: the merger"}]
        assert (
            post(paced, body(messages=secret)).status == 200
        ), "the other class has its own limit"
        gate.open.set()
        until(lambda: post(paced, body()).status == 200, "there is room again")
    finally:
        gate.open.set()
        paced.write_policy(paced.policy)
        paced.gateway.hup()
        for raw in running:
            raw.close()


def test_503_when_no_worker_has_the_model(paced):
    answer = post(paced, body(model="ghost"))
    check(answer, 503, "service_unavailable", "no_worker")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("stream", [False, True])
def test_504_by_the_deadline(paced, stream):
    """The upstream says nothing; gateway 1 gives requests 1.5 s. The work is cancelled."""
    from conftest import Gate

    silent = paced.fake.script = Gate(first="")
    try:
        answer = post(paced, body(stream=stream), gateway=1)
        check(answer, 504, "timeout")
        assert int(answer.headers["retry-after"]) >= 1
        paced.fake.wait_left()
    finally:
        silent.open.set()


def test_the_deadline_in_mid_stream_is_an_error_event(paced, gate):
    with Raw(paced.gateways[1].health) as raw:
        raw.request("POST", CHAT, body(stream=True), Authorization=f"Bearer {paced.key}")
        events = raw.answer().events()
        assert "one " in "".join(events[:-1])
        assert json.loads(events[-1])["error"]["type"] == "timeout"
        assert "[DONE]" not in events
    paced.fake.wait_left()


def test_a_reader_that_stops_reading_does_not_stop_the_others(paced):
    """Its stream is as long as the upstream's; the gateway stays small and answers others."""
    from harness.upstream import say

    long = say(*(["x" * 20_000] * 250))  # 5 MB: more than the kernel's buffers take
    paced.fake.script = lambda body: long if body["max_tokens"] == 9 else say("ok")
    with Raw(paced.port) as raw:
        raw.request(
            "POST", CHAT, body(stream=True, max_tokens=9), Authorization=f"Bearer {paced.key}"
        )
        raw.head()
        for _ in range(5):
            assert post(paced, body(), seconds=5).status == 200
        size = 0
        while piece := raw.chunk():
            size += len(piece)
        assert size > 5_000_000
