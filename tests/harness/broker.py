"""A Kafka broker of its own: deploy/kafka/broker.sh in a folder and on ports that are free."""

import os
import subprocess
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from .paths import BROKER_SH
from .ports import free_port


class Broker:
    def __init__(self, folder: Path, heap: str = "256m"):
        self.folder = folder
        self.port = free_port(2)
        self.heap = heap

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _run(self, verb: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [str(BROKER_SH), verb, str(self.folder), str(self.port)],
            env=os.environ | {"SLUICE_KAFKA_HEAP": self.heap}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"broker.sh {verb}: {done.stderr}"
        return done

    def start(self) -> "Broker":
        """Also after kill: on with the same data."""
        self._run("start")
        return self

    def stop(self) -> None:
        self._run("stop")

    def kill(self) -> None:
        self._run("kill")

    def running(self) -> bool:
        return self._run("status", check=False).returncode == 0

    # ---- clients ----

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address})

    def producer(self, **properties) -> Producer:
        # The partitioner of kcat and of librdkafka's C clients; acks=all and the lot are defaults.
        return Producer({"bootstrap.servers": self.address, "linger.ms": 0} | properties)

    def consumer(self, group: str, **properties) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "session.timeout.ms": 6000,
            }
            | properties
        )
