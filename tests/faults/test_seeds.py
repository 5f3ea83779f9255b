"""Faults drawn from a seed: kills, pauses and restarts of gateways, workers and broker over a few
hundred mixed requests; then the audit's verdict is compared with the client's own books.

SLUICE_FAULT_SEEDS says how many seeds (2); SLUICE_FAULT_FIRST the first one (1). A failure names
its seed: SLUICE_FAULT_FIRST=7 SLUICE_FAULT_SEEDS=1 draws the same faults again."""

import os
import random
import signal
import time

import pytest

from mixed import Mixed, check_nothing_stuck

SEEDS = int(os.environ.get("SLUICE_FAULT_SEEDS", "2"))
FIRST = int(os.environ.get("SLUICE_FAULT_FIRST", "1"))
REQUESTS = 240
FAULTS = 5


class Faults:
    def __init__(self, system, mixed: Mixed, seed: int):
        self.system, self.mixed = system, mixed
        self.draw = random.Random(seed)
        self.done: list[str] = []

    def pause(self, most: float) -> float:
        """Not a wait for an event: how long something is away is what is drawn."""
        seconds = round(self.draw.uniform(0.2, most), 2)
        time.sleep(seconds)  # poll: the length is what is drawn
        return seconds

    def kill(self, daemon) -> None:
        if daemon in self.system.gateways:
            self.mixed.kill_gateway(daemon)
        else:
            daemon.kill()
        away = self.pause(1.5)
        daemon.start()
        self.done.append(f"kill {daemon.name}, away {away} s")

    def restart(self, daemon) -> None:
        daemon.stop()
        daemon.start()
        self.done.append(f"restart {daemon.name}")

    def freeze(self, daemon) -> None:
        daemon.freeze()
        slept = self.pause(8 if daemon in self.system.privates else 2)
        daemon.thaw()
        self.done.append(f"freeze {daemon.name} {slept} s")

    def broker(self) -> None:
        if self.draw.random() < 0.5:
            self.system.broker.kill()
            away = self.pause(1)
            self.system.broker.start()
            self.done.append(f"kill the broker, away {away} s")
            return
        pid = int((self.system.broker.folder / "broker.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            slept = self.pause(5)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.done.append(f"freeze the broker {slept} s")

    def one(self) -> None:
        what = self.draw.choice(["kill", "kill", "restart", "freeze", "broker"])
        if what == "broker":
            self.broker()
            return
        system = self.system
        daemon = self.draw.choice([*system.gateways, *system.privates, *system.publics])
        getattr(self, what)(daemon)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_seed(system, seed):
    mixed = Mixed(system, f"seed{seed}", n=REQUESTS, at_once=8, tokens=300).start()
    faults = Faults(system, mixed, seed)
    try:
        for i in range(FAULTS):
            mixed.wait_over((i + 1) * REQUESTS // (FAULTS + 2))
            faults.one()
        mixed.finish()
        mixed.check_ends(errors_max=REQUESTS // 2)
        mixed.check_texts()
        check_nothing_stuck(system)
        mixed.check_audit()
    except AssertionError as problem:
        raise AssertionError(f"seed {seed}, faults {faults.done}: {problem}") from problem
