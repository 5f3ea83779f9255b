"""Two network namespaces, joined by a veth as the underlay and by deploy/wireguard/wg.sh.

    with Tunnel(folder, "two-clusters") as tunnel:
        tunnel.up()
        tunnel.public.run("ip", "route")

Each side is a network and mount namespace with its own /run, so that no name of an interface or a
socket can meet another one on the machine. It lives as long as its holder, a shell that reads a
pipe from here: when this process goes, however it goes, the shell ends WireGuard and itself. Works
as root, and as anybody where user namespaces and /dev/net/tun allow it (see `missing`).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WG = ROOT / "deploy/wireguard/wg.sh"
INSIDE = ROOT / "tests/segregation/inside.py"

PRIVATE, PUBLIC = "10.99.0.1", "10.99.0.2"  # in the tunnel
UNDER_PRIVATE, UNDER_PUBLIC = "10.98.0.1", "10.98.0.2"  # on the underlay
SIX_PRIVATE, SIX_PUBLIC = "fd00:98::1", "fd00:98::2"
LAN = "10.97.0.1"  # the private side's inner address
UNDERLAY = "under0"
PORT = 51820  # of WireGuard, slot a; slot b has the next one
BUS = 9094
CALL_S = 30
USER = ["--user", "--preserve-credentials"]  # of nsenter

HOLDER = """mount -t tmpfs none /run && mkdir /run/wireguard && ip link set lo up &&
echo ready && read -r _; rm -f /run/wireguard/*.sock"""


def _unshare(root: bool) -> list[str]:
    return ["unshare", *([] if root else ["--user", "--map-root-user"]), "--net", "--mount"]


def missing() -> str:
    """Why no tunnel can be made here; empty when one can."""
    for program in ("ip", "wg", "nft", "nsenter", "unshare"):
        if not shutil.which(program):
            return f"{program} is not installed"
    root = os.geteuid() == 0
    probe = "mount -t tmpfs none /run && (ip link add w0 type wireguard || exec 3<>/dev/net/tun)"
    done = subprocess.run(
        [*_unshare(root), "sh", "-c", probe], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return f"neither root nor user namespaces can make a tunnel: {done.stderr.strip()[-200:]}"
    return ""


def require() -> None:
    """Skips the test where no tunnel can be made; fails it where SLUICE_REQUIRE names netns."""
    why = missing()
    if why and "netns" in os.environ.get("SLUICE_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"SLUICE_REQUIRE=netns: {why}")
    if why:
        pytest.skip(why)


class Task:
    """A verb of inside.py that runs beside the test; `end` closes its input and gives its JSON."""

    def __init__(self, side: "Side", *words: object):
        self.words = words
        self.process = side.popen(
            sys.executable, INSIDE, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout.readline() == b"ready\n", f"not started: {words}"

    def end(self) -> dict:
        out, _ = self.process.communicate(b"", timeout=CALL_S)
        assert self.process.returncode == 0, f"failed: {self.words}"
        return json.loads(out) if out.strip() else {}

    def __enter__(self) -> "Task":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Side:
    """One namespace. `inside` are the namespaces from which it is made: none for the first."""

    def __init__(self, name: str, folder: Path, inside: list[str]):
        self.name = name
        self.conf = folder / name / "tunnel.conf"
        root = os.geteuid() == 0
        unshare = _unshare(root or bool(inside))
        self.holder = subprocess.Popen(
            [*inside, *unshare, "sh", "-c", HOLDER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.holder.stdout.readline() == b"ready\n", f"no namespace for the {name} side"
        self.pid = self.holder.pid  # nsenter and unshare become the shell, they do not fork
        user = [] if root else USER
        self.enter = ["nsenter", "-t", str(self.pid), *user, "--net", "--mount", f"--wd={ROOT}"]

    def argv(self, *command: object) -> list[str]:
        """The command line that runs a command here; its process is the command itself."""
        return [*self.enter, *map(str, command)]

    def argv_from_other(self, *command: object) -> list[str]:
        """The same from the other side, which shares the user namespace."""
        return [word for word in self.argv(*command) if word not in USER]

    def popen(self, *command: object, **options) -> subprocess.Popen:
        return subprocess.Popen(self.argv(*command), **options)

    def run(self, *command: object, check: bool = True, **options) -> subprocess.CompletedProcess:
        options = {"capture_output": True, "text": True, "timeout": CALL_S} | options
        done = subprocess.run(self.argv(*command), check=False, **options)
        if check and done.returncode != 0:
            text = " ".join(map(str, command))
            raise AssertionError(f"{self.name}: {text}: {done.returncode}\n{done.stderr}")
        return done

    def wg(self, verb: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess:
        return self.run(WG, verb, self.conf, *arguments, check=check)

    def door(self) -> list[str]:
        """In front of the command that makes another side, in the same user namespace: a veth can
        join the two."""
        if os.geteuid() == 0:
            return []
        return ["nsenter", "-t", str(self.pid), *USER]

    def task(self, *words: object) -> Task:
        return Task(self, *words)

    def knock(self, *specs: str) -> dict[str, str]:
        """ADDR:PORT[@DEV[%SRC]]: what a TCP connection from here meets, all at once."""
        return json.loads(self.run(sys.executable, INSIDE, "knock", *specs).stdout)

    def set_kernel(self, name: str, value: int) -> None:
        self.run("sh", "-c", 'echo "$1" > "/proc/sys/$0"', name, value)

    def walls_off(self, *comments: str) -> None:
        """Takes rules away by their comment."""
        listed = json.loads(self.run("nft", "-j", "list", "table", "inet", "swg").stdout)
        rules = [entry["rule"] for entry in listed["nftables"] if "rule" in entry]
        for comment in comments:
            found = [rule for rule in rules if rule.get("comment") == comment]
            assert found, f"{self.name}: there is no wall '{comment}'"
            for rule in found:
                self.run("nft", "delete", "rule", "inet", "swg", rule["chain"],
                         "handle", rule["handle"])  # fmt: skip

    def close(self) -> None:
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(10)


class Tunnel:
    """Both sides, joined by the underlay; the tunnel itself is up after `up`."""

    def __init__(self, folder: Path, shape: str, **settings: str):
        self.private = Side("private", folder, [])
        try:
            self.public = Side("public", folder, self.private.door())
            self._underlay()
        except BaseException:
            self.close()
            raise
        values = {
            "shape": shape, "underlay": UNDERLAY, "ports": str(BUS), "interface": "swg",
            "listen_port": str(PORT), "address_private": PRIVATE, "peer_address_private": PUBLIC,
            "address_public": PUBLIC, "peer_address_public": PRIVATE,
            "endpoint_private": f"{UNDER_PUBLIC}:{PORT}",
            "endpoint_public": f"{UNDER_PRIVATE}:{PORT}",
        } | settings  # fmt: skip
        words = [f"{name}={value}" for name, value in values.items()]
        subprocess.run([WG, "pair", folder, *words], check=True, capture_output=True)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.private, self.public

    def _underlay(self) -> None:
        peer = ["peer", "name", UNDERLAY, "netns", self.public.pid]
        self.private.run("ip", "link", "add", UNDERLAY, "type", "veth", *peer)
        addresses = ((UNDER_PRIVATE, SIX_PRIVATE), (UNDER_PUBLIC, SIX_PUBLIC))
        for side, (address, six) in zip(self.sides, addresses, strict=True):
            side.run("ip", "addr", "add", f"{address}/30", "dev", UNDERLAY)
            side.run("ip", "addr", "add", f"{six}/64", "dev", UNDERLAY, "nodad")
            side.run("ip", "link", "set", UNDERLAY, "up")
        self.private.run("ip", "addr", "add", f"{LAN}/32", "dev", "lo")
        # A public machine has a way to the world: what the tunnel does not carry would go there.
        for side, way in zip(self.sides, (UNDER_PUBLIC, UNDER_PRIVATE), strict=True):
            side.run("ip", "route", "add", "default", "via", way)

    def up(self) -> "Tunnel":
        for side in self.sides:
            side.wg("up")
        return self

    def close(self) -> None:
        for side in (getattr(self, "public", None), self.private):
            if side:
                side.close()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
