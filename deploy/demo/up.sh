#!/usr/bin/env bash
# up.sh: starts Kafka, the topics, the upstream, both workers and the gateway in the background, and
# returns 0 when the gateway says that it is ready. What runs already is left alone, except where
# its program or configuration is newer than the process. State and logs lie in .run/ (common.sh
# lists what may be set). `make up` has set up and built before.
# shellcheck source=deploy/demo/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/demo/state.sh
. "$ROOT/deploy/demo/state.sh"
# shellcheck source=deploy/demo/tunnel.sh
. "$ROOT/deploy/demo/tunnel.sh"

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
    # shellcheck disable=SC2046 # a command, or nothing
    (run_clean $(side_of "$name") setsid "$program" --config "$(config_of "$name")") \
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
    local get=(curl -s -o "$RUN/log/$name.ready" -w '%{http_code}' -m 2 "$url")
    # shellcheck disable=SC2046 # a command, or nothing
    until status=$($(side_of "$name") "${get[@]}") && [ "$status" = 200 ]; do
        check_alive "$name" "$pid"
        [ "$SECONDS" -lt "$end" ] ||
            die "$name is not ready after $READY_S s: $url answers ${status:-nothing}" \
                "look into $(log_of "$name") and $RUN/log/$name.ready"
        sleep 0.1
    done
    check_alive "$name" "$pid" # not somebody else's answer on a port that was taken
}

# Until the gateway has heard of a worker of each class: the first request must find both.
await_workers() {
    local end=$((SECONDS + READY_S)) class text
    for class in private public; do
        until text=$(curl -s -m 2 "http://127.0.0.1:$PORT/metrics") &&
            grep -q "^sluice_live_workers{class=\"$class\"} [1-9]" <<< "$text"; do
            [ "$SECONDS" -lt "$end" ] ||
                die "the gateway has heard of no $class worker after $READY_S s" \
                    "look into $(log_of "$class-worker") and $(log_of gateway)"
            sleep 0.1
        done
    done
}

start_kafka() {
    local second=
    "$BROKER" status "$RUN/kafka" "$KAFKA_PORT" > /dev/null || say "up: starting Kafka on $KAFKA"
    if [ "$SHAPE" = tunnel ]; then
        public_broker status > /dev/null ||
            say "up: starting the public side's Kafka on $KAFKA_PUBLIC"
        public_broker start &
        second=$!
    fi
    "$BROKER" start "$RUN/kafka" "$KAFKA_PORT" 8>&-
    [ -z "$second" ] || wait "$second"
    (run_clean "$BIN/sluice" topics apply --config "$(config_of gateway)") \
        > "$RUN/log/topics.log" 2>&1 < /dev/null ||
        die "the topics could not be made: $(tail -n 3 "$RUN/log/topics.log")" \
            "look into $RUN/log/topics.log and $RUN/kafka/broker.log"
}

SHAPE=$(choose_shape)
if [ -s "$RUN/shape" ] && [ "$(cat "$RUN/shape")" != "$SHAPE" ]; then
    say "up: the shape changes: stopping what runs"
    stop_all
fi
say "$SHAPE" > "$RUN/shape"
KAFKA_PUBLIC=$KAFKA WORKER_KAFKA=$KAFKA
if [ "$SHAPE" = tunnel ]; then
    KAFKA_PUBLIC=$TUNNEL_THERE:$TUNNEL_PORT WORKER_KAFKA=127.0.0.1:$LOCAL_PORT
    tunnel_up
fi
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
await_workers
say "up: ready at http://127.0.0.1:$PORT (settings for clients: . ${RUN#"$ROOT/"}/env)"
