#!/usr/bin/env bash
# One Kafka broker (KRaft; PLAINTEXT on the loopback unless secure.sh came before) whose whole state
# lies in one folder.
#
#   broker.sh start  DIR PORT   formats DIR when new, starts, returns when the broker is ready
#   broker.sh stop   DIR PORT   SIGTERM, waits until it has gone
#   broker.sh kill   DIR PORT   SIGKILL, for fault tests; `start` goes on with the same data
#   broker.sh status DIR PORT   prints "running PID" or "stopped" (exit status 1)
#
# It listens on 127.0.0.1:PORT and, for its controller, on PORT+1; several brokers run side by side
# with their own DIR and PORT. In DIR: server.properties (written anew at each start), broker.log
# (of this start; the one before is broker.log.1), broker.pid, data/. Lines of DIR/extra.properties
# are appended to the configuration. `start` on a running broker does nothing and succeeds.
# Ready means: "Kafka Server started" is in the log, and one producer id was handed out (see
# wait_ready.py). SLUICE_KAFKA_HEAP sets the heap (256m). secure.sh prepares a folder whose broker
# listens on other addresses with mTLS and ACLs.
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

KAFKA=$ROOT/deploy/kafka
LIBS=$CACHE/kafka/libs
ARCHIVE=$CACHE/kafka/kafka.jsa
START_S=60 # a loaded two-core machine needs up to 15 s
STOP_S=30

usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# The jars in a fixed order: the class archive is valid for one class path only.
class_path() {
    local IFS=:
    local jars=("$LIBS"/*.jar)
    [ -e "${jars[0]}" ] || die "Kafka's jars are missing in $LIBS" "run: make setup"
    printf '%s\n' "${jars[*]}"
}

write_config() {
    sed -e "s|@PORT@|$PORT|g" -e "s|@CTRL@|$((PORT + 1))|g" -e "s|@DIR@|$DIR|g" \
        "$KAFKA/server.properties" > "$CONFIG"
    [ ! -f "$DIR/extra.properties" ] || cat "$DIR/extra.properties" >> "$CONFIG"
}

format() {
    local id
    id=$(head -c 16 /dev/urandom | basenc --base64url | tr -d =)
    id=${id/#-/A} # one that begins with - would be taken for an option
    java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${SHARED[@]}" \
        -Dlog4j2.configurationFile="$KAFKA/log4j2-tool.yaml" -cp "$CLASSES" \
        kafka.tools.StorageTool format --standalone -t "$id" -c "$CONFIG" \
        > "$DIR/format.log" 2>&1 ||
        die "the broker's storage could not be formatted; see $DIR/format.log" \
            "remove $DIR and start again"
}

# C1 alone: the broker is up in half the time and stays even on two cores.
launch() {
    [ ! -f "$LOG" ] || mv -f "$LOG" "$LOG.1"
    : > "$LOG" # it must be there when wait_started first looks
    setsid java -Xms64m -Xmx"${SLUICE_KAFKA_HEAP:-256m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -XX:+ExitOnOutOfMemoryError "${SHARED[@]}" ${SLUICE_KAFKA_JVM:+"$SLUICE_KAFKA_JVM"} \
        -Dlog4j2.configurationFile="$KAFKA/log4j2.yaml" -cp "$CLASSES" \
        kafka.Kafka "$CONFIG" > "$LOG" 2>&1 < /dev/null 9>&- &
    echo $! > "$PIDFILE"
}

wait_started() {
    local pid end=$((SECONDS + START_S))
    read -r pid < "$PIDFILE"
    until grep -q 'Kafka Server started' "$LOG"; do
        alive "$pid" || die "the broker on port $PORT ended while starting; last lines of $LOG:
$(tail -n 5 "$LOG")" "is port $PORT or $((PORT + 1)) taken, or the memory short?"
        [ "$SECONDS" -lt "$end" ] ||
            die "the broker on port $PORT did not start within $START_S s" "look into $LOG"
        sleep 0.05
    done
    local host=127.0.0.1 ca='' pem=''
    [ ! -f "$DIR/ready" ] || read -r host ca pem < "$DIR/ready"
    python3 "$KAFKA/wait_ready.py" "$host" "$PORT" 30 ${ca:+"$ca" "$pem"} ||
        die "the broker on port $PORT started but serves no producers" "look into $LOG"
}

start() {
    mkdir -p "$DIR"
    exec 9> "$DIR/lock" # two starts of the same folder: the second one waits, then finds it running
    flock -w "$START_S" 9 || die "another start of $DIR does not end" "look for it with: ps"
    if ! pid_of "$PIDFILE" "$CONFIG" > /dev/null; then
        command -v java > /dev/null || die "java is missing" "run: make setup"
        CLASSES=$(class_path)
        SHARED=()
        [ ! -s "$ARCHIVE" ] ||
            SHARED=("-XX:SharedArchiveFile=$ARCHIVE" -Xlog:disable -Xlog:all=error:stderr)
        write_config
        [ -f "$DIR/data/meta.properties" ] || format
        launch
    fi
    wait_started
}

# halt SIGNAL
halt() {
    local pid
    pid=$(pid_of "$PIDFILE" "$CONFIG") || {
        rm -f "$PIDFILE"
        return 0
    }
    kill -s "$1" "$pid"
    if ! wait_gone "$pid" "$STOP_S"; then
        say "the broker on port $PORT did not end within $STOP_S s: killing it" >&2
        kill -s KILL "$pid"
        wait_gone "$pid" 10 ||
            die "the broker (pid $pid) cannot be killed" "look at its state with: ps"
    fi
    rm -f "$PIDFILE"
}

status() {
    local pid
    if pid=$(pid_of "$PIDFILE" "$CONFIG"); then
        say "running $pid"
    else
        say "stopped"
        return 1
    fi
}

[ $# = 3 ] || usage
case $3 in '' | *[!0-9]*) usage ;; esac
PORT=$3
if [ "$PORT" -lt 1 ] || [ "$PORT" -gt 65534 ]; then
    die "port $PORT is out of range" "choose 1024 to 65534"
fi
DIR=$(realpath -m -- "$2")
CONFIG=$DIR/server.properties
LOG=$DIR/broker.log
PIDFILE=$DIR/broker.pid

case $1 in
    start) start ;;
    stop) halt TERM ;;
    kill) halt KILL ;;
    status) status ;;
    *) usage ;;
esac
