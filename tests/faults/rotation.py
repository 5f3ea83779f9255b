"""Requests of both classes, and new envelope keys for them, for tests that rotate."""

import json

from harness import Daemon, Sluice

WORDS = {"private": "Project Falcon", "public": "a garden"}


def ask_all(books, cls: str, marker: str, n: int, pool) -> list:
    """Futures of `n` requests of the class, by turns streamed and not."""
    return [
        pool.submit(books.ask, f"Tell me about {WORDS[cls]}. {marker}-{i}", f"{marker}-{i}",
                    i % 2 == 0, 90)
        for i in range(n)
    ]  # fmt: skip


def rotate(system: Sluice, cls: str, lead: str = "0") -> str:
    """In the gateway's file, which is the system's; the new kid."""
    done = system.ctl("keys", "rotate", "--class", cls, "--lead", lead, "--overlap", "1h",
                      "--keyring", str(system.keyring_path), "--json")  # fmt: skip
    return json.loads(done.stdout)["kid"]


def reloads(daemon: Daemon, outcome: str = "taken") -> float:
    return daemon.metrics().value("sluice_keyring_reloads_total", outcome=outcome)


def in_use(system: Sluice) -> set[str]:
    """The kids that the system's file has in use now, one a class."""
    said = system.ctl("keyring", "list", "--json", "--keyring", str(system.keyring_path)).stdout
    rows = [json.loads(line) for line in said.splitlines()]
    return {row["kid"] for row in rows if row["state"] == "used"}
