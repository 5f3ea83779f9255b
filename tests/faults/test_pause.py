"""Processes that stop for a while and then go on as if nothing had happened."""

import os
import signal
import time

from harness import until
from mixed import Mixed, check_nothing_stuck

BROKER_PAUSE_S = 10
SESSION_S = 6


def broker_pid(broker) -> int:
    return int((broker.folder / "broker.pid").read_text())


def pause(seconds: float) -> None:
    """Not a wait for an event: the length of the pause is what is tested."""
    time.sleep(seconds)  # poll: the length of the pause is what is tested


def test_broker_sleeps(system):
    mixed = Mixed(system, "sleep").start()
    mixed.wait_over(20)
    pid = broker_pid(system.broker)
    os.kill(pid, signal.SIGSTOP)
    try:
        pause(BROKER_PAUSE_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    mixed.finish()
    mixed.check_ends(errors_max=100)
    assert not mixed.cut
    mixed.check_texts()
    check_nothing_stuck(system)
    mixed.check_audit()


def test_zombie_worker(system):
    """A worker sleeps past its session, its work moves, then it wakes and goes on writing: the
    client sees each piece once."""
    mixed = Mixed(system, "zombie", tokens=400).start()
    mixed.wait_over(30)
    zombie = system.privates[0]
    zombie.freeze()
    try:
        pause(SESSION_S + 6)
    finally:
        zombie.thaw()
    mixed.finish()
    mixed.check_ends()
    assert not mixed.cut
    mixed.check_texts()
    check_nothing_stuck(system)
    mixed.check_audit()
    assert any(row["runs"] > 1 for row in mixed.said["list"]), "nothing moved"


def test_gateway_sleeps(system):
    """It wakes with its requests' answers long there."""
    mixed = Mixed(system, "gwsleep").start()
    mixed.wait_over(20)
    system.gateway.freeze()
    pause(2)
    system.gateway.thaw()
    mixed.finish()
    mixed.check_ends()
    mixed.check_texts()
    until(lambda: system.gateway.ready(), "the gateway is ready")
    mixed.check_audit()
