"""deploy/demo/up.sh and down.sh with stand-ins for the programs: what starts, what is left alone,
what is said when something fails. The real system is what tests/integration is for."""

import base64
import hashlib
import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("sluice", "sluice-gateway", "sluice-private-worker", "sluice-public-worker")
DAEMONS = ("gateway", "private-worker", "public-worker", "upstream")

# Answers 200 on the address of its configuration; ends at once when DIE names the configuration.
STAND_IN = """#!{python}
import http.server, os, sys, yaml
name = os.path.basename(sys.argv[0])
path = sys.argv[-1]
assert not [key for key in os.environ if key.startswith("SLUICE_")]
if name == "sluice":
    sys.exit(0)
if os.path.basename(path) == os.environ.get("DIE"):
    sys.exit("stand-in: cannot go on")
config = yaml.safe_load(open(path))
host, port = (config.get("http") or config["admin"])["listen"].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for side in ("private", "public"):
            self.wfile.write(b'sluice_live_workers{{class="%s"}} 1\\n' % side.encode())
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


class System:
    def __init__(self, folder: Path):
        self.run = folder / "run"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in PROGRAMS:
            self.install(name)
        ports = [int(subprocess.check_output([ROOT / "deploy/kafka/free_port.py"])) for _ in "ab"]
        self.env = os.environ | {
            "SLUICE_RUN": str(self.run),
            "SLUICE_DEMO_BIN": str(self.bin),
            "SLUICE_DEMO_PORT": str(ports[0]),
            "SLUICE_DEMO_KAFKA_PORT": str(ports[1]),
            "SLUICE_DEMO_SHAPE": "plain",
            "SLUICE_KEYRING": "not for daemons",
        }

    def install(self, name: str) -> None:
        path = self.bin / name
        path.write_text(STAND_IN.format(python=sys.executable))
        path.chmod(0o755)

    def call(self, script: str, **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [ROOT / "deploy/demo" / script], env=self.env | env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    def up(self, **env: str) -> str:
        done = self.call("up.sh", **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pids(self) -> dict[str, int]:
        return {name: int((self.run / "pid" / name).read_text()) for name in DAEMONS}


def runs(pid: int) -> bool:
    """A zombie, which waits for process 1 to take note of it, does not run."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    yield made
    assert made.call("down.sh").returncode == 0


def test_up_again_leaves_alone_what_runs(system: System) -> None:
    assert "ready at" in system.up()
    before = system.pids()
    assert "started" not in system.up()
    assert system.pids() == before


def test_a_new_program_or_configuration_is_started_anew(system: System) -> None:
    system.up()
    before = system.pids()
    system.install("sluice-gateway")
    (system.run / "public-worker.yaml").unlink()
    system.up()
    after = system.pids()
    changed = {name for name in DAEMONS if before[name] != after[name]}
    assert changed == {"gateway", "public-worker"}


def test_down_stops_all_and_keeps_the_keys(system: System) -> None:
    system.up()
    pids = system.pids()
    key = (system.run / "api-key").read_text()
    assert system.call("down.sh").returncode == 0
    assert not [pid for pid in pids.values() if runs(pid)]
    assert not list((system.run / "pid").iterdir())
    assert system.call("down.sh").returncode == 0
    system.up()
    assert (system.run / "api-key").read_text() == key


def test_what_it_writes(system: System) -> None:
    system.up()
    line = f"set -a; . {shlex.quote(str(system.run / 'env'))}; env -0"
    clean = {"PATH": os.environ["PATH"]}
    text = subprocess.run(["bash", "-c", line], env=clean, capture_output=True, text=True).stdout
    env = dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
    assert env["SLUICE_URL"] == f"http://127.0.0.1:{system.env['SLUICE_DEMO_PORT']}"
    assert env["SLUICE_KAFKA"] == f"127.0.0.1:{system.env['SLUICE_DEMO_KAFKA_PORT']}"
    kafka = json.loads(Path(env["SLUICE_KAFKA_CONFIG"]).read_text())
    assert kafka["bootstrap.servers"] == env["SLUICE_KAFKA"]
    (ring,) = json.loads(Path(env["SLUICE_KEYRING"]).read_text())
    assert ring["class"] == "public" and len(base64.b64decode(ring["key"], validate=True)) == 32
    (row,) = json.loads((system.run / "keys.json").read_text())["keys"]
    assert row["hash"] == hashlib.sha256(env["SLUICE_API_KEY"].encode()).hexdigest()
    assert Path(env["SLUICE_CONFIG"]).exists()
    for secret in ("keyring.json", "keys.json", "api-key", "env"):
        assert stat.S_IMODE((system.run / secret).stat().st_mode) == 0o600


def test_a_daemon_that_ends_is_told(system: System) -> None:
    done = system.call("up.sh", DIE="public-worker.yaml")
    assert done.returncode != 0
    assert "public-worker ended; its last words: stand-in: cannot go on" in done.stderr
    assert "what to do: look into" in done.stderr


def test_a_missing_program_is_told(system: System) -> None:
    (system.bin / "sluice-gateway").unlink()
    done = system.call("up.sh")
    assert done.returncode != 0
    assert "sluice-gateway is missing" in done.stderr and "run: make" in done.stderr


def test_the_public_side_behind_a_tunnel(system):
    """A namespace with its own cluster, worker and upstream; down leaves nothing of it."""
    done = system.call("up.sh", SLUICE_DEMO_SHAPE="tunnel")
    if "no tunnel on this machine" in done.stderr:
        assert os.environ.get("SLUICE_REQUIRE") != "netns", done.stderr
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    space = Path(f"/run/netns/sluice-{system.env['SLUICE_DEMO_PORT']}")
    there, pids = os.stat(space).st_ino, system.pids()
    inside = {name for name in DAEMONS if os.stat(f"/proc/{pids[name]}/ns/net").st_ino == there}
    assert inside == {"public-worker", "upstream"}
    gateway = yaml.safe_load((system.run / "gateway.yaml").read_text())
    assert gateway["bus"]["public"] != gateway["bus"]["private"]
    system.up(SLUICE_DEMO_SHAPE="auto")  # what runs keeps its shape
    assert system.pids() == pids
    system.up(SLUICE_DEMO_SHAPE="plain")
    assert not set(system.pids().values()) & set(pids.values())
    assert not space.exists()
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    assert f"sl{system.env['SLUICE_DEMO_PORT']}" not in tables.stdout
