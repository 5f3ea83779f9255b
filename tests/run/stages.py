#!/usr/bin/env python3
"""The stages of `make test`, one after the other; stops at the first one that fails.

Prints each stage with its time and what passed, on failure the log, and at the end the line
`N passed, N failed` (`, N skipped` where something was). A stage that has nothing to run says so.
Logs stand in <build>/test/. Standard library only; test.sh has set the machine up before.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import programs
from system import free_ports, run_pytest, running_broker, running_system
from result import Failure, Result

ROOT = Path(__file__).resolve().parents[2]
MINUTES_MAX = 15


class Run:
    """One run of the stages: where it builds and logs, how long it fuzzes, how many seeds."""

    def __init__(self, build: str, long: bool, fuzz_s: int):
        self.build = build
        self.long = long
        self.fuzz_s = fuzz_s  # 0: as long as the run's length says
        self.logs = (ROOT / build / "test").resolve()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.ahead: dict[str, Future] = {}  # builds that run beside other stages, by flavour
        self.beside = False
        self.pool = ThreadPoolExecutor(1)
        self.commands: set[subprocess.Popen] = set()

    def out(self, flavor: str) -> Path:
        folder = (ROOT / self.build).resolve()
        return folder if flavor == "release" else folder / flavor

    def command(self, name: str, *command: str, env: dict[str, str] | None = None) -> None:
        """Runs a command into <logs>/<name>.log; raises Failure with the log's end."""
        log = self.logs / f"{name}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | (env or {}), stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.commands.add(process)
        status = process.wait()
        self.commands.discard(process)
        if status != 0:
            raise Failure(f"{' '.join(command)} ended with {status}", log)

    def make(self, name: str, flavor: str, *targets: str) -> None:
        jobs = f"-j{min(os.cpu_count() or 2, 4)}"
        nice = ["nice", "-n", "10"] if self.beside else []
        self.command(name, *nice, "make", "--no-print-directory", jobs, f"B={self.build}",
                     f"FLAVOR={flavor}", *targets)  # fmt: skip

    def build_flavor(self, flavor: str) -> None:
        targets = ("fuzz-bins",) if flavor == "fuzz" else ("programs", "unit-bins")
        self.make(f"build-{flavor}", flavor, *targets)

    def stop(self) -> None:
        """Ends what still runs beside a stage that failed."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self.commands):
            os.killpg(process.pid, signal.SIGTERM)


def build(run: Run, flavor: str) -> Result:
    if flavor in run.ahead:
        run.ahead[flavor].result()
    else:
        run.build_flavor(flavor)
    return Result()


def build_ahead(run: Run) -> Result:
    """The next stages mostly wait: the builds of the ones after them run beside them."""
    run.beside = True
    for flavor in ("asan", "tsan", "fuzz"):
        run.ahead[flavor] = run.pool.submit(run.build_flavor, flavor)
    return Result(note="the other builds begin, beside the next stages")


def lint(run: Run) -> Result:
    run.command("lint", "make", "--no-print-directory", f"B={run.build}", "lint")
    return run_pytest(run, "lint-tests", "tests/lint", {})


def unit(run: Run, flavor: str) -> Result:
    with running_broker(run, f"unit-{flavor}") as env:
        return programs.unit_tests(run, flavor, env)


def oracles(run: Run) -> Result:
    """Unit tests that compare with another implementation, in Python."""
    env = {"SLUICE_BIN": str(run.out("release") / "bin")}
    env["SLUICE_ORACLE_VALUES"] = "10000" if run.long else "500"
    return run_pytest(run, "oracles", "tests/unit", env)


def quality(run: Run) -> Result:
    """The classifier's recall and false alarms on generated cases, against the bars."""
    program = str(run.out("release") / "bin/sluice")
    run.command("quality", "python3", "tests/quality/quality.py", "--sluice", program,
                "--count", "30" if run.long else "3", "--check")  # fmt: skip
    return Result(1)


def fuzz(run: Run) -> Result:
    build(run, "fuzz")
    return programs.fuzz_targets(run, run.fuzz_s or (300 if run.long else 5))


def deploy(run: Run) -> Result:
    return run_pytest(run, "deploy", "tests/deploy", {})


def segregation(run: Run) -> Result:
    """The wall between private and public; skipped by name where it can't be built."""
    env = {"SLUICE_WHOLE_REQUESTS": "2000", "SLUICE_WHOLE_DOWN_S": "60"} if run.long else {}
    return beside(run, "segregation", env, (("test_whole.py", "test_tunnel.py"),))


def integration(run: Run) -> Result:
    if not list((ROOT / "tests/integration").glob("**/test_*.py")):
        return Result(note="tests/integration holds no tests yet")
    with running_system(run, "integration") as env:
        return run_pytest(run, "integration", "tests/integration", env)


def beside(run: Run, folder: str, env: dict[str, str], lanes: tuple[tuple, ...]) -> Result:
    """The tests of a folder, which mostly wait, as several pytests side by side: one a lane, and
    one for all other files."""
    files = sorted((ROOT / "tests" / folder).glob("test_*.py"))
    named = {name for lane in lanes for name in lane}
    parts = [[f for f in files if f.name in lane] for lane in lanes]
    parts.append([f for f in files if f.name not in named])

    def one(i: int) -> Result:
        return run_pytest(run, f"{folder}-{i}", f"tests/{folder}", env, tuple(map(str, parts[i])))

    with ThreadPoolExecutor(len(parts)) as pool:
        jobs = [pool.submit(one, i) for i in range(len(parts))]
    return sum((job.result() for job in jobs), Result())


def faults(run: Run) -> Result:
    env = {"SLUICE_FAULT_SEEDS": "20" if run.long else "2"} | free_ports()
    lanes = (
        ("test_kill.py", "test_down.py", "test_sanitizers.py"),
        ("test_keys.py", "test_nonces.py", "test_forged_answers.py"),
    )
    return beside(run, "faults", env, lanes)


STAGES: list[tuple[str, Callable[[Run], Result]]] = [
    ("build", lambda run: build(run, "release")),
    ("lint", lint),
    ("unit", lambda run: unit(run, "release")),
    ("unit against oracles", oracles),
    ("quality of the classifier", quality),
    ("ahead", build_ahead),
    ("deploy", deploy),
    ("segregation", segregation),
    ("integration", integration),
    ("build with ASan and UBSan", lambda run: build(run, "asan")),
    ("unit under ASan and UBSan", lambda run: unit(run, "asan")),
    ("build with TSan", lambda run: build(run, "tsan")),
    ("unit under TSan", lambda run: unit(run, "tsan")),
    ("fuzz", fuzz),
    ("faults", faults),
]


def run_stage(run: Run, name: str, stage: Callable[[Run], Result]) -> Result:
    """Runs one stage and tells about it; a Failure becomes a failed Result."""
    print(f"== {name}", flush=True)
    start = time.monotonic()
    try:
        result = stage(run)
    except Failure as failure:
        result = failure.result
        print(failure.report())
    verdict = "FAILED" if result.failed else "empty" if result.note else "ok"
    print(f"   {verdict:8} {time.monotonic() - start:.1f} s  {result.text()}", flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--started", type=float, default=time.time(), help="Unix seconds")
    parser.add_argument("--long", action="store_true", help="longer fuzzing, more fault seeds")
    parser.add_argument("--only", default="", help="stages whose name contains this word")
    parser.add_argument("--fuzz-seconds", type=int, default=0, help="for each target")
    arguments = parser.parse_args()

    os.environ.setdefault("SLUICE_CACHE_DIR", str(ROOT / ".cache/sluice"))
    run = Run(os.environ.get("B") or "build", arguments.long, arguments.fuzz_seconds)
    total = Result()
    try:
        for name, stage in STAGES:
            if arguments.only in name:
                total += run_stage(run, name, stage)
                if total.failed:
                    break
    finally:
        run.stop()
    minutes = (time.time() - arguments.started) / 60
    print(f"== all of it: {minutes:.1f} minutes")
    if minutes > MINUTES_MAX and not arguments.long:
        print(f"   longer than the {MINUTES_MAX} minutes that it should take on two cores")
    print(total.line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
