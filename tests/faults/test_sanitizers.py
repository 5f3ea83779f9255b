"""The daemons under AddressSanitizer with UBSan and LeakSanitizer, and under ThreadSanitizer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import ROOT

HERE = Path(__file__).resolve().parent
MINUTES = 8


@pytest.mark.parametrize(("flavor", "requests", "loops"), [("asan", 1000, 1), ("tsan", 300, 2)])
def test_no_report(tmp_path, flavor, requests, loops):
    named = os.environ.get(f"SLUICE_BIN_{flavor.upper()}")
    programs = Path(named) if named else ROOT / "build" / flavor / "bin"
    if not (programs / "sluice-gateway").exists():
        pytest.skip(f"{programs} is not built: make FLAVOR={flavor} programs")
    done = subprocess.run(
        [sys.executable, str(HERE / "sanitized.py"), str(tmp_path), str(requests), str(loops)],
        env=os.environ | {"SLUICE_TEST_FLAVOR": flavor}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=MINUTES * 60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-12000:]
