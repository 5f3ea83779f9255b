"""Waiting for events with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from .paths import PATIENCE

T = TypeVar("T")
LOOK_S = 0.02


class Timeout(AssertionError):
    """What was waited for did not happen in time."""


def until(look: Callable[[], T], what: str, seconds: float = 20.0, every: float = LOOK_S) -> T:
    """Looks until `look` returns something true, and returns it; Timeout says what did not come.
    `look` may raise OSError (nothing listens yet): that counts as false."""
    end = time.monotonic() + seconds * PATIENCE
    last: object = None
    while True:
        try:
            last = look()
        except OSError as problem:
            last = problem
        else:
            if last:
                return last  # type: ignore[return-value]
        if time.monotonic() >= end:
            raise Timeout(f"not within {seconds * PATIENCE:.0f} s: {what} (last seen: {last!r})")
        time.sleep(every)  # poll: the condition that the caller names
