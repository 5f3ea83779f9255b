#!/usr/bin/env bash
# Lets a running broker take its renewed certificate (pki.sh renew PKI kafka-broker) and its ca.pem
# again, without a restart: new connections get the new one, open ones go on.
#
#   keystore.sh PKI priv=HOST:PORT [pub=HOST:PORT]
#
# PKI holds admin.pem, ca.pem and kafka-broker.pem. Where the broker stands on another machine, set
# SLUICE_BROKER_PKI to the folder's path there, and copy the renewed file there first. Returns when
# every listener shows the certificate of PKI/kafka-broker.pem. The controller's listener takes it
# at the next start: nobody but the broker itself comes there.
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

WAIT_S=60
IN_A_ROW=8 # connections go to the network threads in turn, and each thread renews for itself

usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

serial() { openssl x509 -noout -serial 2> /dev/null; }

# shown HOST:PORT: true when every network thread of the listener shows the wanted certificate.
shown() {
    local i
    for ((i = 0; i < IN_A_ROW; i++)); do
        # PUB ends such a connection, but only after it has shown its certificate.
        SEEN=$({ openssl s_client -connect "$1" -cert "$PKI/admin.pem" -key "$PKI/admin.pem" \
            < /dev/null 2> /dev/null || true; } | serial) || SEEN=nothing
        [ "$SEEN" = "$WANT" ] || return 1
    done
}

[ $# = 2 ] || [ $# = 3 ] || usage
PKI=$(realpath -m -- "$1")
THERE=${SLUICE_BROKER_PKI:-$PKI}
shift
[[ $* =~ ^priv=[^\ ]+:[0-9]+(\ pub=[^\ ]+:[0-9]+)?$ ]] || usage
# shellcheck source=deploy/kafka/tool.sh
. "$ROOT/deploy/kafka/tool.sh"
WANT=$(serial < "$PKI/kafka-broker.pem") ||
    die "$PKI/kafka-broker.pem is missing or no certificate" "run: pki.sh renew $PKI kafka-broker"
CONFIG=
for listener in "$@"; do
    CONFIG+=",listener.name.${listener%%=*}.ssl.keystore.location=$THERE/kafka-broker.pem"
    CONFIG+=",listener.name.${listener%%=*}.ssl.truststore.location=$THERE/ca.pem"
done
# The same path again: the broker then looks whether the file has changed.
configs "${1#*=}" --entity-type brokers --entity-name 1 --alter --add-config "${CONFIG#,}" \
    > /dev/null || die "the broker refused: $(head -n 1 "$TMP/err")" "look into its broker.log"
for listener in "$@"; do
    end=$((SECONDS + WAIT_S))
    until shown "${listener#*=}"; do
        [ "$SECONDS" -lt "$end" ] || die "$listener still shows $SEEN, not $WANT" \
            "does $THERE on the broker's machine hold the renewed file?"
        sleep 0.1
    done
done
say "the broker shows the certificate with $WANT"
