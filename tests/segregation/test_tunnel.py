"""The WireGuard tunnel between two network namespaces, as an attacker and as an operator see it.

Each wall is a case that is refused, and succeeds once its rules are taken away: so the case itself
is known to be able to fail.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.paths import BIN, PATIENCE
from harness.wait import until
from netns import (
    BUS, INSIDE, LAN, PRIVATE, PUBLIC, SIX_PRIVATE, SIX_PUBLIC, UNDER_PRIVATE, UNDER_PUBLIC,
    UNDERLAY, WG, Side, Tunnel, require,
)  # fmt: skip

SLUICE = BIN / "sluice"
OTHER = 9092  # a port of the private side that nobody outside may reach
INNER = "10.96.0.2"  # a machine behind the private side
TUNNEL = "swga"
RATE = 500  # numbers a second of a stream
STALL_MAX_S = 5.0


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    require()


@pytest.fixture(scope="module")
def walled(request, tmp_path_factory) -> Iterator[Tunnel]:
    """A tunnel whose public side is the attacker's: his own walls are gone, he has ways to every
    private address through the tunnel, and everything listens."""
    with Tunnel(tmp_path_factory.mktemp(request.param), request.param) as tunnel:
        tunnel.shape = request.param
        tunnel.up()
        tunnel.public.run("nft", "delete", "table", "inet", "swg")
        peer = tunnel.public.run("wg", "show", TUNNEL, "peers").stdout.strip()
        ways = ",".join(f"{address}/32" for address in (PRIVATE, LAN, INNER, UNDER_PRIVATE))
        tunnel.public.run("wg", "set", TUNNEL, "peer", peer, "allowed-ips", ways)
        tunnel.public.set_kernel(f"net/ipv4/conf/{TUNNEL}/rp_filter", 0)
        with (
            inner_machine(tunnel.private) as inner,
            inner.task("listen", OTHER),
            tunnel.private.task("listen", BUS, OTHER),
            tunnel.public.task("listen", BUS, OTHER),
        ):
            yield tunnel


@contextmanager
def inner_machine(private: Side) -> Iterator[Side]:
    """A machine of the private network for which the private side is the router."""
    side = Side("inner", private.conf.parent, private.door())
    try:
        peer = ["peer", "name", "inner1", "netns", side.pid]
        private.run("ip", "link", "add", "inner0", "type", "veth", *peer)
        private.run("ip", "addr", "add", "10.96.0.1/30", "dev", "inner0")
        private.run("ip", "link", "set", "inner0", "up")
        side.run("ip", "addr", "add", f"{INNER}/30", "dev", "inner1")
        side.run("ip", "link", "set", "inner1", "up")
        side.run("ip", "route", "add", "default", "via", "10.96.0.1")
        private.set_kernel("net/ipv4/ip_forward", 1)
        yield side
    finally:
        side.close()


@dataclass(frozen=True)
class Wall:
    """A connection that must not be, and the rules of the private side that stop it. Where there
    are two, either one is enough. `dials`: from the private side outwards."""

    name: str
    knock: str
    rules: tuple[str, ...]
    shapes: str = "both"
    dials: bool = False


# The walls of the underlay and of forwarding are the same in both shapes: tried in one.
TWO, ONE = "two-clusters", "one-cluster"
WALLS = [
    Wall("the bus through the tunnel", f"{PRIVATE}:{BUS}@{TUNNEL}", ("new from the tunnel",), TWO),
    Wall("another port", f"{PRIVATE}:{OTHER}@{TUNNEL}", ("new from the tunnel",)),
    Wall("the inner address", f"{LAN}:{BUS}@{TUNNEL}", ("new from the tunnel",)),
    Wall("the tunnel address around the tunnel", f"{PRIVATE}:{BUS}@{UNDERLAY}",
         ("tunnel address from elsewhere", "new around the tunnel")),
    Wall("the inner address around", f"{LAN}:{OTHER}@{UNDERLAY}", ("new around the tunnel",), TWO),
    Wall("the outer address", f"{UNDER_PRIVATE}:{OTHER}@{UNDERLAY}", ("new around the tunnel",),
         TWO),
    Wall("the outer address by IPv6", f"{SIX_PRIVATE}:{OTHER}@{UNDERLAY}",
         ("new around the tunnel",), TWO),
    Wall("around with the peer's name", f"{UNDER_PRIVATE}:{OTHER}@%{PUBLIC}",
         ("the peer from elsewhere", "new around the tunnel"), TWO),
    Wall("a machine behind", f"{INNER}:{OTHER}@{TUNNEL}%{PUBLIC}",
         ("beyond this machine", "from beyond this machine"), TWO),
    Wall("a machine behind, around", f"{INNER}:{OTHER}@{UNDERLAY}",
         ("beyond this machine, around", "from beyond this machine, around"), TWO),
    Wall("out to another port", f"{PUBLIC}:{OTHER}", ("new into the tunnel",), dials=True),
    Wall("out to the bus", f"{PUBLIC}:{BUS}", ("new into the tunnel",), ONE, dials=True),
    Wall("out around the tunnel", f"{UNDER_PUBLIC}:{OTHER}", ("new out of the underlay",), TWO,
         dials=True),
]  # fmt: skip
CASES = [
    pytest.param(shape, wall, id=f"{shape}: {wall.name}")
    for shape in (TWO, ONE)
    for wall in WALLS
    if wall.shapes in ("both", shape)
]


@pytest.mark.parametrize(("walled", "wall"), CASES, indirect=["walled"], scope="module")
def test_each_wall_holds_and_is_what_holds(walled: Tunnel, wall: Wall) -> None:
    knocker = walled.private if wall.dials else walled.public
    refused = {"denied", "silent"} if wall.dials else {"silent"}
    try:
        for rule in wall.rules:
            assert knocker.knock(wall.knock)[wall.knock] in refused, f"before '{rule}' went"
            walled.private.walls_off(rule)
        assert knocker.knock(wall.knock)[wall.knock] == "open", "the case can't succeed"
    finally:
        walled.private.wg("up")


@pytest.mark.parametrize("walled", [TWO, ONE], indirect=True, scope="module")
def test_what_the_shape_allows_passes(walled: Tunnel) -> None:
    dials, to = {
        "two-clusters": (walled.private, f"{PUBLIC}:{BUS}"),
        "one-cluster": (walled.public, f"{PRIVATE}:{BUS}"),
    }[walled.shape]
    assert dials.knock(to)[to] == "open"


@pytest.mark.parametrize("walled", [TWO, ONE], indirect=True, scope="module")
def test_prove_finds_the_walls_sound(walled: Tunnel) -> None:
    told = walled.public.wg("prove", f"{PRIVATE}:{OTHER}").stdout.splitlines()
    assert len(told) > 10 and all(line.startswith("ok ") for line in told), told


@pytest.mark.parametrize("walled", [TWO], indirect=True, scope="module")
def test_check_and_prove_find_a_hole(walled: Tunnel) -> None:
    try:
        walled.private.walls_off("new from the tunnel")
        assert "walls are not those" in walled.private.wg("check", check=False).stdout
        done = walled.public.wg("prove", check=False)
        assert done.returncode == 1
        assert f"FAIL  {PRIVATE}:{OTHER} open" in done.stdout
        assert f"FAIL  {PRIVATE}:443 reset" in done.stdout
    finally:
        walled.private.wg("up")
    assert walled.private.wg("check").stdout.startswith("ok")


@pytest.mark.parametrize("walled", [TWO, ONE], indirect=True, scope="module")
def test_what_was_opened_without_walls_ends_with_them(walled: Tunnel) -> None:
    port = OTHER + 1
    walled.private.walls_off("new from the tunnel")
    try:
        with (
            walled.private.task("serve", port),
            walled.public.task("stream", f"{PRIVATE}:{port}", RATE, 0.5) as stream,
        ):
            walled.private.wg("up")
            seen = stream.end()
        assert 0 < seen["count"] < seen["sent"]
    finally:
        walled.private.wg("up")


# ---- the tunnel in use ----


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory) -> Iterator[Tunnel]:
    with Tunnel(tmp_path_factory.mktemp("tunnel"), TWO) as made:
        yield made.up()


@contextmanager
def streaming(tunnel: Tunnel) -> Iterator[dict]:
    """A stream of numbers through the tunnel and back; the dictionary has both ends' books after
    the block. Nothing may be lost, doubled or out of order."""
    books: dict = {}
    with (
        tunnel.public.task("serve", BUS) as serving,
        tunnel.private.task("stream", f"{PUBLIC}:{BUS}", RATE) as sending,
    ):
        yield books
        books |= sending.end()
        far = serving.end()
    assert books["wrong"] == 0 and far["wrong"] == 0, (books, far)
    assert books["sent"] == books["count"] == far["count"] > 0, (books, far)
    books["gap_s"] = max(books["gap_s"], far["gap_s"])


def rotation(tunnel: Tunnel, *before: object) -> list[object]:
    """The command that rotates the keys; `before` stands in front of the far end's."""
    far = tunnel.public.argv_from_other(
        SLUICE, "tunnel", "rotate", "--far", "--script", WG, "--config", tunnel.public.conf
    )
    return [SLUICE, "tunnel", "rotate", "--json", "--script", WG,
            "--config", tunnel.private.conf, "--", *before, *far]  # fmt: skip


def active(side: Side) -> str:
    return (side.conf.parent / "active").read_text().strip()


def keys(side: Side) -> set[str]:
    return {path.name for path in side.conf.parent.glob("*.*") if path.name != "tunnel.conf"}


def assert_settled(tunnel: Tunnel, slot: str) -> None:
    """One slot on both sides, and nothing of the other one."""
    for side in tunnel.sides:
        assert active(side) == slot
        assert keys(side) == {f"{slot}.key", f"{slot}.psk", f"{slot}.peer"} | {".lock"}
        assert side.run("wg", "show", "interfaces").stdout.split() == [f"swg{slot}"]
        assert side.wg("check").stdout.startswith("ok")


def test_a_restart_stalls_for_less_than_five_seconds(tunnel: Tunnel, record_property) -> None:
    with streaming(tunnel) as books:
        crash(tunnel.public)
        tunnel.public.wg("up")
        tunnel.private.wg("down")
        tunnel.private.wg("up")
    record_property("stall_s", books["gap_s"])
    assert books["gap_s"] < STALL_MAX_S * PATIENCE
    print(f"stall {books['gap_s']:.2f} s")


def crash(side: Side) -> None:
    """As if wireguard-go died, or the kernel's interface were deleted."""
    slot = active(side)
    side.run("ip", "link", "del", "dev", f"swg{slot}")


def test_keep_brings_back_what_is_gone(tunnel: Tunnel) -> None:
    """As the service does it; the stop is orderly and leaves the walls."""
    slot = active(tunnel.public)
    keep = tunnel.public.popen(WG, "keep", tunnel.public.conf, stdout=subprocess.PIPE)
    with streaming(tunnel) as books, keep as keeper:
        try:
            assert b"is up" in keeper.stdout.readline()
            crash(tunnel.public)
            until(lambda: exists(tunnel.public, slot), "the interface")
        finally:
            keeper.terminate()
        assert keeper.wait(20) == 0
        assert not exists(tunnel.public, slot)
        assert "swg" in tunnel.public.run("nft", "list", "tables").stdout
        tunnel.public.wg("up")
    assert books["gap_s"] < STALL_MAX_S * PATIENCE


def exists(side: Side, slot: str) -> bool:
    return side.run("ip", "link", "show", f"swg{slot}", check=False).returncode == 0


def test_rotation_under_load_loses_nothing(tunnel: Tunnel, record_property) -> None:
    files = [side.conf.parent / f"{active(side)}.key" for side in tunnel.sides]
    before = {path: path.read_text() for path in files}
    with streaming(tunnel) as books:
        for slot in ("b", "a"):
            done = json.loads(tunnel.private.run(*rotation(tunnel)).stdout)
            assert done["new_slot"] == slot
            assert_settled(tunnel, slot)
    after = {path: path.read_text() for path in before}
    assert all(before[path] != after[path] for path in before), "a key is the old one"
    for name, value in (*done.items(), *books.items()):
        record_property(name, value)
    print(f"rotation {done}, stream {books}")
    assert books["retransmitted"] <= books["needless"], "packets were lost"
    assert books["gap_s"] < 1.0 * PATIENCE


@pytest.mark.parametrize("word", ["ready", "shaken", "moved", "retire", "done"])
def test_a_rotation_that_breaks_off_is_finished_by_the_next(tunnel: Tunnel, word: str) -> None:
    """The way between the ends goes at this word; traffic does not notice, whatever was reached."""
    old = active(tunnel.private)
    new = "ab"[old == "a"]
    with streaming(tunnel) as books:
        relay = (sys.executable, INSIDE, "relay", word)
        broken = tunnel.private.run(*rotation(tunnel, *relay), check=False)
        assert broken.returncode != 0
        if word == "ready":
            assert_settled(tunnel, old)
        else:
            assert "the same command again finishes" in broken.stderr
        for side in tunnel.sides:
            side.wg("up")  # as after a restart of the machine: what was reached stays
        tunnel.private.run(*rotation(tunnel))
        assert_settled(tunnel, new)
    assert books["gap_s"] < 1.0 * PATIENCE


def test_nothing_but_wireguard_on_the_underlay(tunnel: Tunnel) -> None:
    """Traffic, a rotation, and each end gone for a while, when what is still being sent would go
    out in clear by the default route."""
    with tunnel.public.task("capture", UNDERLAY) as wire:
        with streaming(tunnel):
            tunnel.private.run(*rotation(tunnel))
            crash(tunnel.public)
            assert tunnel.private.knock(f"{PUBLIC}:{BUS}") == {f"{PUBLIC}:{BUS}": "silent"}
            tunnel.public.wg("up")
            crash(tunnel.private)
            assert tunnel.private.knock(f"{PUBLIC}:{BUS}") == {f"{PUBLIC}:{BUS}": "silent"}
            tunnel.private.wg("up")
        seen = wire.end()
    assert seen["missed"] == 0
    assert seen["kinds"].pop("wireguard") > 2 * RATE
    assert seen["marked"] == 0
    assert set(seen["kinds"]) <= {"arp", "neighbours"}, seen["kinds"]


def test_the_capture_sees_what_goes_in_clear(tunnel: Tunnel) -> None:
    """The same capture finds the same stream once the walls are gone and the tunnel is down."""
    private, public = tunnel.sides
    try:
        private.wg("down")
        private.walls_off("the peer in clear", "new out of the underlay", "the peer from elsewhere")
        public.run("nft", "delete", "table", "inet", "swg")
        public.run("ip", "route", "replace", f"{PRIVATE}/32", "via", UNDER_PRIVATE)
        with public.task("capture", UNDERLAY) as wire:
            with streaming(tunnel):
                until(lambda: True, "a moment of the stream")
            seen = wire.end()
        assert seen["marked"] > 0
        assert any("protocol 6" in kind for kind in seen["kinds"]), seen["kinds"]
    finally:
        tunnel.up()


# ---- what the operator sees ----


def status(side: Side, *options: object):
    return side.run(SLUICE, "tunnel", "status", "--config", side.conf, *options, check=False)


def test_status_tells_and_exits_as_it_is(tunnel: Tunnel, tmp_path: Path) -> None:
    with tunnel.public.task("listen", BUS):
        well = status(tunnel.private, "--json")
        told = json.loads(well.stdout)
        assert (well.returncode, told["well"], told["probe"]) == (0, True, "ok")
        assert told["handshake_age_s"] < 60 and told["received_bytes"] > 0
    refused = json.loads(status(tunnel.private, "--json").stdout)
    assert (refused["well"], refused["probe"]) == (False, "reset")
    assert status(tunnel.public).returncode == 0  # it listens and has nothing to try
    until(lambda: status(tunnel.public, "--max-age", 1).returncode == 1, "an old handshake")
    assert "sluice_tunnel_up" in status(tunnel.public, "--metrics").stdout
    tunnel.public.wg("down")
    assert status(tunnel.public).returncode == 3
    silent = json.loads(status(tunnel.private, "--json").stdout)
    assert silent["probe"] == "silent"
    tunnel.public.wg("up")


def test_what_may_not_be_asked_is_not_called_gone(tunnel: Tunnel, tmp_path: Path) -> None:
    stand_in(tmp_path, "wg", "exit 1")
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    command = ["env", path, SLUICE, "tunnel", "status", "--config", tunnel.private.conf]
    done = tunnel.private.run(*command, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is there, but wg can't ask it" in done.stderr


def test_status_keeps_its_files_fresh(tunnel: Tunnel, tmp_path: Path) -> None:
    """Files that everybody may read: the collector's and the public worker's."""
    metrics, state = tmp_path / "sluice.prom", tmp_path / "tunnel.json"
    command = [SLUICE, "tunnel", "status", "--config", tunnel.public.conf, "--every", 1,
               "--metrics-file", metrics, "--status-file", state]  # fmt: skip
    with tunnel.public.popen(*command) as running:
        try:
            until(state.exists, "the status file")
            first = json.loads(state.read_text())["looked_ms"]
            until(lambda: json.loads(state.read_text())["looked_ms"] > first, "a fresh one")
        finally:
            running.terminate()
    assert running.returncode == 0
    assert "\nsluice_tunnel_handshake_age_seconds{" in metrics.read_text()
    for path in (metrics, state):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_up_again_changes_nothing(tunnel: Tunnel) -> None:
    def counted(side: Side) -> str:
        return side.run("nft", "list", "table", "inet", "swg").stdout.count("packets 0 ")

    slot = active(tunnel.private)
    before = tunnel.private.run("wg", "show", f"swg{slot}", "latest-handshakes").stdout
    tunnel.public.knock(f"{PRIVATE}:{OTHER}@swg{slot}")
    zeros = counted(tunnel.private)
    tunnel.up()
    assert tunnel.private.run("wg", "show", f"swg{slot}", "latest-handshakes").stdout == before
    assert counted(tunnel.private) == zeros, "the walls were loaded anew"


def test_no_walls_no_tunnel(tunnel: Tunnel, tmp_path: Path) -> None:
    """nft fails: `up` must say so and leave no interface."""
    stand_in(tmp_path, "nft", 'case "$*" in "-f -") exit 1 ;; esac; exec {real} "$@"')
    tunnel.private.wg("down", "--rules")
    try:
        path = f"PATH={tmp_path}:{os.environ['PATH']}"
        done = tunnel.private.run("env", path, WG, "up", tunnel.private.conf, check=False)
        assert done.returncode != 0 and "nft" in done.stderr
        assert tunnel.private.run("wg", "show", "interfaces").stdout.strip() == ""
    finally:
        tunnel.private.wg("up")


def stand_in(folder: Path, name: str, script: str) -> None:
    real = shutil.which(name)
    (folder / name).write_text(f"#!/bin/sh\n{script.format(real=real)}\n")
    (folder / name).chmod(0o755)


def test_keys_stay_in_their_files(tunnel: Tunnel, tmp_path: Path) -> None:
    """No private or preshared key among arguments, in what is printed, or readable by others."""
    log = tmp_path / "arguments"
    for name in filter(shutil.which, ("wg", "ip", "nft", "wireguard-go")):
        stand_in(tmp_path, name, f'echo "$0 $*" >> {log}; exec {{real}} "$@"')
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    secrets, said = set(), []
    secrets |= secrets_of(tunnel)
    said.append(tunnel.private.run("env", path, *rotation(tunnel)))
    secrets |= secrets_of(tunnel)
    for side in tunnel.sides:
        side.wg("down")
        for verb in ("up", "check"):
            said.append(side.run("env", path, WG, verb, side.conf))
        said.append(side.run("env", path, SLUICE, "tunnel", "status", "--json", "--config",
                             side.conf, check=False))  # fmt: skip
    assert len(secrets) == 2 * 3  # two private keys and a preshared one, twice
    text = log.read_text() + "".join(done.stdout + done.stderr for done in said)
    assert "private-key" in text, "the stand-ins were not used"
    assert not [secret for secret in secrets if secret in text]


def secrets_of(tunnel: Tunnel) -> set[str]:
    found = set()
    for side in tunnel.sides:
        for path in (*side.conf.parent.glob("*.key"), *side.conf.parent.glob("*.psk")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            found.add(path.read_text().strip())
    return found


def test_a_key_that_others_can_read_is_refused(tunnel: Tunnel) -> None:
    path = tunnel.private.conf.parent / f"{active(tunnel.private)}.key"
    path.chmod(0o640)
    try:
        done = tunnel.private.wg("up", check=False)
        assert done.returncode != 0 and "can be read by others" in done.stderr
    finally:
        path.chmod(0o600)


def test_the_far_end_moves(tunnel: Tunnel) -> None:
    """Another outer address of the public side: `endpoint` on the private one, traffic goes on."""
    new = "10.98.0.6"
    with streaming(tunnel) as books:
        for side, address in zip(tunnel.sides, ("10.98.0.5", new), strict=True):
            side.run("ip", "addr", "add", f"{address}/30", "dev", UNDERLAY)
        tunnel.public.run("ip", "addr", "del", f"{UNDER_PUBLIC}/30", "dev", UNDERLAY)
        tunnel.private.wg("endpoint", f"{new}:51820")
        tunnel.public.wg("endpoint", "10.98.0.5:51820")
        assert tunnel.private.wg("check").stdout.startswith("ok")
    assert f"saddr {new} udp" in tunnel.private.run("nft", "list", "ruleset").stdout
    assert books["gap_s"] < STALL_MAX_S * PATIENCE


def test_an_underlay_of_ipv6(tmp_path: Path) -> None:
    far, near = f"[{SIX_PUBLIC}]:51820", f"[{SIX_PRIVATE}]:51820"
    with Tunnel(tmp_path, TWO, endpoint_private=far, endpoint_public=near) as made:
        # A new link does not answer for its IPv6 address at once. Both first packets would wait for
        # that and cross, and WireGuard tries again after 5 s.
        way = f"{SIX_PUBLIC}:{OTHER}"
        until(lambda: made.private.knock(way)[way] == "reset", "the link")
        made.up()
        assert all(side.wg("check").stdout.startswith("ok") for side in made.sides)
        with streaming(made):
            made.private.run(*rotation(made))
        refused = made.public.knock(f"{UNDER_PRIVATE}:{OTHER}", f"{SIX_PRIVATE}:{OTHER}")
        assert set(refused.values()) == {"silent"}


@pytest.mark.parametrize(
    "word",
    [
        "underlay=eth0;reboot", 'underlay=eth0"', "address_private=10.99.0.256", "ports=9094}",
        "endpoint_public=far.example:51820", "endpoint_public=10.98.0.1:65535", "mtu=14 20",
        "interface=a-name-of-15-ch", "admin_from=10.0.0.0/8;", "no_such_name=1", "side",
    ],
)  # fmt: skip
def test_values_of_another_form_are_refused(tmp_path: Path, word: str) -> None:
    good = [f"underlay={UNDERLAY}", f"address_private={PRIVATE}", f"peer_address_private={PUBLIC}",
            f"address_public={PUBLIC}", f"peer_address_public={PRIVATE}",
            "endpoint_private=10.98.0.2:51820", "endpoint_public=10.98.0.1:51820"]  # fmt: skip
    assert pair(tmp_path, *good).returncode == 0
    done = pair(tmp_path, *good, word)
    assert done.returncode == 1 and done.stderr.startswith("wg.sh: "), done.stderr


def pair(folder: Path, *words: str):
    command = [WG, "pair", folder, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
