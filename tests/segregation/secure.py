"""Secure Kafka on loopback addresses: certificates by pki.sh, brokers by secure.sh and broker.sh,
rules by `sluice topics apply`. 127.97.0.1 stands for the private side, 127.99.0.1 for the tunnel.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from harness import until
from harness.paths import BIN, ROOT
from harness.ports import free_port

PKI_SH = ROOT / "deploy/pki/pki.sh"
KAFKA = ROOT / "deploy/kafka"
INSIDE, TUNNEL = "127.97.0.1", "127.99.0.1"
PRINCIPALS = {
    "gateways": ["gateway-0"],
    "private_workers": ["private-worker-0"],
    "public_workers": ["public-worker-0", "public-worker-1"],
    "auditors": ["auditor"],
    "operators": ["operator"],
    "producers": {"producer-crm": "llm.ingress.acme.v1", "producer-all": "llm.ingress.v1"},
}
INGRESS = ["llm.ingress.v1", "llm.ingress.acme.v1"]
PRIVATE_NAMES = ["gateway-0", "private-worker-0", "auditor", "operator", "admin", "producer-crm",
                 "producer-all"]  # fmt: skip
PUBLIC_NAMES = ["public-worker-0", "public-worker-1"]
WAIT_S = 10
GROUP_DENIED = KafkaError.GROUP_AUTHORIZATION_FAILED


class Refused(Exception):
    """The cluster said no; `code` is Kafka's."""

    def __init__(self, error: KafkaError):
        super().__init__(str(error))
        self.code = error.code()


def script(*command, check: bool = True, **env) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [str(word) for word in command], env=os.environ | env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
    return done


class Pki:
    """One CA and what it issued."""

    def __init__(self, folder: Path, names: list[str], broker: bool = True):
        self.folder = folder
        self("init")
        if broker:
            addresses = ["127.0.0.1", INSIDE, TUNNEL]
            self("issue", "kafka-broker", "server", *(f"IP:{a}" for a in addresses))
        for name in names:
            self("issue", name, "client")

    def __call__(self, verb: str, *words: str, check: bool = True, **env):
        return script(PKI_SH, verb, self.folder, *words, check=check, **env)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def pem(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


def tls(ca: Path, pem: Path) -> dict[str, str]:
    """librdkafka's properties of a client with this certificate."""
    return {"security.protocol": "ssl", "ssl.ca.location": str(ca),
            "ssl.certificate.location": str(pem), "ssl.key.location": str(pem)}  # fmt: skip


class SecureBroker:
    def __init__(self, folder: Path, shape: str, pki: Pki, priv: str, pub: str = ""):
        self.folder, self.shape, self.pki = folder, shape, pki
        self.port = free_port(3)
        self.priv = f"{priv}:{self.port}"
        self.pub = f"{pub}:{self.port + 2}" if pub else ""

    def write(self) -> None:
        listeners = [self.priv, self.pub] if self.pub else [self.priv]
        script(KAFKA / "secure.sh", self.shape, self.folder, self.pki.folder, *listeners)

    def start(self) -> "SecureBroker":
        self._run("start")
        return self

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str) -> None:
        script(KAFKA / "broker.sh", verb, self.folder, self.port, SLUICE_KAFKA_HEAP="160m")

    # ---- clients ----

    def address(self, name: str) -> str:
        return self.pub if name.startswith("public-worker-") else self.priv

    def conf(self, name: str, address: str = "", pem: Path | None = None) -> dict:
        quick = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}
        return (
            {"bootstrap.servers": address or self.address(name)}
            | tls(self.pki.ca, pem or self.pki.pem(name))
            | quick
        )

    def admin(self, name: str = "admin", **more) -> AdminClient:
        return AdminClient(self.conf(name, **more))

    def fill(self, topics: list[str], value: bytes) -> None:
        """One record on each topic, by the admin."""
        errors = []
        producer = Producer(self.conf("admin"))
        for topic in topics:
            producer.produce(topic, value, partition=0, on_delivery=lambda e, _: errors.append(e))
        assert producer.flush(WAIT_S) == 0
        assert not any(errors), errors

    def produce(self, name: str, topic: str, value: bytes = b"x", **more) -> None:
        """One record, acknowledged; Refused otherwise."""
        errors = []
        producer = Producer(
            self.conf(name, **more) | {"enable.idempotence": True, "message.timeout.ms": 5000}
        )
        producer.produce(topic, value, partition=0, on_delivery=lambda e, _: errors.append(e))
        assert producer.flush(WAIT_S) == 0
        if errors[0]:
            raise Refused(errors[0])

    def consume(self, name: str, topic: str, group: str = "", **more) -> bytes:
        """The first record of partition 0; with a group, as its member."""
        consumer = Consumer(
            self.conf(name, **more) | {
                "group.id": group or "none", "auto.offset.reset": "earliest",
                "enable.auto.commit": False, "fetch.wait.max.ms": 20,
            }
        )  # fmt: skip
        try:
            if group:
                consumer.subscribe([topic])
            else:
                seen = consumer.list_topics(topic, timeout=WAIT_S).topics[topic]
                if seen.error:
                    raise Refused(seen.error)
                consumer.assign([TopicPartition(topic, 0, 0)])
            return until(
                lambda: _value(consumer.poll(0.1), bool(group)), f"a record of {topic}", WAIT_S
            )
        finally:
            consumer.close()


def _value(message, member: bool) -> bytes | None:
    if message is None:
        return None
    if not member and message.error() and message.error().code() == GROUP_DENIED:
        return None  # a consumer without a group has a group id in name only
    if message.error():
        raise Refused(message.error())
    return message.value()


def result(future):
    """What an admin call answered; Refused otherwise."""
    try:
        return future.result(WAIT_S)
    except KafkaException as problem:
        raise Refused(problem.args[0]) from None


class Shape:
    """Both buses of a site, with topics and rules. `one`: they are the same broker."""

    def __init__(self, folder: Path, one: bool):
        self.folder = folder
        self.one = one
        folder.mkdir(parents=True, exist_ok=True)
        if one:
            pki = Pki(folder / "pki", PRIVATE_NAMES + PUBLIC_NAMES)
            self.private = self.public = SecureBroker(folder / "one", "one", pki, INSIDE, TUNNEL)
        else:
            pki = Pki(folder / "pki-private", PRIVATE_NAMES)
            self.private = SecureBroker(folder / "private", "private", pki, INSIDE)
            outside = ["gateway-0", "auditor", "operator", "admin", *PUBLIC_NAMES]
            pki = Pki(folder / "pki-public", outside)
            self.public = SecureBroker(folder / "public", "public", pki, TUNNEL, TUNNEL)
        self.config = folder / "admin.yaml"
        self.principals = folder / "principals.yaml"
        self.config.write_text(yaml.safe_dump(self.buses("admin") | {
            "ingress": {"topics": INGRESS}}))  # fmt: skip
        self.write_principals(PRINCIPALS)

    def buses(self, name: str) -> dict:
        """bus.private and bus.public of a gateway, with the certificates of that name."""
        def row(b):
            return {"bootstrap": b.priv, "properties": tls(b.pki.ca, b.pki.pem(name))}

        both = {"private": row(self.private)}
        return {"bus": both if self.one else both | {"public": row(self.public)}}

    def write_principals(self, principals: dict) -> None:
        self.principals.write_text(yaml.safe_dump(principals))

    @property
    def brokers(self) -> list[SecureBroker]:
        return [self.private] if self.one else [self.private, self.public]

    def start(self) -> "Shape":
        for broker in self.brokers:
            broker.write()
        with ThreadPoolExecutor() as pool:
            list(pool.map(SecureBroker.start, self.brokers))
        return self

    def stop(self) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(SecureBroker.stop, self.brokers))

    def topics(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        done = subprocess.run(
            [str(BIN / "sluice"), "topics", *words, "--config", str(self.config)],
            env=clean, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{done.stdout}{done.stderr}"
        return done

    def apply(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess:
        return self.topics("apply", "--principals", str(self.principals), *words, status=status)


KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}


@contextmanager
def granted(broker: SecureBroker, name: str, kind: str, resource: str, operation: str):
    """The wall with a hole: one rule more, for as long as the block runs."""
    with rule(broker.admin(), KINDS[kind], resource, f"User:{name}", AclOperation[operation]):
        yield


@contextmanager
def rule(admin: AdminClient, kind: ResourceType, resource: str, who: str, what: AclOperation):
    row = (kind, resource, ResourcePatternType.LITERAL, who, "*", what, AclPermissionType.ALLOW)
    made = AclBinding(*row)
    result(admin.create_acls([made])[made])
    try:
        yield
    finally:
        for future in admin.delete_acls([AclBindingFilter(*row)]).values():
            result(future)
