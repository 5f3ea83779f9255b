#!/usr/bin/env bash
# bench.sh [WORD]: runs the bench programs whose path contains WORD (all without one), after a
# header that says on what machine and with what versions. `make bench` has built them. A broker of
# its own is started for the benches that need one; they find it through SLUICE_KAFKA, and the model
# through SLUICE_MODEL. B is the build folder.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"
cd "$ROOT"

WORD=${1:-}
OUT=${B:-build}

header() {
    local cpu memory debian libraries
    cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)
    debian=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)
    libraries=$(dpkg-query -W -f='${Package} ${Version}, ' \
        librdkafka1 libevent-core-2.1-7 libssl3 libvectorscan5 2> /dev/null) || true
    say "# machine:  $cpu, $(nproc) cores, $memory, load $(cut -d' ' -f1 /proc/loadavg)"
    say "# system:   $debian, Linux $(uname -r)"
    say "# versions: gcc $(gcc -dumpfullversion), ${libraries}Kafka 4.3.1"
    say "# commit:   $(git describe --always --dirty 2> /dev/null || echo unknown)"
    say "# date:     $(date -u +%FT%TZ)"
}

mapfile -t benches < <(find tests/bench -name '*_bench.c' -path "*$WORD*" | sort)
[ ${#benches[@]} -gt 0 ] ||
    die "no bench program has '$WORD' in its path" "see: find tests/bench -name '*_bench.c'"

header
PORT=$(deploy/kafka/free_port.py)
DIR=$(mktemp -d)
trap 'deploy/kafka/broker.sh stop "$DIR" "$PORT"; rm -rf "$DIR"' EXIT
deploy/kafka/broker.sh start "$DIR" "$PORT"
export SLUICE_KAFKA=127.0.0.1:$PORT SLUICE_TEST_KAFKA=127.0.0.1:$PORT
export SLUICE_MODEL=$CACHE/models/SmolLM2-135M-Instruct.Q4_1.gguf

failed=0
for bench in "${benches[@]}"; do
    program=$OUT/${bench%.c}
    say "" "# command:  $program"
    "$program" < /dev/null || {
        say "# FAILED with $?"
        failed=$((failed + 1))
    }
done
[ "$failed" = 0 ] || die "$failed of ${#benches[@]} bench programs failed"
