#!/usr/bin/env bash
# venv.sh: a Python environment in .cache/venv with the packages of tests/requirements.txt. The
# tests need it, and so do the examples that `make demo` prints.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

VENV=$CACHE/venv
WANTED=$ROOT/tests/requirements.txt
cmp -s "$WANTED" "$VENV/installed.txt" && [ -x "$VENV/bin/python" ] && exit 0

say "setup: making the Python environment $VENV"
mkdir -p "$CACHE"
LOG=$CACHE/venv.log
# Debian's own interpreter, whatever else stands earlier in PATH.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
rm -rf "$VENV"
"$PYTHON" -m venv "$VENV" > "$LOG" 2>&1 ||
    die "the Python environment could not be made; see $LOG" \
        "is the package python3-venv installed?"
"$VENV/bin/pip" install -q --disable-pip-version-check --no-input -r "$WANTED" \
    >> "$LOG" 2>&1 < /dev/null ||
    die "pip could not install the packages of tests/requirements.txt; see $LOG" \
        "check that this machine reaches its Python package index, then run: make setup"
cp "$WANTED" "$VENV/installed.txt"
