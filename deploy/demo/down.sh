#!/usr/bin/env bash
# down.sh: stops what up.sh started: the gateway first, which drains, Kafka last. Keys, topics and
# their records stay in .run/ for the next `make up`; remove the folder to begin anew.
# shellcheck source=deploy/demo/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -d "$RUN" ] || exit 0
exec 8> "$RUN/lock"
flock -w 120 8 || die "another make up or make down does not end" "look for it with: ps"

for ((i = ${#DAEMONS[@]} - 1; i >= 0; i--)); do
    stop_daemon "${DAEMONS[i]%% *}"
done
"$BROKER" stop "$RUN/kafka" "$KAFKA_PORT"
say "down: all stopped"
