"""The sluice command against a running system: what it prints, and its exit status."""

import json
import re
import stat
import threading
from datetime import datetime, timezone

import pytest
from harness import MODEL

COMMANDS = ("send", "topics", "keys", "classify", "run", "audit", "bench")
DONE, NO, USAGE, UNREACHABLE = 0, 1, 2, 3


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_wrong_usage(system, command):
    done = system.ctl(command, "--help")
    assert done.stdout.startswith(f"Usage: sluice {command}") and not done.stderr
    done = system.ctl(command, "--sideways", status=USAGE)
    assert "sideways" in done.stderr and not done.stdout


def test_no_command_and_an_unknown_one(system):
    assert system.ctl("--help").stdout.startswith("Usage: sluice COMMAND")
    assert "fly" in system.ctl("fly", status=USAGE).stderr
    system.ctl(status=USAGE)


def test_send(system):
    done = system.ctl("send", "--max-tokens", "8", "What is a sluice?")
    assert done.stdout.strip()
    same = [
        system.ctl(
            "send",
            "--stream",
            "--max-tokens",
            "8",
            "--temperature",
            "0",
            "Confidential: the merger",
        ).stdout
        for _ in range(2)
    ]
    assert same[0] == same[1] != ""
    answer = json.loads(system.ctl("send", "--json", "--max-tokens", "4", "Hello").stdout)
    assert answer["object"] == "chat.completion"


def test_send_explains(system):
    done = system.ctl(
        "send", "--stream", "--explain", "--max-tokens", "8", "Card 4111 1111 1111 1111, please"
    )
    text = done.stdout + done.stderr
    assert re.search(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-", text)
    for word in ("private", "restricted", "CREDIT_CARD"):
        assert word in text, text
    assert "4111 1111" not in text


def test_send_says_what_is_wrong(system):
    wrong = system.ctl("send", "--key", "sk-sluice-wrong", "Hello", status=NO)
    assert "key" in wrong.stderr.lower()
    system.ctl("send", "--model", "gpt-9", "Hello", status=NO)
    system.ctl("send", "--url", "http://127.0.0.1:1", "Hello", status=UNREACHABLE)
    system.ctl("send", status=USAGE)


def test_topics(system):
    config = str(system.gateway.config)
    again = system.ctl("topics", "apply", "--config", config)
    assert "llm." not in again.stderr
    listed = system.ctl("topics", "list", "--config", config).stdout
    for cls in ("private", "public"):
        for kind in ("requests", "responses", "control", "presence", "dead-letter"):
            assert f"llm.{cls}.{kind}.v1" in listed
    for topic in ("llm.audit.v1", "llm.public.audit.v1", "llm.ingress.v1", "llm.egress.v1"):
        assert topic in listed


def test_keys(system, tmp_path):
    path = tmp_path / "keys.json"
    made = system.ctl(
        "keys", "create", "--file", str(path), "--tenant", "t1", "--role", "operator"
    )
    (key,) = re.findall(r"sk-sluice-[\w-]{43}", made.stdout)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text(), "the file holds hashes"
    (row,) = map(
        json.loads, system.ctl("keys", "list", "--file", str(path), "--json").stdout.splitlines()
    )
    assert row["tenant"] == "t1" and row["role"] == "operator"
    assert key not in json.dumps(row)
    system.ctl("keys", "revoke", row["id"], "--file", str(path))
    (row,) = json.loads(path.read_text())["keys"]
    assert row["revoked"] is True
    system.ctl("keys", "revoke", "nobody", "--file", str(path), status=USAGE)
    system.ctl(
        "keys", "create", "--file", str(path), "--role", "king", "--tenant", "a", status=USAGE
    )


def test_classify(system):
    done = system.ctl("classify", "--json", "--text", "Card 4111 1111 1111 1111")
    row = json.loads(done.stdout)
    assert row["level"] == "restricted" and "4111" not in done.stdout
    lines = [{"id": "a", "text": "Why is the sky blue?"}, {"id": "b", "text": "Project Falcon"}]
    done = system.ctl(
        "classify",
        "--policy",
        str(system.policy_path),
        "--tenant",
        "acme",
        stdin="".join(json.dumps(line) + "\n" for line in lines),
    )
    answers = list(map(json.loads, done.stdout.splitlines()))
    rows = {r["id"]: r["level"] for r in answers}
    assert rows == {"a": "public", "b": "confidential"}
    assert [r["class"] for r in answers] == ["public", "private"]
    assert all(r["model"] for r in answers)


def test_classify_explains(system):
    text = "First line.\nPay with 4111 1111 1111 1111 today."
    done = system.ctl("classify", "--explain", "--text", text)
    assert "text: restricted" in done.stdout
    assert "2: Pay with »4111 1111 1111 1111« today." in done.stdout
    assert "CREDIT_CARD, restricted" in done.stdout
    table = system.ctl("classify", "--entities").stdout
    assert "| CREDIT_CARD | restricted | alone |" in table


def test_run(system):
    args = (
        "run",
        "--model",
        str(MODEL),
        "--prompt",
        "Hello",
        "--max-tokens",
        "12",
        "--threads",
        "1",
    )
    first, again = system.ctl(*args), system.ctl(*args)
    assert first.stdout == again.stdout != ""
    other = system.ctl(*args, "--temperature", "1", "--seed", "5").stdout
    assert other == system.ctl(*args, "--temperature", "1", "--seed", "5").stdout != first.stdout
    missing = system.ctl("run", "--model", "/nowhere.gguf", "--prompt", "x", status=None)
    assert missing.returncode != 0 and "/nowhere.gguf" in missing.stderr


def test_run_refuses_a_damaged_model(system, tmp_path):
    data = MODEL.read_bytes()
    for name, damaged in (
        ("cut", data[: len(data) // 2]),
        ("head", data[:100]),
        ("magic", b"ABCD" + data[4:]),
        ("empty", b""),
    ):
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(damaged)
        done = system.ctl("run", "--model", str(path), "--prompt", "x", status=None)
        assert done.returncode != DONE and f"{name}.gguf" in done.stderr and not done.stdout, done


def test_bench(system):
    done = system.ctl(
        "bench", "--requests", "40", "--connections", "4", "--max-tokens", "2", "--json"
    )
    row = json.loads(done.stdout)
    assert row["done"] == 40 and row["failed"] == 0 and row["requests_per_s"] > 0


def test_audit_when_kafka_does_not_answer(system):
    system.ctl(
        "audit",
        "--kafka",
        "127.0.0.1:1",
        "--timeout",
        "1000",
        "--kafka-config",
        "",
        status=UNREACHABLE,
    )


def test_audit_finds_what_stands_beside(paced):
    """Definite errors and clients that left are no faults; a request on the wrong topic is."""
    since = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    opened = threading.Event()
    paced.fake.script = lambda body: [("wait", opened)]
    books = paced.books(gateway=paced.gateways[1])
    try:
        expired = books.ask("Hello", stream=True)
    finally:
        opened.set()
    assert expired.status == 504
    private = books.ask("Confidential: note", stream=False)
    assert private.complete
    paced.wait_idle()
    audit = paced.audit("--since", since, "--all")
    assert audit["balanced"] and audit["accepted"] == 2
    assert audit["answered"] == 1 and audit["errors"] == 1
    # The private request's record, copied to the public topic: exactly what must never be.
    record = paced.records().requests()[private.id][0]
    producer = paced.broker.producer()
    producer.produce(
        "llm.public.requests.v1",
        record.value,
        record.key,
        headers=[(name.decode(), text) for name, text in record.raw_headers],
    )
    assert producer.flush(20) == 0
    audit = paced.audit("--since", since, status=NO)
    assert not audit["balanced"] and audit["wrong_class"] == 1, json.dumps(audit)
    (row,) = audit["list"]
    assert row["id"] == private.id and "wrong_class" in row["faults"]
