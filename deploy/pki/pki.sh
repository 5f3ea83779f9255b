#!/usr/bin/env bash
# Certificates of a Kafka cluster and its clients, on the openssl command line: EC P-256, SHA-256.
#
#   pki.sh init   DIR [CN]               a CA in DIR; one cluster, one CA
#   pki.sh issue  DIR NAME client        key and certificate CN=NAME, for a daemon
#   pki.sh issue  DIR NAME server SAN…   for a broker or a gateway's port; SAN: IP:10.0.0.1, DNS:h
#   pki.sh renew  DIR NAME               the same with a new key, put in place in one step
#   pki.sh revoke DIR NAME               takes it away; the name is never issued again
#   pki.sh list   DIR                    a line each: NAME, kind, end, state
#   pki.sh check  DIR [DAYS]             exit status 1 when one ends within DAYS (14)
#
# In DIR: ca.pem (for everybody), ca.key (for nobody else: keep DIR off the daemons' machines),
# NAME.pem, which holds key and certificate, so that no reader ever sees half of a renewal: give it
# as ssl.certificate.location and ssl.key.location alike, to a broker as its PEM store; kinds/, what
# each name is; revoked/, what was revoked. All of it is mode 0600 but ca.pem.
# `init` and `issue` leave alone what stands. SLUICE_PKI_DAYS (90) and SLUICE_PKI_CA_DAYS (1825) say
# for how long.
set -euo pipefail
umask 077
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

DAYS=${SLUICE_PKI_DAYS:-90}
CA_DAYS=${SLUICE_PKI_CA_DAYS:-1825}

usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# check_days NAME VALUE
check_days() {
    case $2 in
        '' | *[!0-9]* | 0* | ??????*) die "$1 is not a number of days from 1 to 99999: $2" ;;
    esac
}

# The name is the principal: one that Kafka's mapping rules take whole, and no path.
check_name() {
    [[ $1 =~ ^[a-z0-9][a-z0-9.-]{0,63}$ ]] ||
        die "a name has 1 to 64 of a-z, 0-9, '.' and '-', and begins with a letter or digit: $1"
    [ "$1" != ca ] || die "ca is the authority's own name" "choose another one"
}

need_ca() {
    if [ ! -s "$DIR/ca.pem" ] || [ ! -s "$DIR/ca.key" ]; then
        die "there is no CA in $DIR" "run: pki.sh init $DIR"
    fi
}

# ossl ARGUMENTS…: openssl, which says nothing unless it fails.
ossl() {
    openssl "$@" 2> "$TMP/openssl.err" ||
        die "openssl $1 failed: $(tail -n 1 "$TMP/openssl.err")" "look at the files in $DIR"
}

new_key() { ossl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# ends FILE SECONDS: true when the certificate ends within so many seconds.
ends() { ! openssl x509 -noout -checkend "$2" -in "$1" > /dev/null 2>&1; }
end_of() { openssl x509 -noout -enddate -dateopt iso_8601 -in "$1" 2> /dev/null | cut -d= -f2; }

init() {
    local cn=${1:-sluice $(basename "$DIR")}
    [[ $cn =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]{0,63}$ ]] ||
        die "a CA's name has letters, digits, spaces, '.', '_' and '-': $cn"
    if [ -s "$DIR/ca.pem" ] && [ -s "$DIR/ca.key" ]; then
        say "the CA in $DIR stands, until $(end_of "$DIR/ca.pem")"
        return
    fi
    if [ -e "$DIR/ca.pem" ] || [ -e "$DIR/ca.key" ]; then
        die "$DIR holds one half of a CA" "bring back the missing one of ca.pem and ca.key"
    fi
    mkdir -p "$DIR/kinds" "$DIR/revoked"
    new_key "$TMP/ca.key"
    ossl req -x509 -new -sha256 -key "$TMP/ca.key" -subj "/CN=$cn" -days "$CA_DAYS" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
        -addext keyUsage=critical,keyCertSign,cRLSign -out "$TMP/ca.pem"
    chmod 0644 "$TMP/ca.pem"
    mv "$TMP/ca.key" "$DIR/ca.key"
    mv "$TMP/ca.pem" "$DIR/ca.pem"
    say "made the CA \"$cn\" in $DIR, until $(end_of "$DIR/ca.pem")"
}

extensions() { # KIND SAN
    local use=clientAuth
    [ "$1" = client ] || use=serverAuth,clientAuth # a broker is a client of its controller
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
        "extendedKeyUsage=$use" subjectKeyIdentifier=hash authorityKeyIdentifier=keyid
    [ -z "$2" ] || printf 'subjectAltName=%s\n' "$2"
}

# make NAME KIND SAN: writes NAME.pem anew, in one step.
make() {
    local name=$1 kind=$2 san=$3
    ! ends "$DIR/ca.pem" $((DAYS * 86400)) ||
        die "the CA in $DIR ends before a certificate of $DAYS days would" \
            "make a new CA in another folder; docs/identities.md says how to change over"
    new_key "$TMP/key"
    ossl req -new -sha256 -key "$TMP/key" -subj "/CN=$name" -out "$TMP/csr"
    extensions "$kind" "$san" > "$TMP/ext"
    ossl x509 -req -sha256 -in "$TMP/csr" -CA "$DIR/ca.pem" -CAkey "$DIR/ca.key" \
        -set_serial "0x$(openssl rand -hex 15)" -days "$DAYS" -extfile "$TMP/ext" -out "$TMP/pem"
    ossl verify -CAfile "$DIR/ca.pem" "$TMP/pem" > /dev/null
    cat "$TMP/key" "$TMP/pem" > "$TMP/store"
    printf '%s %s\n' "$kind" "$san" > "$DIR/kinds/$name"
    mv "$TMP/store" "$DIR/$name.pem"
    say "made $DIR/$name.pem ($kind), until $(end_of "$DIR/$name.pem")"
}

issue() { # NAME KIND SAN…
    local name=$1 kind=${2:-} san was was_san
    shift 2 || usage
    [ "$kind" = client ] || [ "$kind" = server ] || usage
    [ "$kind" = client ] && [ $# -gt 0 ] && die "a client's certificate has no addresses"
    [ "$kind" = server ] && [ $# = 0 ] && die "a server's certificate needs its addresses" \
        "add them: IP:10.0.0.1 DNS:host"
    san=$(IFS=, && printf '%s' "$*")
    [[ $san =~ ^((IP|DNS):[A-Za-z0-9.:*-]+(,|$))*$ ]] || die "an address is IP:… or DNS:…: $san"
    ! compgen -G "$DIR/revoked/$name@*" > /dev/null ||
        die "$name was revoked: whoever holds the old key would be let in again" \
            "choose a new name, for example $name-2"
    if [ -s "$DIR/$name.pem" ]; then
        read -r was was_san < "$DIR/kinds/$name"
        [ "$was $was_san" = "$kind $san" ] ||
            die "$name stands as: $was $was_san" "revoke it first, or choose another name"
        ! ends "$DIR/$name.pem" 0 ||
            die "$DIR/$name.pem ended at $(end_of "$DIR/$name.pem")" "run: pki.sh renew $DIR $name"
        say "$DIR/$name.pem stands, until $(end_of "$DIR/$name.pem")"
        return
    fi
    make "$name" "$kind" "$san"
}

renew() {
    local kind san
    if [ ! -s "$DIR/$1.pem" ] || [ ! -s "$DIR/kinds/$1" ]; then
        die "$1 has no certificate in $DIR" "run: pki.sh issue $DIR $1 client"
    fi
    read -r kind san < "$DIR/kinds/$1"
    make "$1" "$kind" "$san"
}

revoke() {
    [ -s "$DIR/$1.pem" ] || die "$1 has no certificate in $DIR" "look with: pki.sh list $DIR"
    local serial
    serial=$(openssl x509 -noout -serial -in "$DIR/$1.pem" | cut -d= -f2)
    ossl x509 -in "$DIR/$1.pem" -out "$DIR/revoked/$1@$serial" # without the key
    rm -f "$DIR/$1.pem" "$DIR/kinds/$1"
    say "revoked $1 (serial $serial). The cluster still takes it until you have"
    say "  1. taken $1 out of the principals and run: sluice topics apply --prune"
    say "  2. run deploy/kafka/secure.sh again, for the broker's next start"
}

list() {
    local f name kind state
    for f in "$DIR"/kinds/*; do
        [ -e "$f" ] || continue
        name=${f##*/}
        read -r kind _ < "$f"
        state=good
        ! ends "$DIR/$name.pem" $((14 * 86400)) || state=ends-soon
        ! ends "$DIR/$name.pem" 0 || state=ended
        printf '%-32s %-6s %s %s\n' "$name" "$kind" "$(end_of "$DIR/$name.pem")" "$state"
    done
    for f in "$DIR"/revoked/*; do
        [ ! -e "$f" ] || { name=${f##*/} && printf '%-32s revoked\n' "${name%@*}"; }
    done
}

check() {
    local days=${1:-14} f late=0
    check_days DAYS "$days"
    for f in "$DIR"/*.pem; do
        ends "$f" $((days * 86400)) || continue
        say "${f##*/} ends at $(end_of "$f")"
        late=1
    done
    return "$late"
}

[ $# -ge 2 ] || usage
command -v openssl > /dev/null || die "openssl is missing" "install it: apt-get install openssl"
check_days SLUICE_PKI_DAYS "$DAYS"
check_days SLUICE_PKI_CA_DAYS "$CA_DAYS"
VERB=$1
DIR=$(realpath -m -- "$2")
shift 2
case $VERB in
    init) [ $# -le 1 ] || usage ;;
    issue) [ $# -ge 2 ] || usage ;;
    renew | revoke) [ $# = 1 ] || usage ;;
    list) [ $# = 0 ] || usage ;;
    check) [ $# -le 1 ] || usage ;;
    *) usage ;;
esac
[ "$VERB" = init ] || need_ca
case $VERB in issue | renew | revoke) check_name "$1" ;; esac
mkdir -p "$DIR"
exec 9> "$DIR/lock" # two at once: one after the other
flock -w 30 9 || die "another pki.sh in $DIR does not end" "look for it with: ps"
TMP=$(mktemp -d "$DIR/.new.XXXXXX") # on the same file system, so that mv is one step
trap 'rm -rf "$TMP"' EXIT
"$VERB" "$@"
