"""deploy/kafka/broker.sh: one broker, started, killed, stopped, and what goes wrong."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parents[2]
BROKER = ROOT / "deploy/kafka/broker.sh"
RECORD_MAX = 1_114_112  # the largest record of Sluice


def free_port() -> int:
    return int(subprocess.check_output([ROOT / "deploy/kafka/free_port.py"]))


class Broker:
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"

    def call(self, verb: str, port: int | None = None) -> subprocess.CompletedProcess:
        command = [BROKER, verb, self.folder, str(port or self.port)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def must(self, verb: str) -> str:
        done = self.call(verb)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create(self, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        new = NewTopic(topic, 1, 1, config={"max.message.bytes": str(RECORD_MAX + 65536)})
        admin.create_topics([new])[topic].result(30)

    def produce(self, topic: str, value: bytes) -> list:
        """Errors of one idempotent produce."""
        errors = []
        producer = Producer(
            {
                "bootstrap.servers": self.address,
                "enable.idempotence": True,
                "message.max.bytes": RECORD_MAX + 65536,
                "message.timeout.ms": 20000,
            }
        )
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(30) == 0
        return [error for error in errors if error]

    def read(self, topic: str, count: int) -> list[bytes]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": "test",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": RECORD_MAX + 65536,
            }
        )
        consumer.subscribe([topic])
        try:
            return [record.value() for record in consumer.consume(count, 30)]
        finally:
            consumer.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "kafka")
    yield made
    made.call("kill")


def test_a_record_survives_kill_and_stop(broker: Broker) -> None:
    broker.must("start")
    broker.create("t")
    value = os.urandom(RECORD_MAX)
    assert broker.produce("t", value) == []
    for end in ("kill", "stop"):
        broker.must(end)
        assert broker.call("status").returncode == 1
        broker.must("start")
        assert broker.must("status").startswith("running ")
    assert broker.read("t", 1) == [value]


def test_ready_means_that_producers_get_their_ids(broker: Broker) -> None:
    broker.must("start")
    broker.create("t")
    broker.must("stop")
    broker.must("start")
    kcat = ["kcat", "-P", "-b", broker.address, "-t", "t", "-X", "enable.idempotence=true"]
    done = subprocess.run([*kcat, "-X", "debug=eos"], input="x", capture_output=True, text=True)
    assert "Acquired PID" in done.stderr
    assert "retrying" not in done.stderr.lower()


def test_starting_twice_is_one_broker(broker: Broker) -> None:
    results = []
    threads = [threading.Thread(target=lambda: results.append(broker.call("start"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.returncode for done in results] == [0, 0]
    first = broker.must("status")
    broker.must("start")
    assert broker.must("status") == first


def test_a_topic_must_be_made_first(broker: Broker) -> None:
    broker.must("start")
    admin = AdminClient({"bootstrap.servers": broker.address})
    assert admin.list_topics("mistyped", timeout=10).topics["mistyped"].error is not None
    assert "mistyped" not in admin.list_topics(timeout=10).topics


def test_a_taken_port_is_told(broker: Broker, tmp_path: Path) -> None:
    broker.must("start")
    other = Broker(tmp_path / "other")
    done = other.call("start", port=broker.port)
    assert done.returncode != 0
    assert f"port {broker.port}" in done.stderr and "what to do" in done.stderr


def test_a_foreign_process_is_never_signalled(broker: Broker) -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        broker.folder.mkdir()
        (broker.folder / "broker.pid").write_text(f"{sleeper.pid}\n")
        assert broker.call("status").returncode == 1
        broker.must("stop")
        assert sleeper.poll() is None
    finally:
        sleeper.send_signal(signal.SIGKILL)
        sleeper.wait()


@pytest.mark.parametrize("arguments", [[], ["start"], ["fly", "x", "1"], ["start", "x", "y"]])
def test_wrong_arguments_print_the_usage(arguments: list[str]) -> None:
    done = subprocess.run([BROKER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "broker.sh start" in done.stderr
