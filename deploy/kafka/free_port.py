#!/usr/bin/env python3
"""Prints a port P such that P and P+1 (the broker's controller) are free on 127.0.0.1.

Chosen below the kernel's range of ephemeral ports, so that no outgoing connection takes it in
between.
"""

import random
import socket
import sys


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> int:
    for _ in range(200):
        port = random.randrange(20_000, 32_000, 2)
        if is_free(port) and is_free(port + 1):
            print(port)
            return 0
    print("no two neighbouring free ports between 20000 and 32000", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
