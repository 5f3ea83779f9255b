# shellcheck shell=bash
# The names that up.sh, down.sh and tour.sh share. Sourced after nothing else; sets strict mode.
#
# From the environment, all optional: SLUICE_RUN the state folder (.run), SLUICE_DEMO_BIN the
# programs (build/bin), SLUICE_DEMO_PORT the gateway's port (8080; the three after it are taken by
# the upstream and the workers' health ports), SLUICE_DEMO_KAFKA_PORT the broker's (19092, and the
# next one), SLUICE_DEMO_MODEL the GGUF file of both engines (SmolLM2).
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# shellcheck disable=SC2034 # used by those who source this
BIN=$(realpath -m -- "${SLUICE_DEMO_BIN:-$ROOT/build/bin}")
RUN=$(realpath -m -- "${SLUICE_RUN:-$ROOT/.run}")
PORT=${SLUICE_DEMO_PORT:-8080}
KAFKA_PORT=${SLUICE_DEMO_KAFKA_PORT:-19092}

# shellcheck disable=SC2034
{
    UPSTREAM_PORT=$((PORT + 1))
    PRIVATE_ADMIN_PORT=$((PORT + 2))
    PUBLIC_ADMIN_PORT=$((PORT + 3))
    KAFKA=127.0.0.1:$KAFKA_PORT
    MODEL=$(realpath -m -- "${SLUICE_DEMO_MODEL:-$CACHE/models/SmolLM2-135M-Instruct.Q4_1.gguf}")
    BROKER=$ROOT/deploy/kafka/broker.sh
}
export SLUICE_CACHE_DIR=${SLUICE_CACHE_DIR-$CACHE/sluice} # compiled patterns

# Every daemon: its name (also that of its configuration, log and pid file), then its program.
# In the order in which they start; they stop the other way round.
# shellcheck disable=SC2034
DAEMONS=(
    "upstream sluice-private-worker"
    "private-worker sluice-private-worker"
    "public-worker sluice-public-worker"
    "gateway sluice-gateway"
)

config_of() { printf '%s\n' "$RUN/$1.yaml"; }
log_of() { printf '%s\n' "$RUN/log/$1.log"; }
pidfile_of() { printf '%s\n' "$RUN/pid/$1"; }
running() { pid_of "$(pidfile_of "$1")" "$(config_of "$1")"; }

# stop_daemon NAME: SIGTERM, which drains; SIGKILL when that takes too long.
stop_daemon() {
    local pid
    if pid=$(running "$1"); then
        kill -s TERM "$pid"
        if ! wait_gone "$pid" 40; then
            say "$1 did not end within 40 s: killing it" >&2
            kill -s KILL "$pid"
            wait_gone "$pid" 10 || die "$1 (pid $pid) cannot be killed"
        fi
    fi
    rm -f "$(pidfile_of "$1")"
}
