#!/usr/bin/env bash
# kafka.sh: the jars of one Kafka broker in .cache/kafka/libs, by Maven from deploy/kafka/pom.xml,
# each checked against deploy/kafka/jars.sha256; then a class archive that speeds up their start.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

KAFKA=$CACHE/kafka
SUMS=$ROOT/deploy/kafka/jars.sha256
cmp -s "$SUMS" "$KAFKA/installed.sha256" && exit 0

say "setup: fetching Kafka's jars with Maven"
mkdir -p "$KAFKA"
LOG=$KAFKA/maven.log
rm -rf "$KAFKA/new" "$KAFKA/kafka.jsa"
mvn -B -C -f "$ROOT/deploy/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$KAFKA/new" > "$LOG" 2>&1 < /dev/null ||
    die "Maven could not fetch Kafka's jars; see $LOG" \
        "check that this machine reaches its Maven repository, then run: make setup"
(cd "$KAFKA/new" && sha256sum --quiet --strict -c "$SUMS") >> "$LOG" 2>&1 ||
    die "a jar of Kafka differs from deploy/kafka/jars.sha256; see $LOG" \
        "empty ~/.m2/repository and run: make setup; if it stays, do not trust the source"
rm -rf "$KAFKA/libs"
mv "$KAFKA/new" "$KAFKA/libs"

say "setup: making the class archive of the broker"
"$ROOT/deploy/kafka/archive.sh" >> "$LOG" 2>&1 ||
    say "setup: no class archive (see $LOG); brokers start a second slower"
cp "$SUMS" "$KAFKA/installed.sha256"
