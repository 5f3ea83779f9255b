"""Free TCP ports below the kernel's ephemeral range, so that no outgoing connection takes one."""

import random
import socket

_given: set[int] = set()


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(neighbours: int = 1) -> int:
    """The first of `neighbours` ports in a row; none is given out twice by this process."""
    for _ in range(500):
        first = random.randrange(20_000, 31_900)
        row = range(first, first + neighbours)
        if not _given.intersection(row) and all(map(_is_free, row)):
            _given.update(row)
            return first
    raise RuntimeError(f"no {neighbours} neighbouring free ports between 20000 and 32000")
