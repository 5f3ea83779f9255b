#!/usr/bin/env bash
# Makes the folder of a broker secure before broker.sh starts it: mTLS on every listener, ACLs with
# default deny, who may come in where.
#
#   secure.sh private DIR PKI PRIV      a cluster for the private class alone
#   secure.sh public  DIR PKI PRIV PUB  a cluster for the public class, beside the public workers
#   secure.sh one     DIR PKI PRIV PUB  one cluster for both: the small shape
#
# PRIV and PUB are HOST:PORT, addresses of this machine. On PRIV come gateways, private workers,
# auditor, operator and admin (in the shape `public`: no private worker); on PUB public workers and
# nobody else, not even a stolen admin certificate. PKI is a folder of pki.sh, or one with
# kafka-broker.pem, ca.pem and, when names were revoked, revoked/ out of it.
# Writes DIR/extra.properties and DIR/ready, anew each time. Then: broker.sh start DIR PORT, where
# PORT is PRIV's; the controller listens on 127.0.0.1, PORT+1. A name that was revoked since is
# refused at the door from the next start on; its ACLs go at once, by `sluice topics apply --prune`.
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

NAME='[a-z0-9.-]+'

usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# refused: the revoked names as the head of a rule: (?!(?:a|b)$), or nothing.
refused() {
    local f name names=
    for f in "$PKI"/revoked/*@*; do
        [ -e "$f" ] || continue
        name=${f##*/}
        name=${name%@*}
        names+="|${name//./\\\\.}" # a backslash is doubled in a properties file
    done
    [ -z "$names" ] || printf '(?!(?:%s)$)' "${names#|}"
}

# A distinguished name that no rule matches is turned away; there is no DEFAULT on purpose.
rule() { printf 'RULE:^CN=%s(%s)$/%s1/' "$(refused)" "$1" "\$"; }

listeners() { # THE CONTROLLER'S, or nothing
    printf 'PRIV://%s' "$PRIV"
    [ -z "$PUB" ] || printf ',PUB://%s' "$PUB"
    printf '%s\n' "${1:-}"
}

properties() {
    cat << END
# Written by secure.sh ($SHAPE); the last line of a name counts.
listeners=$(listeners ",CTRL://127.0.0.1:$((${PRIV##*:} + 1))")
advertised.listeners=$(listeners)
inter.broker.listener.name=PRIV
listener.security.protocol.map=PRIV:SSL,CTRL:SSL${PUB:+,PUB:SSL}

ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$PKI/kafka-broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$PKI/ca.pem
# TLS 1.3 where both can, 1.2 with forward secrecy for older producers, nothing below. ChaCha20
# first: broker.sh runs the JVM with C1 alone, whose AES is half as fast.
ssl.enabled.protocols=TLSv1.3,TLSv1.2
ssl.cipher.suites=TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384,\
TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384

ssl.principal.mapping.rules=$(rule "$INSIDE")
listener.name.ctrl.ssl.principal.mapping.rules=$(rule kafka-broker)
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:kafka-broker;User:admin
allow.everyone.if.no.acl.found=false
END
    [ -n "$PUB" ] || return 0
    cat << END
listener.name.pub.ssl.principal.mapping.rules=$(rule "public-worker-$NAME")
# What stands outside may not use up the broker's sockets.
listener.name.pub.max.connections=200
listener.name.pub.max.connection.creation.rate=50
END
}

# check_address WHAT HOST:PORT
check_address() {
    [[ $2 =~ ^[A-Za-z0-9.-]+:[1-9][0-9]{0,4}$ ]] || die "$1 is not HOST:PORT: $2"
}

# check_name HOST: the broker's certificate must carry it, else its clients turn away.
check_name() {
    local how=-checkhost
    [[ $1 =~ [^0-9.] ]] || how=-checkip
    openssl x509 -noout "$how" "$1" -in "$PKI/kafka-broker.pem" 2> /dev/null |
        grep -q 'does match' || die "the certificate of kafka-broker does not carry $1" \
        "issue it with IP:… or DNS:… of every listener, and IP:127.0.0.1 for the controller"
}

[ $# -ge 4 ] || usage
SHAPE=$1
DIR=$(realpath -m -- "$2")
PKI=$(realpath -m -- "$3")
PRIV=$4
PUB=${5:-}
BASE="(?:auditor|operator)(?:-$NAME)?|admin|kafka-broker"
case $SHAPE:$# in
    private:4 | one:5) INSIDE="(?:gateway|private-worker|producer)-$NAME|$BASE" ;;
    public:5) INSIDE="gateway-$NAME|$BASE" ;;
    *) usage ;;
esac
check_address PRIV "$PRIV"
[ -z "$PUB" ] || check_address PUB "$PUB"
for file in kafka-broker.pem ca.pem; do
    [ -s "$PKI/$file" ] || die "$PKI/$file is missing" \
        "run: pki.sh init $PKI; pki.sh issue $PKI kafka-broker server IP:127.0.0.1 IP:${PRIV%:*} …"
done
check_name 127.0.0.1
check_name "${PRIV%:*}"
[ -z "$PUB" ] || check_name "${PUB%:*}"
mkdir -p "$DIR"
properties > "$DIR/extra.properties.new"
printf '%s %s %s\n' "${PRIV%:*}" "$PKI/ca.pem" "$PKI/kafka-broker.pem" > "$DIR/ready.new"
mv "$DIR/extra.properties.new" "$DIR/extra.properties"
mv "$DIR/ready.new" "$DIR/ready"
