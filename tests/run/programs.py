"""Runs the test programs written in C: unit tests (cmocka) and fuzz targets (libFuzzer)."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from result import Failure, Result

ROOT = Path(__file__).resolve().parents[2]
PARALLEL = 2
UNIT_S = {"release": 60, "asan": 240, "tsan": 240}  # a program that takes longer hangs
SUPPRESSIONS = ROOT / "tests/run/tsan.supp"
# Not strict_string_checks: it takes strndup(s, n) for a read up to a NUL that need not be there.
# Not detect_stack_use_after_return: gcc's fake stack aligns to 32 bytes, AVX-512 spills want 64.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={SUPPRESSIONS}",
}


def _sources(pattern: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in ROOT.glob(pattern))


def _run(command: list[str], log: Path, seconds: float, env: dict[str, str]) -> int:
    """Exit status; 124 when it had to be ended."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        try:
            return subprocess.run(
                command, cwd=ROOT, env=os.environ | SANITIZERS | env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT, timeout=seconds, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            out.write(f"\nended: it ran for more than {seconds} s\n")
            return 124
        except OSError as problem:
            out.write(f"{problem}\n")
            return 127


def _cmocka_counts(log: Path, status: int) -> Result:
    """Sums what cmocka printed. A program that died or printed nothing is one failure."""

    def count(word: str) -> int:
        found = re.findall(rf"^\[\s+{word}\s*\] (\d+) test", log.read_text(errors="replace"), re.M)
        return sum(map(int, found))

    result = Result(count("PASSED"), count("FAILED"), count("SKIPPED"))
    if result.failed == 0 and (status != 0 or result == Result()):
        result += Result(failed=1)
    return result


def _no_aslr() -> list[str]:
    """TSan of gcc 12 does not start under some kernels' address layouts; setarch -R avoids it."""
    try:
        subprocess.run(["setarch", "-R", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return ["setarch", "-R"]


def _settle(results: list[tuple[Path, Path, Result]]) -> Result:
    total = sum((result for _, _, result in results), Result())
    bad = [(name, log) for name, log, result in results if result.failed]
    if bad:
        names = ", ".join(str(name) for name, _ in bad)
        raise Failure(f"failed: {names}", bad[0][1], total)
    return total


def unit_tests(run, flavor: str, env: dict[str, str]) -> Result:
    sources = _sources("tests/unit/**/*_test.c")
    if not sources:
        return Result(note="tests/unit holds no tests yet")
    prefix = _no_aslr() if flavor == "tsan" else []

    def one(source: Path) -> tuple[Path, Path, Result]:
        log = run.logs / f"unit-{flavor}" / source.relative_to("tests/unit").with_suffix(".log")
        program = run.out(flavor) / source.with_suffix("")
        status = _run([*prefix, str(program)], log, UNIT_S[flavor], env)
        return source, log, _cmocka_counts(log, status)

    with ThreadPoolExecutor(PARALLEL) as pool:
        return _settle(list(pool.map(one, sources)))


def _fuzz_one(run, seconds: int, source: Path) -> tuple[Path, Path, Result]:
    name = source.stem.removesuffix("_fuzz")
    log = run.logs / "fuzz" / f"{name}.log"
    found = run.out("fuzz") / "corpus" / name  # what libFuzzer finds is kept between runs
    found.mkdir(parents=True, exist_ok=True)
    command = [str(run.out("fuzz") / source.with_suffix("")), str(found)]
    seeds = ROOT / "tests/fuzz/corpus" / name
    if seeds.is_dir():
        command.append(str(seeds))
    command += [
        f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
        f"-artifact_prefix={log.parent}/{name}-", "-print_final_stats=1",
    ]  # fmt: skip
    status = _run(command, log, seconds + 120, {})
    return source, log, Result(failed=1) if status else Result(passed=1)


def fuzz_targets(run, seconds: int) -> Result:
    sources = _sources("tests/fuzz/**/*_fuzz.c")
    if not sources:
        return Result(note="tests/fuzz holds no targets yet")
    with ThreadPoolExecutor(PARALLEL) as pool:
        return _settle(list(pool.map(partial(_fuzz_one, run, seconds), sources)))
