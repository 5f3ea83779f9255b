# shellcheck shell=bash
# What the scripts under deploy/ share: where things lie, and how a failure is told.
# Sourced, never run. Bash strict mode is set by the caller.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Downloads live here and survive `make clean`; another folder may be named, e.g. one that CI keeps.
# shellcheck disable=SC2034
CACHE=${SLUICE_CACHE:-$ROOT/.cache}

say() { printf '%s\n' "$*"; }

# die WHAT [WHAT TO DO]
die() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  what to do: %s\n' "$2" >&2
    exit 1
}

# alive PID: true when the process exists and is not a zombie (kill -0 succeeds on zombies).
alive() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
    [ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# pid_of PIDFILE WORD: prints the pid when that process runs and its command line has WORD, so that
# a pid that the kernel gave to somebody else in the meantime is never signalled.
pid_of() {
    local pid
    [ -s "$1" ] || return 1
    read -r pid < "$1" || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    alive "$pid" || return 1
    tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2" || return 1
    printf '%s\n' "$pid"
}

# wait_gone PID SECONDS: true once the process has gone.
wait_gone() {
    local end=$((SECONDS + $2))
    while alive "$1"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# as_root COMMAND…: runs it as root, through sudo where needed.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        die "root rights are needed for: $*" "run as root, or install sudo"
    fi
}
