#!/usr/bin/env python3
"""Waits until a Kafka broker hands out producer ids: wait_ready.py HOST PORT SECONDS [CA PEM].

A broker that says "Kafka Server started" has no block of producer ids yet. The first idempotent
producer is then told COORDINATOR_LOAD_IN_PROGRESS and librdkafka asks again only 500 ms later. One
id drawn and thrown away here (InitProducerId, the first step of every idempotent produce) fetches
the block for everybody. Needs nothing but the standard library, so that it runs before setup.
With CA and PEM (key and certificate of one file) it speaks TLS.
"""

import socket
import ssl
import struct
import sys
import time

INIT_PRODUCER_ID = 22
COORDINATOR_LOAD_IN_PROGRESS = 14


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker closed the connection")
        data += part
    return data


def init_producer_id(sock: socket.socket) -> int:
    """Draws one producer id and returns the error code of the answer."""
    client = b"sluice-ready"
    # Request header version 1: api key, api version, correlation id, client id.
    # Body version 0: transactional id (null), transaction time-out in ms.
    body = struct.pack(">hhih", INIT_PRODUCER_ID, 0, 1, len(client)) + client
    body += struct.pack(">hi", -1, 10_000)
    sock.sendall(struct.pack(">i", len(body)) + body)
    (size,) = struct.unpack(">i", read_exactly(sock, 4))
    # Correlation id, throttle time, error code, producer id, epoch.
    _, _, error, _, _ = struct.unpack(">iihqh", read_exactly(sock, size))
    return error


def connect(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    sock = socket.create_connection((host, port), timeout=2)
    if context is None:
        return sock
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise


def main() -> int:
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    context = None
    if len(sys.argv) > 5:
        context = ssl.create_default_context(cafile=sys.argv[4])
        context.load_cert_chain(sys.argv[5])
    end = time.monotonic() + seconds
    last = "no connection"
    while time.monotonic() < end:
        try:
            with connect(host, port, context) as sock:
                error = init_producer_id(sock)
            if error == 0:
                return 0
            last = f"error code {error}"
            if error != COORDINATOR_LOAD_IN_PROGRESS:
                break
        except (OSError, struct.error) as problem:
            last = str(problem)
        time.sleep(0.02)
    print(f"{host}:{port} hands out no producer id: {last}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
