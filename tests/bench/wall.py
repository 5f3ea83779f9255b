#!/usr/bin/env python3
"""Costs of the wall: kafka_rtt_bench (the bus against bare librdkafka) on plain loopback Kafka,
over mTLS beside the broker, and over mTLS through the tunnel. As root; `make bench-wall`."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in ("tests", "tests/segregation", "tests/integration"):
    sys.path.insert(0, str(ROOT / folder))

from harness import Broker  # noqa: E402
from netns import Tunnel, require  # noqa: E402
from whole import NetShape, enter_net  # noqa: E402


def bench(program: str, title: str, address: str, tls: str, rounds: int) -> None:
    print(f"\n## {title}", flush=True)
    env = os.environ | {"SLUICE_TEST_KAFKA": address, "SLUICE_BENCH_TLS": tls}
    subprocess.run([program, str(rounds)], env=env, check=True)


def through_the_tunnel(program: str, folder: Path, one: bool, rounds: int) -> None:
    name = "one cluster" if one else "two clusters"
    tunnel = Tunnel(folder / "tunnel", "one-cluster" if one else "two-clusters").up()
    shape = None
    try:
        enter_net(f"/proc/{tunnel.private.pid}/ns/net")
        shape = NetShape(folder / "kafka", one, tunnel.public).start()
        broker = shape.public
        tls = f"{broker.pki.ca} {broker.pki.pem('admin')}"
        where = "mTLS beside the broker" if one else "mTLS through the tunnel"
        bench(program, f"{name}: {where}", broker.priv, tls, rounds)
    finally:
        if shape:
            shape.stop()
        enter_net(f"/proc/{os.getppid()}/ns/net")
        tunnel.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", default="build/tests/bench/common/bus/kafka_rtt_bench")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    require()
    program = str(Path(arguments.bench).resolve())
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder) / "plain").start()
        try:
            bench(program, "plain, loopback", broker.address, "", arguments.rounds)
        finally:
            broker.stop()
        for one in (True, False):
            through_the_tunnel(program, Path(folder) / f"wall{one}", one, arguments.rounds)


if __name__ == "__main__":
    main()
