"""kill -9 of each process in the middle of 100 mixed requests (issue 3, point 4)."""

import pytest

from mixed import Mixed, check_nothing_stuck


def settle(system, mixed) -> None:
    mixed.check_texts()
    check_nothing_stuck(system)
    mixed.check_audit()


def test_gateway(system):
    mixed = Mixed(system, "gateway").start()
    mixed.wait_over(30)
    mixed.kill_gateway(system.gateway)
    system.gateway.start()
    mixed.finish()
    mixed.check_ends()
    assert mixed.cut, "the gateway died too late: nothing was cut"
    settle(system, mixed)


@pytest.mark.parametrize("i", [0, 1])
def test_private_worker(system, i):
    """What it had in hand is run by the other one; the text goes on where the client is."""
    mixed = Mixed(system, f"private{i}", tokens=400).start()
    mixed.wait_over(30)
    system.privates[i].kill()
    mixed.finish()
    mixed.check_ends()
    assert not mixed.cut
    system.privates[i].start()
    settle(system, mixed)
    assert any(row["runs"] > 1 for row in mixed.said["list"]), "nothing was run again"


def test_public_worker(system):
    """The only one of its class: what is in hand waits or is refused for want of a worker."""
    mixed = Mixed(system, "public").start()
    mixed.wait_over(30)
    system.public.kill()
    system.public.start()
    mixed.finish()
    mixed.check_ends(errors_max=50)
    assert not mixed.cut
    settle(system, mixed)


def test_upstream(system):
    mixed = Mixed(system, "upstream").start()
    mixed.wait_over(30)
    system.upstream.kill()
    system.upstream.start()
    mixed.finish()
    mixed.check_ends(errors_max=50)
    assert not any(a.error for a in mixed.asked if a.private)
    assert not mixed.cut
    settle(system, mixed)


def test_broker(system):
    mixed = Mixed(system, "broker").start()
    mixed.wait_over(30)
    system.broker.kill()
    system.broker.start()
    mixed.finish()
    mixed.check_ends(errors_max=100)
    assert not mixed.cut
    settle(system, mixed)
