#!/usr/bin/env bash
# setup.sh demo|test: everything that Sluice needs on this machine, installed when missing.
#   demo: to build and run it. test: also to check it (cmocka, clang, shellcheck, …).
# Debian packages go to the system (root or sudo); all else to .cache/. Safe to run again; takes
# about a second when nothing is missing.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

SET=${1:-demo}
case $SET in demo | test) ;; *) die "unknown set '$SET'" "use: setup.sh demo|test" ;; esac

mkdir -p "$CACHE"
exec 9> "$CACHE/setup.lock" # two at once would install into each other
flock -w 900 9 || die "another setup has been running for 15 minutes" "wait for it or end it"

"$ROOT/deploy/setup/packages.sh" "$SET" 9>&-
"$ROOT/deploy/setup/venv.sh" 9>&-
"$ROOT/deploy/setup/kafka.sh" 9>&-
"$ROOT/deploy/setup/model.sh" 9>&-
