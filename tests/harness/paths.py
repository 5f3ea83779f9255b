"""Where the programs, the model and the broker's scripts lie, and the flavour under test.

SLUICE_TEST_FLAVOR   release (default), asan or tsan
SLUICE_TEST_BIN      folder of the four programs; else SLUICE_BIN, SLUICE_BIN_ASAN, SLUICE_BIN_TSAN
                     by flavour (`make test` sets them), else build/bin, build/<flavor>/bin
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAVOR = os.environ.get("SLUICE_TEST_FLAVOR", "release")
MODEL = ROOT / "tests/data/engine/tiny-llama.gguf"
BROKER_SH = ROOT / "deploy/kafka/broker.sh"
# Programs under a sanitizer take several times as long; so do all deadlines.
PATIENCE = 1.0 if FLAVOR == "release" else 4.0


def _bin() -> Path:
    by_flavor = {"release": "SLUICE_BIN", "asan": "SLUICE_BIN_ASAN", "tsan": "SLUICE_BIN_TSAN"}
    default = ROOT / "build" if FLAVOR == "release" else ROOT / "build" / FLAVOR
    named = os.environ.get("SLUICE_TEST_BIN") or os.environ.get(by_flavor[FLAVOR])
    return Path(named).resolve() if named else default / "bin"


BIN = _bin()


def sanitizer_env(reports: Path) -> dict[str, str]:
    """Options of the sanitizers; each report becomes a file in `reports`."""
    log = f"log_path={reports / 'report'}"
    supp = ROOT / "tests/run/tsan.supp"
    return {
        "ASAN_OPTIONS": f"detect_leaks=1:{log}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:{log}",
        "TSAN_OPTIONS": f"halt_on_error=0:second_deadlock_stack=1:{log}:suppressions={supp}",
    }


def prefix() -> list[str]:
    """TSan of gcc 12 does not start under some kernels' address layouts; setarch -R avoids it."""
    if FLAVOR != "tsan" or not shutil.which("setarch"):
        return []
    works = subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False)
    return ["setarch", "-R"] if works.returncode == 0 else []
