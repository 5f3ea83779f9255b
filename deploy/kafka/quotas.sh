#!/usr/bin/env bash
# Limits what public workers may take of a broker, by Kafka's own tool (librdkafka has no call for
# it). A worker above its quota is slowed down, never cut off.
#
#   quotas.sh set   HOST:PORT PKI NAME…   sets the quotas of each NAME
#   quotas.sh clear HOST:PORT PKI NAME…   takes them away
#   quotas.sh show  HOST:PORT PKI NAME…   prints them
#
# HOST:PORT is the listener for the admin certificate, PKI the folder with admin.pem and ca.pem. For
# each broker: SLUICE_QUOTA_WRITE (10485760) and SLUICE_QUOTA_READ (10485760) bytes a second,
# SLUICE_QUOTA_REQUESTS (50) percent of one request thread.
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

[ $# -ge 4 ] || usage
VERB=$1 ADDRESS=$2 PKI=$(realpath -m -- "$3")
shift 3
for number in "${SLUICE_QUOTA_WRITE:=10485760}" "${SLUICE_QUOTA_READ:=10485760}" \
    "${SLUICE_QUOTA_REQUESTS:=50}"; do
    case $number in '' | *[!0-9]*) die "a quota is not a number: $number" ;; esac
done
case $VERB in
    set) WORDS=(--alter --add-config "producer_byte_rate=$SLUICE_QUOTA_WRITE,\
consumer_byte_rate=$SLUICE_QUOTA_READ,request_percentage=$SLUICE_QUOTA_REQUESTS") ;;
    clear) WORDS=(--alter --delete-config
        "producer_byte_rate,consumer_byte_rate,request_percentage") ;;
    show) WORDS=(--describe) ;;
    *) usage ;;
esac
# shellcheck source=deploy/kafka/tool.sh
. "$ROOT/deploy/kafka/tool.sh"
for name in "$@"; do
    configs "$ADDRESS" --entity-type users --entity-name "$name" "${WORDS[@]}" ||
        die "the quotas of $name: $(head -n 1 "$TMP/err")" \
            "is $ADDRESS up, and admin.pem of its CA?"
done
