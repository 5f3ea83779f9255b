"""Starts a whole Sluice for the stages that need one, and runs pytest."""

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from result import Failure, Result

ROOT = Path(__file__).resolve().parents[2]
PYTEST_S = 900


def _free_run(size: int) -> int:
    """The first of `size` neighbouring free ports, below the kernel's ephemeral range."""
    for first in range(21_000, 32_000, 10):
        sockets = [socket.socket() for _ in range(size)]
        try:
            for offset, sock in enumerate(sockets):
                sock.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise Failure(f"no {size} neighbouring free ports between 21000 and 32000")


def free_ports() -> dict[str, str]:
    """Ports for deploy/demo/up.sh beside those of a system that may run already."""
    first = _free_run(8)
    return {"SLUICE_DEMO_PORT": str(first), "SLUICE_DEMO_KAFKA_PORT": str(first + 4)}


def _read_env(path: Path) -> dict[str, str]:
    """The assignments of .run/env, which is in shell syntax."""
    env = {}
    for line in path.read_text().splitlines():
        for word in shlex.split(line, comments=True):
            name, equals, value = word.partition("=")
            if equals:
                env[name] = value
    return env


@contextmanager
def running_system(run, name: str) -> Iterator[dict[str, str]]:
    """`make up` in a folder and on ports of its own; yields the environment for tests."""
    folder = run.logs / f"{name}-run"
    env = {"SLUICE_RUN": str(folder), "SLUICE_DEMO_BIN": str(run.out("release") / "bin")}
    env |= free_ports() | {"SLUICE_DEMO_SHAPE": "plain"}  # one cluster: the tests read all topics
    if folder.exists():
        run.command(f"{name}-down", "deploy/demo/down.sh", env=env)
        shutil.rmtree(folder)
    try:
        run.command(f"{name}-up", "deploy/demo/up.sh", env=env)
        yield env | _read_env(folder / "env")
    finally:
        run.command(f"{name}-down", "deploy/demo/down.sh", env=env)


@contextmanager
def running_broker(run, name: str) -> Iterator[dict[str, str]]:
    """A broker alone, for the unit tests of the bus; they find it through SLUICE_TEST_KAFKA."""
    broker, folder = "deploy/kafka/broker.sh", run.logs / f"{name}-kafka"
    shutil.rmtree(folder, ignore_errors=True)
    port = str(_free_run(2))
    try:
        run.command(f"{name}-kafka-start", broker, "start", str(folder), port)
        yield {"SLUICE_TEST_KAFKA": f"127.0.0.1:{port}"}
    finally:
        run.command(f"{name}-kafka-stop", broker, "stop", str(folder), port)


def _junit_counts(path: Path) -> Result:
    suites = ElementTree.parse(path).getroot().iter("testsuite")
    passed = failed = skipped = 0
    for suite in suites:
        tests, bad, missed = (
            sum(int(suite.get(key, 0)) for key in keys)
            for keys in (("tests",), ("failures", "errors"), ("skipped",))
        )
        passed, failed, skipped = passed + tests - bad - missed, failed + bad, skipped + missed
    return Result(passed, failed, skipped)


def run_pytest(
    run, name: str, folder: str, env: dict[str, str], files: tuple[str, ...] = ()
) -> Result:
    """Runs the tests of a folder, or some files of it. Tests find the programs through SLUICE_BIN,
    SLUICE_BIN_ASAN and SLUICE_BIN_TSAN, the Python of the tests is .cache/venv."""
    if not list((ROOT / folder).glob("**/test_*.py")):
        return Result(note=f"{folder} holds no tests yet")
    log, report = run.logs / f"{name}.log", run.logs / f"{name}.xml"
    report.unlink(missing_ok=True)
    python = Path(os.environ.get("SLUICE_CACHE") or ROOT / ".cache") / "venv/bin/python"
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--color=no",
               "--durations=10", f"--junitxml={report}", *(files or [folder])]  # fmt: skip
    binaries = {
        "SLUICE_BIN": str(run.out("release") / "bin"),
        "SLUICE_BIN_ASAN": str(run.out("asan") / "bin"),
        "SLUICE_BIN_TSAN": str(run.out("tsan") / "bin"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with log.open("w") as out:
        try:
            status = subprocess.run(
                command, cwd=ROOT, env=os.environ | binaries | env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, timeout=PYTEST_S, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failure(f"{folder} ran for more than {PYTEST_S} s", log) from None
    result = _junit_counts(report) if report.exists() else Result()
    if status != 0 or result.failed:
        raise Failure(f"{name} failed", log, result if result.failed else Result(failed=1))
    return result
