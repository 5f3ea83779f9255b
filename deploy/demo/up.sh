#!/usr/bin/env bash
# up.sh: starts Kafka, the topics, the upstream, both workers and the gateway in the background, and
# returns 0 when the gateway says that it is ready. What runs already is left alone, except where
# its program or configuration is newer than the process. State and logs lie in .run/ (common.sh
# lists what may be set). `make up` has set up and built before.
# shellcheck source=deploy/demo/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/demo/state.sh
. "$ROOT/deploy/demo/state.sh"

READY_S=60

# Names of the models: on the bus for each class, and at the upstream. The policy names them too.
PRIVATE_MODEL=smollm2
PUBLIC_MODEL=smollm2-cloud
UPSTREAM_MODEL=SmolLM2-135M-Instruct

mkdir -p "$RUN/log" "$RUN/pid"
exec 8> "$RUN/lock" # two at once: the second one waits, then finds all running
flock -w 120 8 || die "another make up or make down does not end" "look for it with: ps"

# The daemons take options from SLUICE_… variables as well; those of a sourced .run/env are meant
# for clients, so they are taken away here.
run_clean() {
    local name
    for name in $(compgen -e SLUICE_); do unset "$name"; done
    exec "$@"
}

# fresh NAME PROGRAM: true when the daemon runs, from this program and this configuration.
fresh() {
    running "$1" > /dev/null && ! [ "$BIN/$2" -nt "$(pidfile_of "$1")" ] &&
        ! [ "$(config_of "$1")" -nt "$(pidfile_of "$1")" ]
}

start_daemon() {
    local name=$1 program=$BIN/$2 log
    log=$(log_of "$name")
    ! fresh "$name" "$2" || return 0
    [ -x "$program" ] || die "$program is missing" "run: make"
    stop_daemon "$name"
    [ ! -f "$log" ] || mv -f "$log" "$log.1"
    (run_clean setsid "$program" --config "$(config_of "$name")") \
        > "$log" 2>&1 < /dev/null 8>&- &
    echo $! > "$(pidfile_of "$name")"
    say "up: started $name (log: ${log#"$ROOT/"})"
}

# check_alive NAME PID: says what the daemon logged when it has ended.
check_alive() {
    alive "$2" ||
        die "$1 ended; its last words: $(tail -n 3 "$(log_of "$1")")" \
            "look into $(log_of "$1"); is one of its ports taken? (SLUICE_DEMO_PORT=$PORT)"
}

# await NAME URL: until the URL answers 200.
await() {
    local name=$1 url=$2 end=$((SECONDS + READY_S)) status pid
    read -r pid < "$(pidfile_of "$name")"
    until status=$(curl -s -o "$RUN/log/$name.ready" -w '%{http_code}' -m 2 "$url") &&
        [ "$status" = 200 ]; do
        check_alive "$name" "$pid"
        [ "$SECONDS" -lt "$end" ] ||
            die "$name is not ready after $READY_S s: $url answers ${status:-nothing}" \
                "look into $(log_of "$name") and $RUN/log/$name.ready"
        sleep 0.1
    done
    check_alive "$name" "$pid" # not somebody else's answer on a port that was taken
}

start_kafka() {
    "$BROKER" status "$RUN/kafka" "$KAFKA_PORT" > /dev/null || say "up: starting Kafka on $KAFKA"
    "$BROKER" start "$RUN/kafka" "$KAFKA_PORT" 8>&-
    (run_clean "$BIN/sluice" topics apply --config "$(config_of gateway)") \
        > "$RUN/log/topics.log" 2>&1 < /dev/null ||
        die "the topics could not be made: $(tail -n 3 "$RUN/log/topics.log")" \
            "look into $RUN/log/topics.log and $RUN/kafka/broker.log"
}

[ -s "$MODEL" ] || die "the model $MODEL is missing" "run: make setup"
make_keyring
make_api_key
write_configs
write_env
start_kafka
for daemon in "${DAEMONS[@]}"; do
    # shellcheck disable=SC2086 # two words
    start_daemon $daemon
done
await upstream "http://127.0.0.1:$UPSTREAM_PORT/health/readiness"
await private-worker "http://127.0.0.1:$PRIVATE_ADMIN_PORT/health/readiness"
await public-worker "http://127.0.0.1:$PUBLIC_ADMIN_PORT/health/readiness"
await gateway "http://127.0.0.1:$PORT/health/readiness"
say "up: ready at http://127.0.0.1:$PORT (settings for clients: . ${RUN#"$ROOT/"}/env)"
