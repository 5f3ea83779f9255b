#!/usr/bin/env bash
# What `make test` runs: sets the machine up, then goes through the stages (stages.py).
#   test.sh          at most 15 minutes on two cores
#   test.sh --long   longer fuzzing, more fault seeds
# B is the build folder, as in the Makefile. No input, no terminal and no environment is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The stages call make themselves: the outer one's flags and job server are not theirs.
unset MAKEFLAGS MAKELEVEL MFLAGS

started=$(date +%s)
echo "== setup"
deploy/setup/setup.sh test < /dev/null
echo "   ok       $(($(date +%s) - started)) s"
exec /usr/bin/python3 tests/run/stages.py --started "$started" "$@" < /dev/null
