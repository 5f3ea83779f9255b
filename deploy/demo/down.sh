#!/usr/bin/env bash
# down.sh: stops what up.sh started: the gateway first, which drains, Kafka last. Keys, topics and
# their records stay in .run/ for the next `make up`; remove the folder to begin anew.
# shellcheck source=deploy/demo/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/demo/tunnel.sh
. "$ROOT/deploy/demo/tunnel.sh"

[ -d "$RUN" ] || exit 0
exec 8> "$RUN/lock"
flock -w 120 8 || die "another make up or make down does not end" "look for it with: ps"

stop_all
say "down: all stopped"
