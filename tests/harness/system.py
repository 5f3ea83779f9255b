"""A whole Sluice in one folder: keys, policy, configurations, daemons."""

import base64
import json
import os
import secrets
import subprocess
from pathlib import Path

import yaml

from .books import Books
from .broker import Broker
from .daemon import Daemon, SanitizerReport
from .paths import BIN, MODEL, PATIENCE, prefix, sanitizer_env
from .ports import free_port
from .records import Records, TopicReader
from .wait import until

PRIVATE_MODEL, PUBLIC_MODEL, UPSTREAM_MODEL = "tiny", "tiny-cloud", "tiny-upstream"
TENANT = "acme"


def merge(base: dict, over: dict) -> dict:
    """`over` wins; maps are merged, everything else is replaced."""
    out = dict(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(name), dict)
        out[name] = merge(out[name], value) if both else value
    return out


def default_policy() -> dict:
    return {
        "version": 1,
        "models": {
            PRIVATE_MODEL: {"classes": ["private"]},
            PUBLIC_MODEL: {"classes": ["public"]},
        },
        "defaults": {
            "models": {"private": PRIVATE_MODEL, "public": PUBLIC_MODEL},
            "public_max_level": "public",
            "floor": "public",
            "public_down": "refuse",
            "sensitive_on_public_model": "reroute",
            "private_without_audit": False,
        },
        "inflight": {"private": 4096, "public": 4096},
        "tenants": {
            TENANT: {
                "ingress": ["llm.ingress.v1"],
                "models": ["auto", PRIVATE_MODEL, PUBLIC_MODEL],
                "dictionary": [{"term": "Project Falcon", "level": "confidential"}],
            },
        },
    }


class Sluice:
    """Made, then started. Systems on one broker follow each other: records() begins at
    start(). Give `config={"gateway": {...}, "private": {...}, "public": {...},
    "upstream": {...}}` to change options, `policy` to change the policy (both are merged).
    `upstream_url` puts another server (FakeUpstream.url) in the place of the second engine."""

    def __init__(self, folder: Path, broker: Broker, privates: int = 1, publics: int = 1,
                 config: dict | None = None, policy: dict | None = None,
                 upstream_url: str | None = None, partitions: int = 4, gateways: int = 1):
        self.folder = folder
        self.broker = broker
        self.partitions = partitions
        self.over = config or {}
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.policy_path = folder / "policy.yaml"
        self.keys_path = folder / "keys.json"
        self.keyring_path = folder / "keyring.json"
        self.kafka_config = folder / "kafka.json"
        self.kafka_config.write_text(json.dumps({"bootstrap.servers": broker.address}))
        self.write_keyring()
        self.policy = merge(default_policy(), policy or {})
        self.write_policy(self.policy)
        self.key = self.make_key()
        self.upstream: Daemon | None = None
        if upstream_url is None:
            self.upstream = self._upstream()
            upstream_url = f"http://127.0.0.1:{self.upstream.health}/v1"
        self.privates = [self._private(i) for i in range(privates)]
        self.publics = [self._public(i, upstream_url) for i in range(publics)]
        self.gateways = [self._gateway(i) for i in range(gateways)]
        self._mark: dict = {}

    # ---- files ----

    def write_keyring(self, *more: dict) -> None:
        row = {"kid": "test-public-1", "class": "public",
               "key": base64.b64encode(secrets.token_bytes(32)).decode(),
               "not_before": "2020-01-01T00:00:00Z", "not_after": "2099-01-01T00:00:00Z"}
        self._put(self.keyring_path, json.dumps([row, *more]))

    def write_policy(self, policy: dict | str) -> None:
        text = policy if isinstance(policy, str) else yaml.safe_dump(policy, sort_keys=False)
        self._put(self.policy_path, text)

    @staticmethod
    def _put(path: Path, text: str) -> None:
        """Replaced in one step, mode 0600, as an operator's tool does it."""
        new = path.with_suffix(".new")
        new.touch(0o600)
        new.write_text(text)
        os.replace(new, path)

    def make_key(self, tenant: str = TENANT, role: str = "client", *more: str) -> str:
        """The text of a new API key."""
        done = self.ctl("keys", "create", "--file", str(self.keys_path), "--tenant", tenant,
                        "--role", role, *more)  # fmt: skip
        words = (done.stdout + done.stderr).split()
        (text,) = (word for word in words if word.startswith("sk-sluice-"))
        return text

    def key_rows(self) -> list[dict]:
        return json.loads(self.keys_path.read_text())["keys"]

    def _config(self, name: str, kind: str, base: dict) -> Path:
        path = self.folder / f"{name}.yaml"
        options = merge(merge(base, self.over.get(kind, {})), self.over.get(name, {}))
        path.write_text(yaml.safe_dump(options, sort_keys=False))
        path.chmod(0o600)
        return path

    # ---- the daemons ----

    def _upstream(self) -> Daemon:
        port = free_port()
        config = self._config("upstream-0", "upstream", {
            "instance": "upstream-0", "http": {"listen": f"127.0.0.1:{port}"},
            "model": {"path": str(MODEL), "name": UPSTREAM_MODEL},
            "engine": {"threads": 1, "slots": 16, "queue": 1024},
        })  # fmt: skip
        return Daemon("upstream-0", "sluice-private-worker", config, port, self.folder)

    def _private(self, i: int) -> Daemon:
        port, name = free_port(), f"private-{i}"
        config = self._config(name, "private", {
            "instance": name, "model": {"path": str(MODEL), "name": PRIVATE_MODEL},
            "engine": {"threads": 1, "slots": 16}, "bus": {"bootstrap": self.broker.address},
            "keyring": str(self.keyring_path), "admin": {"listen": f"127.0.0.1:{port}"},
        })  # fmt: skip
        return Daemon(name, "sluice-private-worker", config, port, self.folder)

    def _public(self, i: int, upstream_url: str) -> Daemon:
        port, name = free_port(), f"public-{i}"
        config = self._config(name, "public", {
            "instance": name, "bus": {"bootstrap": self.broker.address},
            "keyring": str(self.keyring_path),
            "upstream": {"url": upstream_url, "models": {PUBLIC_MODEL: UPSTREAM_MODEL}},
            "admin": {"listen": f"127.0.0.1:{port}"},
        })  # fmt: skip
        return Daemon(name, "sluice-public-worker", config, port, self.folder)

    def _gateway(self, i: int) -> Daemon:
        port, name = self.port if i == 0 else free_port(), f"gateway-{i}"
        config = self._config(name, "gateway", {
            "instance": i, "http": {"listen": f"127.0.0.1:{port}"},
            "bus": {"private": {"bootstrap": self.broker.address}},
            "keyring": str(self.keyring_path), "policy": str(self.policy_path),
            "keys": str(self.keys_path), "ingress": {"topics": ["llm.ingress.v1"]},
        })  # fmt: skip
        return Daemon(name, "sluice-gateway", config, port, self.folder)

    @property
    def gateway(self) -> Daemon:
        return self.gateways[0]

    @property
    def private(self) -> Daemon:
        return self.privates[0]

    @property
    def public(self) -> Daemon:
        return self.publics[0]

    @property
    def daemons(self) -> list[Daemon]:
        upstream = [self.upstream] if self.upstream else []
        return [*upstream, *self.privates, *self.publics, *self.gateways]

    def start(self) -> "Sluice":
        """Makes the topics, starts everything, waits until every worker is seen alive."""
        self.ctl("topics", "apply", "--config", str(self.gateway.config),
                 "--partitions", str(self.partitions))  # fmt: skip
        self.mark()
        for daemon in self.daemons:
            daemon.start(wait=False)
        for daemon in self.daemons:
            daemon.wait_ready()
        self.wait_workers()
        return self

    def wait_workers(self, private: int | None = None, public: int | None = None,
                     seconds: float = 20, gateway: Daemon | None = None) -> None:  # fmt: skip
        """Until the gateway counts so many live workers (default: all that were made)."""
        want = {
            "private": len(self.privates) if private is None else private,
            "public": len(self.publics) if public is None else public,
        }

        def look() -> bool:
            metrics = (gateway or self.gateway).metrics()
            have = {c: metrics.value("sluice_live_workers", **{"class": c}) for c in want}
            return have == want

        until(look, f"live workers are {want}", seconds)

    def wait_idle(self, seconds: float = 20) -> None:
        """Until no gateway has a request in flight and no worker one in hand."""

        def idle() -> bool:
            for daemon in (d for d in self.daemons if d.running() and d is not self.upstream):
                gauge = "sluice_inflight_requests" if daemon in self.gateways else "sluice_jobs"
                if daemon.metrics().value(gauge):
                    return False
            return True

        until(idle, "nothing is in flight", seconds)

    def stop(self) -> None:
        """Drains and ends all; raises on a sanitizer report or an unexpected end."""
        problems = []
        for daemon in reversed(self.daemons):
            try:
                daemon.stop()
                daemon.check_reports()
            except AssertionError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def __enter__(self) -> "Sluice":
        return self.start()

    def __exit__(self, kind, *_) -> None:
        try:
            self.stop()
        except AssertionError:
            if kind is None:  # else the test's own failure says more
                raise

    # ---- clients and witnesses ----

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def books(self, model: str = "auto", gateway: Daemon | None = None) -> Books:
        return Books((gateway or self.gateway).health, self.key, model)

    def reader(self) -> TopicReader:
        return TopicReader(self.broker, self.keyring_path)

    def mark(self) -> None:
        """From here on: records() leaves out what was before."""
        self._mark = self.reader().ends()

    def records(self, topics: list[str] | None = None) -> Records:
        return self.reader().read(self._mark, topics)

    def ctl_env(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        reports = self.folder / "ctl-reports"
        reports.mkdir(exist_ok=True)
        return clean | sanitizer_env(reports) | {
            "SLUICE_URL": self.url, "SLUICE_API_KEY": getattr(self, "key", ""),
            "SLUICE_KAFKA": self.broker.address, "SLUICE_KAFKA_CONFIG": str(self.kafka_config),
            "SLUICE_KEYRING": str(self.keyring_path),
        }  # fmt: skip

    def ctl(self, *args: str, status: int | None = 0, stdin: str | None = None,
            seconds: float = 90) -> subprocess.CompletedProcess:  # fmt: skip
        """The sluice command; `status` None: any exit status will do."""
        feed = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [*prefix(), str(BIN / "sluice"), *args], env=self.ctl_env(), capture_output=True,
            text=True, check=False, timeout=seconds * PATIENCE, **feed,
        )  # fmt: skip
        said = f"sluice {' '.join(args)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        for report in (self.folder / "ctl-reports").iterdir():
            raise SanitizerReport(f"{said}\n{report.read_text(errors='replace')[-4000:]}")
        assert status is None or done.returncode == status, said
        return done

    def audit(self, *args: str, status: int | None = 0) -> dict:
        """`sluice audit --json`."""
        done = self.ctl("audit", "--json", *args, status=status)
        return json.loads(done.stdout)
