"""A whole Sluice on both sides of a real tunnel: secure Kafka in one of the two shapes, gateway and
private workers on the private side, the public worker and its upstream on the public one.

    with Site(folder, one=False) as site:
        site.books().ask("…")

While a Site is open, this thread stands in the private side's network namespace, and with it
everything that it starts: clients, daemons, brokers. What belongs to the public side is started
through `nsenter`. That takes root; without it the test is skipped by name."""

import base64
import ctypes
import json
import os
import secrets
from pathlib import Path

import yaml
from harness import Sluice, until
from harness.daemon import Daemon
from harness.paths import MODEL
from harness.ports import free_port
from harness.records import Records, TopicReader
from harness.system import PRIVATE_MODEL, PUBLIC_MODEL, UPSTREAM_MODEL
from netns import BUS, LAN, PRIVATE, PUBLIC, Side, Tunnel
from secure import (
    INGRESS,
    PRINCIPALS,
    PRIVATE_NAMES,
    PUBLIC_NAMES,
    Pki,
    SecureBroker,
    Shape,
    script,
    tls,
)

CLONE_NEWNET = 0x40000000
HEALTH_S = 2


def enter_net(path: str) -> None:
    """This thread's network is from now on the one of that file."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path) as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")


class FarBroker(SecureBroker):
    """A broker on the public side."""

    side: Side

    def _run(self, verb: str) -> None:
        script(*self.side.argv("env", "SLUICE_KAFKA_HEAP=160m", Path("deploy/kafka/broker.sh"),
                               verb, self.folder, self.port))  # fmt: skip


class NetShape(Shape):
    """The buses of a site on the addresses of netns.py."""

    def __init__(self, folder: Path, one: bool, public: Side):
        self.folder, self.one = folder, one
        folder.mkdir(parents=True, exist_ok=True)
        if one:
            pki = self._pki("pki", PRIVATE_NAMES + PUBLIC_NAMES)
            self.private = self.public = SecureBroker(folder / "one", "one", pki, LAN, PRIVATE)
            self._ports(self.private, BUS - 2)
        else:
            self.private = SecureBroker(
                folder / "private", "private", self._pki("pki-private", PRIVATE_NAMES), LAN
            )
            self._ports(self.private, BUS - 2)
            outside = ["gateway-0", "auditor", "operator", "admin", *PUBLIC_NAMES]
            self.public = FarBroker(
                folder / "public", "public", self._pki("pki-public", outside), PUBLIC, "127.0.0.1"
            )
            self.public.side = public
            self._ports(self.public, BUS)
        self.config = folder / "admin.yaml"
        self.principals = folder / "principals.yaml"
        self.config.write_text(
            yaml.safe_dump(self.buses("admin") | {"ingress": {"topics": INGRESS}})
        )
        self.write_principals(PRINCIPALS)

    def _pki(self, name: str, names: list[str]) -> Pki:
        pki = Pki(self.folder / name, names, broker=False)
        addresses = ("127.0.0.1", LAN, PRIVATE, PUBLIC)
        pki("issue", "kafka-broker", "server", *(f"IP:{a}" for a in addresses))
        return pki

    @staticmethod
    def _ports(broker: SecureBroker, port: int) -> None:
        """Fixed ones, which the walls know; nobody else is in these namespaces."""
        broker.port = port
        broker.priv = f"{broker.priv.partition(':')[0]}:{port}"
        broker.pub = broker.pub and f"{broker.pub.partition(':')[0]}:{port + 2}"

    def worker_bus(self, name: str) -> dict:
        broker = self.public if name.startswith("public-worker-") else self.private
        return {"bootstrap": broker.address(name),
                "properties": tls(broker.pki.ca, broker.pki.pem(name))}  # fmt: skip


class Auditor:
    """What TopicReader asks of a broker, with the auditor's certificate."""

    def __init__(self, broker: SecureBroker):
        self.broker = broker
        self.address = broker.priv

    def admin(self):
        return self.broker.admin("auditor")

    def consumer(self, group: str, **properties):
        from confluent_kafka import Consumer

        return Consumer(self.broker.conf("auditor") | {
            "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "enable.partition.eof": True, "fetch.wait.max.ms": 20} | properties)  # fmt: skip


class FarDaemon(Daemon):
    """A daemon of the public side; asked for its health from there."""

    def __init__(self, side: Side, *words):
        super().__init__(*words, wrap=tuple(side.argv()))
        self.side = side

    def get(self, path: str, seconds: float = HEALTH_S) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.health}{path}"
        done = self.side.run("curl", "-s", "-m", seconds, "-w", "\n%{http_code}", url, check=False)
        text, _, status = done.stdout.rpartition("\n")
        if status in ("", "000"):
            raise ConnectionError(f"{url} does not answer")
        return int(status), text


class SecureSluice(Sluice):
    """Sluice with an identity for each daemon, both classes encrypted."""

    def __init__(self, folder: Path, shape: NetShape, side: Side, **options):
        self.shape, self.side = shape, side
        super().__init__(folder, Auditor(shape.private), **options)
        named = {"kafka-config": shape.private}
        if not shape.one:
            named["kafka-public-config"] = shape.public
        self.where: list[str] = []
        for option, broker in named.items():
            path = folder / f"{option}.json"
            tls_of = tls(broker.pki.ca, broker.pki.pem("auditor"))
            path.write_text(json.dumps({"bootstrap.servers": broker.priv} | tls_of))
            self.where += [f"--{option}", str(path)]

    def write_keyring(self, *more: dict) -> None:
        row = {"not_before": "2020-01-01T00:00:00Z", "not_after": "2099-01-01T00:00:00Z"}
        rows = [
            {"kid": f"test-{cls}-1", "class": cls,
             "key": base64.b64encode(secrets.token_bytes(32)).decode()} | row
            for cls in ("public", "private")
        ]  # fmt: skip
        self._put(self.keyring_path, json.dumps([*rows, *more]))
        self.public_keyring = self.folder / "keyring-public.json"
        self._put(self.public_keyring, json.dumps(rows[:1]))

    def _upstream(self) -> Daemon:
        port = free_port()
        config = self._config("upstream-0", "upstream", {
            "instance": "upstream-0", "http": {"listen": f"127.0.0.1:{port}"},
            "model": {"path": str(MODEL), "name": UPSTREAM_MODEL},
            "engine": {"threads": 1, "slots": 16, "queue": 1024},
        })  # fmt: skip
        return FarDaemon(self.side, "upstream-0", "sluice-private-worker", config, port,
                         self.folder)  # fmt: skip

    def _private(self, i: int) -> Daemon:
        port, name = free_port(), f"private-{i}"
        config = self._config(name, "private", {
            "instance": name, "model": {"path": str(MODEL), "name": PRIVATE_MODEL},
            "engine": {"threads": 1, "slots": 16},
            "bus": self.shape.worker_bus(f"private-worker-{i}"),
            "keyring": str(self.keyring_path), "admin": {"listen": f"127.0.0.1:{port}"},
        })  # fmt: skip
        return Daemon(name, "sluice-private-worker", config, port, self.folder)

    def _public(self, i: int, upstream_url: str) -> Daemon:
        port, name = free_port(), f"public-{i}"
        config = self._config(name, "public", {
            "instance": name, "bus": self.shape.worker_bus(f"public-worker-{i}"),
            "keyring": str(self.public_keyring),
            "upstream": {"url": upstream_url, "models": {PUBLIC_MODEL: UPSTREAM_MODEL}},
            "admin": {"listen": f"127.0.0.1:{port}"},
        })  # fmt: skip
        return FarDaemon(self.side, name, "sluice-public-worker", config, port, self.folder)

    def _gateway(self, i: int) -> Daemon:
        port, name = self.port if i == 0 else free_port(), f"gateway-{i}"
        config = self._config(name, "gateway", {
            "instance": i, "http": {"listen": f"127.0.0.1:{port}"},
            "keyring": str(self.keyring_path), "policy": str(self.policy_path),
            "keys": str(self.keys_path), "ingress": {"topics": ["llm.ingress.v1"]},
        } | self.shape.buses(f"gateway-{i}"))  # fmt: skip
        return Daemon(name, "sluice-gateway", config, port, self.folder)

    def start(self) -> "SecureSluice":
        self.shape.apply("--partitions", str(self.partitions))
        self.mark()
        for daemon in self.daemons:
            daemon.start(wait=False)
        for daemon in self.daemons:
            daemon.wait_ready()
        self.wait_workers()
        return self

    # ---- both clusters as one ----

    def readers(self) -> list[TopicReader]:
        return [TopicReader(Auditor(b), self.keyring_path) for b in self.shape.brokers]

    def mark(self) -> None:
        self._mark = [reader.ends() for reader in self.readers()]

    def records(self, topics: list[str] | None = None) -> Records:
        found = Records()
        for reader, mark in zip(self.readers(), self._mark, strict=True):
            found += reader.read(mark, topics)
        return Records(found)

    def audit(self, *args: str, status: int | None = 0) -> dict:
        done = self.ctl("audit", "--json", *self.where, *args, status=status)
        return json.loads(done.stdout)

    def ctl_env(self) -> dict[str, str]:
        named = super().ctl_env()  # the buses come from --config
        return {k: v for k, v in named.items() if k not in ("SLUICE_KAFKA", "SLUICE_KAFKA_CONFIG")}


class Site:
    def __init__(self, folder: Path, one: bool, **options):
        self.folder, self.one, self.options = folder, one, options

    def __enter__(self) -> "Site":
        shape = "one-cluster" if self.one else "two-clusters"
        self.tunnel = Tunnel(self.folder / "tunnel", shape).up()
        self.shape = self.system = None
        enter_net(f"/proc/{self.tunnel.private.pid}/ns/net")
        try:
            self.shape = NetShape(self.folder / "kafka", self.one, self.tunnel.public).start()
            self.system = SecureSluice(
                self.folder / "system", self.shape, self.tunnel.public, **self.options
            ).start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        try:
            if self.system:
                self.system.stop()
        finally:
            if self.shape:
                self.shape.stop()
            enter_net(f"/proc/{os.getppid()}/ns/net")
            self.tunnel.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def settled(self) -> dict:
        """The audit, once it says the same as nothing more comes."""
        self.system.wait_idle(60)
        found: dict = {}

        def balanced() -> bool:
            found.update(self.system.audit("--settle", "0", status=None))
            return found["balanced"]

        until(balanced, "the books balance", 60, every=0.5)
        return found
