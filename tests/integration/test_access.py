"""Who may do what: rights and limits of API keys on a running system, as an attacker would try."""

import json
import socket
import ssl
import subprocess
import time

import openai
import pytest
from harness import Raw, until
from harness.daemon import Daemon
from harness.ports import free_port
from harness.raw import ask

from test_schemas import accepts

CHAT = "/v1/chat/completions"
SECRET = "Confidential: the merger"
ELSEWHERE = "127.0.0.9"  # an attacker's address, so that the other tests' address stays clean


def body(text: str = "Tell me of herons", **change) -> bytes:
    base = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 4}
    return json.dumps(base | change).encode()


def post(system, key: str, data: bytes | None = None, **headers):
    return ask(system.port, "POST", CHAT, data or body(), Authorization=f"Bearer {key}", **headers)


def get(system, path: str, key: str | None = None, port: int | None = None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return ask(port or system.port, "GET", path, **headers)


def make_key(system, role: str = "client", *more: str, tenant: str = "acme") -> str:
    """A key that the gateway knows already."""
    key = system.make_key(tenant, role, *more)
    until(lambda: get(system, "/v1/models", key).status != 401, "the new key is known", 10)
    return key


def id_of(system) -> str:
    """Of the key that was made last."""
    return max(system.key_rows(), key=lambda row: row["created"])["id"]


def refused(answer, status: int, code: str):
    assert answer.status == status, answer
    assert answer.error["code"] == code, answer.error
    return answer


# ---- what clients say of themselves ----

IDENTITY = [
    "X-Sluice-Tenant", "X-Sluice-Class", "X-Sluice-Level", "X-Sluice-Role", "X-Sluice-Policy",
    "X-Tenant", "X-Tenant-Id", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-For",
    "X-Remote-User", "X-Auth-Request-User", "X-User-Id", "X-Client-Cert", "X-SSL-Client-CN",
    "X-Real-IP", "Forwarded", "OpenAI-Organization", "OpenAI-Project", "Cookie", "X-API-Key",
    "ce-tenant", "ce-class", "ce-level", "ce-correlationid", "Baggage", "X-Session-Id",
    "User-Agent", "From", "Proxy-Authorization",
]  # fmt: skip


@pytest.mark.parametrize("text", ["Tell me of herons", SECRET])
def test_identity_headers_end_at_the_door(paced, text):
    """Not one of them, by name or by value, is on any topic, at the upstream or in the answer."""
    paced.mark()
    mark = "zebra-7f3a"
    key = make_key(paced)
    headers = {name.replace("-", "_"): f"{mark} acme2" for name in IDENTITY}
    answer = post(paced, key, body(text), **headers)
    assert answer.status == 200
    assert answer.headers["x-sluice-class"] == ("public" if "herons" in text else "private")
    assert mark not in str(answer.headers) and mark.encode() not in answer.body
    records = until(
        lambda: (r := paced.records()).of(event="delivered", subject=answer.headers["x-request-id"])
        and r, "the answer is in the books")  # fmt: skip
    assert records.requests()[answer.headers["x-request-id"]]
    for record in records:
        plain = record.envelope.body if record.envelope else b""
        assert mark.encode() not in record.plain_bytes() + (plain or b""), record
        names = {name.decode().lower() for name, _ in record.raw_headers}
        assert not names & {name.lower() for name in IDENTITY}, record
    assert mark not in str(paced.fake.headers) + str(paced.fake.bodies)
    kept = {"user-agent"}  # the worker's own
    sent = {name.lower() for row in paced.fake.headers for name in row} - kept
    assert not sent & {name.lower() for name in IDENTITY}


# ---- levels and models ----


def test_a_level_above_the_keys_is_refused_and_written_nowhere(paced):
    key = make_key(paced, "client", "--max-level", "internal")
    paced.mark()
    ids = [
        refused(post(paced, key, body(SECRET, stream=stream)), 403, "level_not_allowed").headers[
            "x-request-id"
        ]
        for stream in (False, True)
    ]
    fine = post(paced, key)
    assert fine.status == 200
    records = until(
        lambda: (r := paced.records()).of(event="delivered", subject=fine.headers["x-request-id"])
        and r, "the one that was let in is in the books")  # fmt: skip
    for refused_id in ids:
        assert not records.of(subject=refused_id)
        assert not [r for r in records if refused_id.encode() in r.plain_bytes()]
    assert post(paced, paced.key, body(SECRET)).status == 200


def test_models_of_a_key(paced):
    key = make_key(paced, "client", "--models", "auto,tiny")
    only = make_key(paced, "client", "--models", "tiny-cloud")

    def models(who):
        return [row["id"] for row in get(paced, "/v1/models", who).json()["data"]]

    assert models(key) == ["auto", "tiny"]
    assert models(only) == ["tiny-cloud"]
    assert set(models(paced.key)) == {"auto", "tiny", "tiny-cloud", "ghost"}
    client = openai.OpenAI(base_url=f"{paced.url}/v1", api_key=key, max_retries=0)
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("tiny-cloud")
    refused(post(paced, key, body(model="tiny-cloud")), 403, "model_not_allowed")
    refused(post(paced, only), 403, "model_not_allowed")
    asked = len(paced.fake.bodies)
    refused(post(paced, only, body(SECRET, model="tiny-cloud")), 403, "model_not_allowed")
    assert len(paced.fake.bodies) == asked
    assert post(paced, only, body(model="tiny-cloud")).status == 200


# ---- limits ----


def test_requests_a_minute_as_the_openai_client_sees_them(paced):
    key = make_key(paced, "client", "--requests-per-minute", "2")
    client = openai.OpenAI(base_url=f"{paced.url}/v1", api_key=key, max_retries=0)
    messages = [{"role": "user", "content": "Hello"}]
    for left in ("1", "0"):
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=messages)
        assert raw.headers["x-ratelimit-limit-requests"] == "2"
        assert raw.headers["x-ratelimit-remaining-requests"] == left
        assert raw.headers["x-ratelimit-reset-requests"].endswith("s")
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="auto", messages=messages)
    assert caught.value.code == "rate_limit_exceeded" and caught.value.type == "requests"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30
    assert post(paced, paced.key).status == 200, "the other key of the tenant has its own"


def test_tokens_a_minute_are_settled_by_what_was_used(paced):
    key = make_key(paced, "client", "--tokens-per-minute", "2000")
    first = post(paced, key, body(max_tokens=1500))
    left = int(first.headers["x-ratelimit-remaining-tokens"])
    assert 400 < left < 500  # thought of: max_tokens and the body
    used = first.json()["usage"]["total_tokens"]
    second = post(paced, key, body(max_tokens=1500))
    assert second.status == 200, "the first one used a few only"
    assert left - used - 2 <= int(second.headers["x-ratelimit-remaining-tokens"]) <= left + 20
    answer = refused(post(paced, key, body(max_tokens=2000)), 429, "rate_limit_exceeded")
    assert answer.error["type"] == "tokens"


def test_a_client_that_leaves_pays_for_what_it_heard(paced, gate):
    """Leaving in the middle is no way to free tokens, and gives its place back."""
    key = make_key(paced, "client", "--tokens-per-minute", "1000", "--concurrency", "1")
    gate.first = "word " * 400
    with Raw(paced.port) as raw:
        raw.request("POST", CHAT, body(stream=True), Authorization=f"Bearer {key}")
        raw.head()
        size = 0
        while size < 2000:
            size += len(raw.chunk())
    gate.open.set()

    def left():
        answer = post(paced, key)
        return answer.status == 200 and int(answer.headers["x-ratelimit-remaining-tokens"])

    assert until(left, "the place is free again", 10) < 600


def test_requests_at_one_time(paced, gate):
    key = make_key(paced, "client", "--concurrency", "2")
    running = [Raw(paced.port) for _ in range(2)]
    try:
        for raw in running:
            raw.request("POST", CHAT, body(stream=True), Authorization=f"Bearer {key}")
            status = raw.head()[0]
            assert status == 200, raw.buffer
        answer = refused(post(paced, key), 429, "concurrency_limit_exceeded")
        assert int(answer.headers["retry-after"]) >= 1
        gate.open.set()
        assert post(paced, paced.key).status == 200
        until(lambda: post(paced, key).status == 200, "there is room again")
    finally:
        gate.open.set()
        for raw in running:
            raw.close()


# ---- the key file ----


def test_a_revoked_key_is_refused_within_a_second(paced):
    key = make_key(paced)
    row = id_of(paced)
    assert post(paced, key).status == 200
    paced.ctl("keys", "revoke", row, "--file", str(paced.keys_path))
    start = time.monotonic()
    while post(paced, key).status != 401:
        assert time.monotonic() - start < 1.0
    assert all(post(paced, key).status == 401 for _ in range(20))


@pytest.mark.parametrize(
    "change, line, word",
    [
        (lambda row: row | {"max_level": "secret"}, 4, "max_level"),
        (lambda row: row | {"requests_per_minute": -1}, 4, "requests_per_minute"),
        (lambda row: row | {"tokens_per_minut": 5}, 4, "a name that this version does not know"),
        (lambda row: row | {"role": "root"}, 4, "role"),
        (lambda row: {}, 4, "id"),
    ],
)
def test_a_wrong_file_is_refused_by_its_line(paced, change, line, word):
    rows, before = paced.keys_path.read_text(), len(paced.gateway.events())
    parsed = json.loads(rows)["keys"]
    wrong = [json.dumps(parsed[0]), json.dumps(change(parsed[1]))]
    metric = "sluice_key_reloads_total"
    count = paced.gateway.metrics().value(metric, outcome="refused")
    try:
        paced._put(paced.keys_path, '{"keys": [\n\n' + ",\n".join(wrong) + "]}\n")
        until(lambda: paced.gateway.metrics().value(metric, outcome="refused") > count, "refused")
        said = [e for e in paced.gateway.events()[before:] if e["event"] == "reload_refused"]
        assert said and f"keys.json:{line}: keys[1]" in str(said) and word in str(said), said
        assert post(paced, paced.key).status == 200, "the old keys stay"
    finally:
        paced._put(paced.keys_path, rows)


def test_rights_as_the_command_makes_and_shows_them(paced, tmp_path):
    file = str(tmp_path / "keys.json")
    paced.ctl("keys", "create", "--file", file, "--tenant", "t", "--models", "auto,a/b",
              "--max-level", "internal", "--requests-per-minute", "60", "--tokens-per-minute",
              "9000", "--concurrency", "4", "--certificate", "app-1")  # fmt: skip
    paced.ctl("keys", "create", "--file", file, "--tenant", "t", "--role", "auditor")
    text = (tmp_path / "keys.json").read_text()
    assert "sk-sluice-" not in text, "hashes alone"
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in
            paced.ctl("keys", "list", "--file", file, "--json").stdout.splitlines()]  # fmt: skip
    full = next(row for row in rows if row["role"] == "client")
    assert full["models"] == ["auto", "a/b"] and full["max_level"] == "internal"
    assert (full["requests_per_minute"], full["tokens_per_minute"]) == (60, 9000)
    assert (full["concurrency"], full["certificate"], full["state"]) == (4, "app-1", "valid")
    assert "models=auto,a/b" in paced.ctl("keys", "list", "--file", file).stdout
    for wrong in (["--models", "a,,b"], ["--max-level", "secret"], ["--concurrency", "-1"],
                  ["--requests-per-minute", "2000000000"], ["--certificate", "a b"],
                  ["--role", "root"]):  # fmt: skip
        paced.ctl("keys", "create", "--file", file, "--tenant", "t", *wrong, status=2)
    assert len(json.loads((tmp_path / "keys.json").read_text())["keys"]) == 2


# ---- roles ----


def test_roles_at_the_admin_doors(paced):
    keys = {role: make_key(paced, role) for role in ("client", "operator", "auditor", "admin")}
    for path in ("/admin/keys", "/admin/policy"):
        assert get(paced, path).status == 401
        refused(get(paced, path, keys["client"]), 403, "role_not_allowed")
        for role in ("operator", "auditor", "admin"):
            assert get(paced, path, keys[role]).status == 200
    for role in ("operator", "auditor"):
        refused(post(paced, keys[role]), 403, "role_not_allowed")
    listed = get(paced, "/admin/keys", keys["auditor"]).body
    assert b"hash" not in listed and b"sk-sluice" not in listed
    assert len(json.loads(listed)["keys"]) == len(paced.key_rows())
    assert accepts("KeyList", json.loads(listed))
    assert accepts("Policy", get(paced, "/admin/policy", keys["admin"]).json())
    digest = post(paced, keys["admin"]).headers["x-sluice-policy"]
    assert get(paced, "/admin/policy", keys["operator"]).json()["policy"] == digest

    def reload(role):
        auth = {"Authorization": f"Bearer {keys[role]}"} if role else {}
        return ask(paced.port, "POST", "/admin/reload", b"", **auth)

    metric = "sluice_key_reloads_total"
    before = paced.gateway.metrics().value(metric, outcome="taken")
    assert reload(None).status == 401
    refused(reload("client"), 403, "role_not_allowed")
    refused(reload("auditor"), 403, "role_not_allowed")
    assert reload("operator").status == 202
    until(lambda: paced.gateway.metrics().value(metric, outcome="taken") > before, "it is read")


# ---- wrong keys ----


def guess(system, key: str, source: str = ELSEWHERE) -> tuple[int, int]:
    """Status and Retry-After of one request from another address of this machine."""
    sock = socket.create_connection(("127.0.0.1", system.port), 10, (source, 0))
    with sock:
        sock.sendall(f"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                     f"Authorization: Bearer {key}\r\n\r\n".encode())  # fmt: skip
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head = data.split(b"\r\n\r\n")[0].decode().lower()
    after = head.partition("retry-after: ")[2].split("\r\n")[0]
    return int(head.split()[1]), int(after or 0)


def test_guessing_is_slowed_down_and_others_notice_nothing(paced):
    """4 s of guessing as fast as it goes: a handful of keys is judged, whatever the number sent."""
    judged = paused = 0
    worst = 0.0
    fresh = make_key(paced)  # never used from the attacker's address
    end = time.monotonic() + 4
    while time.monotonic() < end:
        status, after = guess(paced, f"sk-sluice-{judged + paused}")
        judged += status == 401
        paused += status == 429
        assert status in (401, 429) and (status == 401) == (after == 0)
        if (judged + paused) % 50 == 0:
            start = time.monotonic()
            assert post(paced, paced.key).status == 200
            worst = max(worst, time.monotonic() - start)
    # 8 for nothing, then one each 0.25, 0.5, 1, 2, 4 s
    assert 8 < judged <= 8 + 6, (judged, paused)
    assert paused > 100
    assert worst < 2, "another address is served meanwhile"
    assert guess(paced, fresh)[0] == 429, "in a pause a right key is told nothing either"
    assert guess(paced, fresh, "127.0.0.1")[0] == 200
    assert paced.gateway.metrics().value("sluice_auth_pauses_total") >= 4
    said = [e for e in paced.gateway.events() if e["event"] == "auth_pause"]
    assert said and ELSEWHERE in str(said[-1]) and "sk-sluice" not in str(said)


# ---- client certificates ----


class Ca:
    """A certificate authority on the openssl command line, with what it issued."""

    def __init__(self, folder, name):
        self.folder, self.name, self.serial = folder, name, 0
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"), "-days", "2",
                  "-subj", f"/CN={name}")  # fmt: skip

    def path(self, file) -> str:
        return str(self.folder / f"{self.name}-{file}")

    @staticmethod
    def _run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def issue(self, cn: str, usage: str, subject: str | None = None) -> tuple[str, str]:
        self.serial += 1
        key, csr, pem, ext = (self.path(f"{cn}-{self.serial}.{e}") for e in
                              ("key", "csr", "pem", "ext"))  # fmt: skip
        with open(ext, "w") as out:
            out.write(f"extendedKeyUsage={usage}\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", key, "-out", csr, "-subj", subject or f"/CN={cn}")  # fmt: skip
        self._run("x509", "-req", "-in", csr, "-CA", self.path("ca.pem"), "-CAkey",
                  self.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", ext,
                  "-out", pem)  # fmt: skip
        return pem, key


@pytest.fixture(scope="module")
def mtls(paced_system, tmp_path_factory):
    """A third gateway: TLS, client certificates asked for and not required."""
    folder = tmp_path_factory.mktemp("mtls")
    ca = Ca(folder, "ours")
    cert, key = ca.issue("localhost", "serverAuth")
    port, admin = free_port(), free_port()
    config = paced_system._config("gateway-tls", "gateway-tls", {
        "instance": 2, "http": {"listen": f"127.0.0.1:{port}", "tls_cert": cert, "tls_key": key,
                                "tls_client_ca": ca.path("ca.pem"), "tls_client_auth": "optional"},
        "admin": {"listen": f"127.0.0.1:{admin}"}, "ingress": {"topics": []},
        "bus": {"private": {"bootstrap": paced_system.broker.address}},
        "keyring": str(paced_system.keyring_path), "policy": str(paced_system.policy_path),
        "keys": str(paced_system.keys_path),
    })  # fmt: skip
    daemon = Daemon("gateway-tls", "sluice-gateway", config, admin, paced_system.folder)
    daemon.start()
    paced_system.wait_workers(gateway=daemon)
    daemon.ca, daemon.tls_port = ca, port
    yield daemon
    daemon.stop()
    daemon.check_reports()


def tls_ask(mtls, identity=None, key: str | None = None, path: str = "/v1/models") -> int:
    """The status; raises OSError where the handshake or the connection is refused."""
    context = ssl.create_default_context(cafile=mtls.ca.path("ca.pem"))
    if identity:
        context.load_cert_chain(*identity)
    with socket.create_connection(("127.0.0.1", mtls.tls_port), 10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            auth = f"Authorization: Bearer {key}\r\n" if key else ""
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n"
                         .encode())  # fmt: skip
            data = b""
            while piece := sock.recv(65536):
                data += piece
    if not data:
        raise ConnectionResetError("no answer")
    return int(data.split()[1])


def test_a_certificate_stands_for_its_key(paced, mtls):
    app, other = mtls.ca.issue("app-1", "clientAuth"), mtls.ca.issue("app-2", "clientAuth")
    assert tls_ask(mtls, app) == 401, "no key names it yet"
    bound = paced.make_key("acme", "client", "--certificate", "app-1")
    row = id_of(paced)
    until(lambda: tls_ask(mtls, app) == 200, "the certificate is enough", 10)
    assert tls_ask(mtls, app, bound) == 200
    assert tls_ask(mtls, None, bound) == 401, "a stolen key without its certificate"
    assert tls_ask(mtls, other, bound) == 401
    assert tls_ask(mtls, other) == 401
    assert tls_ask(mtls, None, paced.key) == 200, "keys that are not bound work as ever"
    assert tls_ask(mtls, app, "sk-sluice-wrong") == 401
    # names that only look like it
    for subject in ("/CN=app-1/CN=app-2", "/CN=app-2/CN=app-1", "/CN=app-1 ", "/CN=APP-1",
                    "/O=app-1", "/CN=app-2/OU=app-1"):  # fmt: skip
        assert tls_ask(mtls, mtls.ca.issue("odd", "clientAuth", subject)) == 401, subject
    paced.ctl("keys", "revoke", row, "--file", str(paced.keys_path))
    start = time.monotonic()
    while tls_ask(mtls, app) != 401:
        assert time.monotonic() - start < 1.0


def test_certificates_of_others_are_refused(paced, mtls, tmp_path):
    stranger = Ca(tmp_path, "stranger")
    forged = stranger.issue("app-3", "clientAuth")
    server_only = mtls.ca.issue("app-3", "serverAuth")
    paced.make_key("acme", "client", "--certificate", "app-3")
    honest = mtls.ca.issue("app-3", "clientAuth")
    until(lambda: tls_ask(mtls, honest) == 200, "the right one is let in", 10)
    for identity in (forged, server_only):
        with pytest.raises(OSError):
            tls_ask(mtls, identity)
        with pytest.raises(OSError):
            tls_ask(mtls, identity, paced.key)


def test_the_authority_is_read_again(paced, mtls, tmp_path):
    """The file of authorities is exchanged under the gateway: new ones count, old ones end."""
    second = Ca(tmp_path, "second")
    old, new = mtls.ca.issue("app-4", "clientAuth"), second.issue("app-4", "clientAuth")
    paced.make_key("acme", "client", "--certificate", "app-4")
    until(lambda: tls_ask(mtls, old) == 200, "it is let in", 10)
    path = mtls.ca.path("ca.pem")
    with open(path) as file:
        first_text = file.read()
    with open(second.path("ca.pem")) as file:
        second_text = file.read()

    def works(identity):
        try:
            return tls_ask(mtls, identity) == 200
        except OSError:
            return False

    server = mtls.ca.path("server-ca.pem")  # what this client trusts stays
    with open(server, "w") as out:
        out.write(first_text)
    mtls.ca.path = lambda file, _p=mtls.ca.path: server if file == "ca.pem" else _p(file)
    try:
        for text, old_works, new_works in ((first_text + second_text, True, True),
                                           (second_text, False, True)):  # fmt: skip
            with open(path, "w") as out:
                out.write(text)
            mtls.hup()
            until(lambda: (works(old), works(new)) == (old_works, new_works), "it counts", 10)
    finally:
        del mtls.ca.path
        with open(path, "w") as out:
            out.write(first_text)
        mtls.hup()
    until(lambda: works(old) and not works(new), "all is as before", 10)
