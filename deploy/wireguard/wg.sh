#!/usr/bin/env bash
# wg.sh - one end of the WireGuard tunnel between the private and the public side.
#
#   wg.sh pair DIR NAME=VALUE…    makes both ends: DIR/private and DIR/public, to be carried to the
#                                 two machines. NAME is a key of tunnel.conf, for one end alone
#                                 with _private or _public behind it; what exists is kept
#   wg.sh up CONF                 the walls (nftables), then the interface; safe to run again
#   wg.sh keep CONF               up, and up again whenever something of it is gone; SIGTERM: down
#   wg.sh down CONF [--rules]     the interface goes; the walls stay unless --rules
#   wg.sh check CONF              is everything as CONF says? Tells what is not
#   wg.sh prove CONF [ADDR:PORT…] on the public side: what of the private side answers from here?
#   wg.sh rules CONF              prints the walls
#   wg.sh endpoint CONF ADDR:PORT the far end has moved: CONF, walls and peer follow
#   wg.sh slot-new|-public|-up|-use|-down CONF SLOT   the steps of `sluice tunnel rotate`
#
# CONF is a small file of NAME = VALUE (tunnel.conf.sample). Beside it lie, for the slots a and b
# (two interfaces, two ports; one is in use, the other serves rotations): SLOT.key and SLOT.psk,
# mode 0600; SLOT.peer, the far end's public key; `active`, the slot in use; `rotating`, the slot
# that a rotation is about to use. Keys go to `wg` by the name of their file, never as an argument.
# It acts in the network namespace that it is run in. Needs bash, ip, wg, nft; where the kernel
# has no WireGuard, wireguard-go. docs/tunnel.md tells what each wall stops.
set -euo pipefail
umask 077

say() { printf '%s\n' "$*"; }
# die WHAT [WHAT TO DO]
die() {
    printf 'wg.sh: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  what to do: %s\n' "$2" >&2
    exit 1
}

# ---- tunnel.conf ----
OCTET='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
V4="$OCTET(\\.$OCTET){3}"
V6='[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}'
PORT='[1-9][0-9]{0,4}'
# What a value may look like: nothing else reaches nft, ip or wg.
declare -A FORM=(
    [side]='private|public' [shape]='two-clusters|one-cluster' [driver]='auto|kernel|userspace'
    [interface]='[a-z][a-z0-9-]{0,12}' [underlay]='[A-Za-z0-9][A-Za-z0-9._-]{0,14}'
    [address]="$V4" [peer_address]="$V4" [endpoint]="$V4:$PORT|\\[$V6\\]:$PORT"
    [listen_port]="$PORT" [ports]="$PORT(,$PORT)*" [mtu]='[1-9][0-9]{3}' [keepalive]='[1-9][0-9]?'
    [underlay_out]='wireguard|any' [admin_from]="|($V4|$V6)(/[0-9]{1,3})?"
    [admin_ports]="$PORT(,$PORT)*"
)
NAMES=(side shape interface underlay address peer_address listen_port endpoint ports mtu keepalive
    underlay_out admin_from admin_ports driver)
declare -A C

set_value() { # NAME VALUE WHERE
    [ -n "${FORM[$1]:-}" ] || die "$3: unknown name '$1'" "known are: ${NAMES[*]}"
    [[ $2 =~ ^(${FORM[$1]})$ ]] || die "$3: '$2' is no value for $1" "see tunnel.conf.sample"
    C[$1]=$2
}

defaults() {
    C=([shape]=two-clusters [interface]=sluice-wg [listen_port]=51820 [ports]=9094 [mtu]=1420
        [keepalive]=25 [admin_from]='' [admin_ports]=22 [driver]=auto)
}

finish_values() { # WHERE
    local name
    for name in side underlay address peer_address endpoint; do
        [ -n "${C[$name]:-}" ] || die "$1: $name is missing" "see tunnel.conf.sample"
    done
    # The private side's underlay carries the tunnel alone; a public worker also reaches upstreams.
    if [ -z "${C[underlay_out]:-}" ]; then
        C[underlay_out]=any
        [ "${C[side]}" = public ] || C[underlay_out]=wireguard
    fi
    for name in ${C[listen_port]} ${C[ports]//,/ } ${C[endpoint]##*:}; do
        [ "$name" -lt 65535 ] || die "$1: port $name is too high" "65534 is the highest"
    done
    [ "${C[address]}" != "${C[peer_address]}" ] || die "$1: both ends have the same address"
    FAR_HOST=${C[endpoint]%:*} FAR_PORT=${C[endpoint]##*:}
    FAR_HOST=${FAR_HOST#[} FAR_HOST=${FAR_HOST%]}
    IF=${C[interface]}
    TABLE=${IF//-/_}
}

read_conf() { # CONF
    local line number=0
    local row='^[[:space:]]*([a-z_]+)[[:space:]]*=[[:space:]]*([^[:space:]]*)[[:space:]]*$'
    CONF=$1
    [ -r "$CONF" ] || die "$CONF can't be read" "wg.sh pair makes one"
    DIR=$(cd "$(dirname "$CONF")" && pwd)
    defaults
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%%#*}
        [[ $line =~ [^[:space:]] ]] || continue
        [[ $line =~ $row ]] ||
            die "$CONF:$number: this is not NAME = VALUE"
        set_value "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "$CONF:$number"
    done < "$CONF"
    finish_values "$CONF"
}

# One at a time: a rotation and a timer that runs `up` would work against each other.
lock() {
    exec 9> "$DIR/.lock"
    flock -w 30 9 || die "another wg.sh works on $CONF for 30 s"
}

# write FILE TEXT: whole or not at all.
write() {
    printf '%s\n' "$2" > "$1.new"
    mv -f "$1.new" "$1"
}

# ---- the walls ----
# The end that listens for the bus: the public one with two clusters, the private one with one.
listens() {
    case ${C[shape]}/${C[side]} in
        two-clusters/public | one-cluster/private) true ;;
        *) false ;;
    esac
}

# What this machine asked for. `established` alone would also let go on what somebody opened while
# the walls were down.
answers='ct direction reply ct state established accept
        ct state related meta l4proto { icmp, ipv6-icmp } accept'

tunnel_in() {
    say "        $answers"
    ! listens ||
        say "        ip saddr ${C[peer_address]} ip daddr ${C[address]} tcp dport { ${C[ports]} }" \
            "ct state { new, established } accept comment \"the bus\""
    say '        counter drop comment "new from the tunnel"'
}

# The private side dials the bus and nothing else, or (one cluster) nothing at all.
tunnel_out() {
    [ "${C[side]}" = private ] || return 0
    say "        $answers"
    listens ||
        say "        ip daddr ${C[peer_address]} tcp dport { ${C[ports]} }" \
            "ct state { new, established } accept"
    say '        counter drop comment "new into the tunnel"'
}

neighbours='icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept'

family() { case $1 in *:*) echo ip6 ;; *) echo ip ;; esac; }

underlay_in() {
    say "        $(family "$FAR_HOST") saddr $FAR_HOST udp dport { $WG_PORTS } accept"
    [ -z "${C[admin_from]}" ] ||
        say "        $(family "${C[admin_from]}") saddr ${C[admin_from]} tcp dport {" \
            "${C[admin_ports]} } accept"
    say "        $answers
        $neighbours
        counter drop comment \"new around the tunnel\""
}

# Not even an error message about a packet of the tunnel goes out.
underlay_out() {
    say "        $(family "$FAR_HOST") daddr $FAR_HOST udp sport { $WG_PORTS } accept
        $(family "$FAR_HOST") daddr $FAR_HOST ct state related counter drop comment \"errors\""
    [ "${C[underlay_out]}" = wireguard ] || return 0
    say "        $answers
        $neighbours
        counter drop comment \"new out of the underlay\""
}

# One transaction: the old table goes and the new one comes at once, or the old one stays.
rules() {
    local tunnels="{ \"${IF}a\", \"${IF}b\" }"
    local own=${C[address]} far=${C[peer_address]}
    local elsewhere="!= { \"lo\", \"${IF}a\", \"${IF}b\" }"
    WG_PORTS="${C[listen_port]}, $((C[listen_port] + 1))"
    cat << END
add table inet $TABLE
delete table inet $TABLE
table inet $TABLE {
    chain tunnel_in {
$(tunnel_in)
    }
    chain tunnel_out {
$(tunnel_out)
    }
    chain underlay_in {
$(underlay_in)
    }
    chain underlay_out {
$(underlay_out)
    }
    chain input {
        type filter hook input priority -10; policy accept;
        iifname $tunnels jump tunnel_in
        iifname $elsewhere ip daddr $own counter drop comment "tunnel address from elsewhere"
        iifname $elsewhere ip saddr $far counter drop comment "the peer from elsewhere"
        iifname "${C[underlay]}" jump underlay_in
    }
    chain output {
        type filter hook output priority -10; policy accept;
        oifname $tunnels jump tunnel_out
        oifname != $tunnels ip daddr $far counter drop comment "the peer in clear"
        oifname "${C[underlay]}" jump underlay_out
    }
    chain forward {
        type filter hook forward priority -10; policy accept;
        iifname $tunnels counter drop comment "beyond this machine"
        oifname $tunnels counter drop comment "from beyond this machine"
        iifname "${C[underlay]}" counter drop comment "beyond this machine, around"
        oifname "${C[underlay]}" counter drop comment "from beyond this machine, around"
    }
}
END
}

# What nft makes of the rules, to compare with what is loaded: loaded into a namespace of its own.
rules_wanted() {
    # shellcheck disable=SC2016 # the inner shell's own
    rules | unshare -n bash -c 'nft -f - && exec nft -s list table inet "$1"' - "$TABLE"
}

rules_are_loaded() {
    local wanted loaded
    wanted=$(rules_wanted) || die "nft refuses the rules of $CONF"
    loaded=$(nft -s list table inet "$TABLE" 2> /dev/null) || return 1
    [ "$wanted" = "$loaded" ]
}

load_rules() {
    # nft loads nothing of a file with one mistake: without its status the machine would stay open.
    rules_are_loaded || rules | nft -f - ||
        die "nft did not load the walls: no tunnel without them" "wg.sh rules $CONF | nft -c -f -"
}

# ---- interfaces ----
slot_port() { case $1 in a) echo "${C[listen_port]}" ;; b) echo $((C[listen_port] + 1)) ;; esac; }
slot_endpoint() {
    local port=$FAR_PORT
    [ "$1" = a ] || port=$((FAR_PORT + 1))
    say "${C[endpoint]%:*}:$port"
}
active() {
    local slot=a
    [ ! -s "$DIR/active" ] || read -r slot < "$DIR/active"
    case $slot in a | b) say "$slot" ;; *) die "$DIR/active holds neither a nor b" ;; esac
}
has_address() { ip -o -4 addr show dev "$1" | grep -qF " ${C[address]}/32 "; }
exists() { ip link show dev "$1" > /dev/null 2>&1; }

# Key files of a slot, present and readable by their owner alone.
keys_of() {
    local file
    for file in key psk peer; do
        [ -s "$DIR/$1.$file" ] || die "$DIR/$1.$file is missing" \
            "wg.sh pair makes it; or carry it here from the other end"
    done
    for file in key psk; do
        case $(stat -c %a "$DIR/$1.$file") in
            600 | 400) ;;
            *) die "$DIR/$1.$file can be read by others" "chmod 600; then rotate the keys" ;;
        esac
    done
    read -r PEER < "$DIR/$1.peer"
    [[ $PEER =~ ^[A-Za-z0-9+/]{43}=$ ]] || die "$DIR/$1.peer holds no public key"
}

make_interface() { # NAME
    local log
    if [ "${C[driver]}" != userspace ]; then
        ip link add dev "$1" type wireguard 2> /dev/null && return
        [ "${C[driver]}" = auto ] || die "the kernel has no WireGuard" "driver = auto in $CONF"
    fi
    command -v wireguard-go > /dev/null ||
        die "neither the kernel nor wireguard-go can do WireGuard" "apt-get install wireguard-go"
    # It goes into the background itself; it must hold neither the lock nor our pipes.
    log=$(mktemp)
    if ! LOG_LEVEL=error wireguard-go "$1" > "$log" 2>&1 9>&- < /dev/null; then
        grep -v '[│┌└]' "$log" >&2 || true
        rm -f "$log"
        die "wireguard-go can't make $1" "is /dev/net/tun there, and is the name free?"
    fi
    rm -f "$log"
}

# Is the interface configured as it should be? Its own settings are only touched when not: setting
# the port again would drop what is on its way.
slot_is_right() { # SLOT (after keys_of)
    local if=$IF$1
    exists "$if" || return 1
    [ "$(wg show "$if" public-key)" = "$(wg pubkey < "$DIR/$1.key")" ] &&
        [ "$(wg show "$if" listen-port)" = "$(slot_port "$1")" ] &&
        [ "$(wg show "$if" allowed-ips)" = "$PEER	${C[peer_address]}/32" ] &&
        [ "$(wg show "$if" persistent-keepalive)" = "$PEER	${C[keepalive]}" ]
}

slot_up() { # SLOT
    local if=$IF$1 other
    keys_of "$1"
    exists "$if" || make_interface "$if"
    if ! slot_is_right "$1"; then
        for other in $(wg show "$if" peers); do
            [ "$other" = "$PEER" ] || wg set "$if" peer "$other" remove
        done
        wg set "$if" listen-port "$(slot_port "$1")" private-key "$DIR/$1.key" peer "$PEER" \
            preshared-key "$DIR/$1.psk" allowed-ips "${C[peer_address]}/32" \
            endpoint "$(slot_endpoint "$1")" persistent-keepalive "${C[keepalive]}"
    fi
    # During a rotation packets come in on one slot while the route goes by the other. The kernel
    # lets that pass with a loose reverse path check, and only on an interface with an address.
    echo 2 > "/proc/sys/net/ipv4/conf/$if/rp_filter"
    [ ! -e "/proc/sys/net/ipv6/conf/$if/disable_ipv6" ] ||
        echo 1 > "/proc/sys/net/ipv6/conf/$if/disable_ipv6"
    has_address "$if" || ip addr add "${C[address]}/32" dev "$if"
    ip link set dev "$if" mtu "${C[mtu]}" up
}

# The route moves in one step; sockets do not notice, since the address is on lo as well.
slot_use() { # SLOT
    exists "$IF$1" || die "$IF$1 is not up" "wg.sh slot-up $CONF $1"
    ip route replace "${C[peer_address]}/32" dev "$IF$1" src "${C[address]}"
    [ -s "$DIR/active" ] && [ "$(active)" = "$1" ] && return
    write "$DIR/active" "$1"
}

remove_interface() { # NAME
    local end=$((SECONDS + 5))
    ! exists "$1" || ip link del dev "$1"
    rm -f "/var/run/wireguard/$1.sock" # ends wireguard-go
    while exists "$1"; do
        [ "$SECONDS" -lt "$end" ] || die "$1 does not go away"
        sleep 0.02
    done
}

address_up() {
    ip link set dev lo up
    has_address lo || ip addr add "${C[address]}/32" dev lo
}

do_up() {
    load_rules # before the address answers anywhere
    address_up
    local slot
    slot=$(active)
    slot_up "$slot"
    slot_use "$slot"
    # A rotation that broke off: the far end may use either.
    for slot in a b; do
        [ "$(rotating)" = none ] || [ ! -s "$DIR/$slot.peer" ] || slot_up "$slot"
    done
}

do_down() { # [--rules]
    case ${1:-} in '' | --rules) ;; *) die "unknown option '$1'" "wg.sh down CONF [--rules]" ;; esac
    remove_interface "${IF}a"
    remove_interface "${IF}b"
    [ "${1:-}" = --rules ] || return 0
    ip addr del "${C[address]}/32" dev lo 2> /dev/null || true
    printf 'add table inet %s\ndelete table inet %s\n' "$TABLE" "$TABLE" | nft -f -
}

# For a service manager. The kernel's table of interfaces is looked at every second, all of it every
# half minute: wireguard-go can die, and somebody may flush the walls.
keep() {
    local looks=0 slot
    trap '"$0" down "$CONF"; exit 0' TERM INT
    "$0" up "$CONF"
    say "the tunnel is up at this end"
    [ -z "${NOTIFY_SOCKET:-}" ] || systemd-notify --ready
    while :; do
        sleep 1 & # so that a signal is heard at once
        wait $! || true
        looks=$((looks + 1))
        slot=$(active)
        [ -d "/proc/sys/net/ipv4/conf/$IF$slot" ] && [ "$looks" -lt 30 ] && continue
        looks=0
        "$0" up "$CONF" || say "up failed; tried again soon"
    done
}

# ---- rotation ----
want_slot() {
    case ${1:-} in a | b) ;; *) die "say which slot: a or b" ;; esac
}

rotating() {
    local slot=none
    [ ! -s "$DIR/rotating" ] || read -r slot < "$DIR/rotating"
    say "$slot"
}

# Keys for a slot that is not in use; prints the public one. Those of a rotation that broke off
# stay: the far end may have them already.
slot_new() { # SLOT
    if [ "$(rotating)" != "$1" ]; then
        [ "$(active)" != "$1" ] || die "slot $1 is in use"
        rm -f "$DIR/$1.peer"
        wg genpsk > "$DIR/$1.psk.new" && mv -f "$DIR/$1.psk.new" "$DIR/$1.psk"
        wg genkey > "$DIR/$1.key.new" && mv -f "$DIR/$1.key.new" "$DIR/$1.key"
        write "$DIR/rotating" "$1"
    fi
    wg pubkey < "$DIR/$1.key"
}

slot_down() { # SLOT
    [ "$(active)" != "$1" ] || die "slot $1 is in use"
    remove_interface "$IF$1"
    local file
    for file in "$DIR/$1.key" "$DIR/$1.psk" "$DIR/$1.peer"; do
        [ ! -e "$file" ] || shred -u "$file"
    done
    rm -f "$DIR/rotating"
}

endpoint() { # ADDR:PORT
    local slot
    set_value endpoint "$1" endpoint
    finish_values endpoint
    sed "s|^\([[:space:]]*endpoint[[:space:]]*=\).*|\1 $1|" "$CONF" > "$CONF.new"
    chmod --reference="$CONF" "$CONF.new"
    mv -f "$CONF.new" "$CONF"
    load_rules
    for slot in a b; do
        exists "$IF$slot" || continue
        keys_of "$slot"
        wg set "$IF$slot" peer "$PEER" endpoint "$(slot_endpoint "$slot")"
    done
}

# ---- looking ----
BAD=0
found() { say "$*" && BAD=1; }

check() {
    local slot if
    slot=$(active)
    if=$IF$slot
    keys_of "$slot"
    rules_are_loaded || found "the loaded walls are not those of $CONF"
    slot_is_right "$slot" || found "$if is missing, or its keys, port, peer or AllowedIPs differ"
    if exists "$if"; then
        ip -o link show dev "$if" | grep -q '[<,]UP[,>]' || found "$if is down"
        ip -o link show dev "$if" | grep -q " mtu ${C[mtu]} " || found "$if has another MTU"
        # the key passes through a pipe alone
        ! wg show "$if" preshared-keys | grep -qF '(none)' || found "$if has no preshared key"
    fi
    ip -4 route show "${C[peer_address]}/32" | grep -qF "dev $if " ||
        found "the route to ${C[peer_address]} is not by $if"
    has_address lo || found "lo has no ${C[address]}"
    [ "$BAD" = 1 ] || say "ok: $if, ${C[side]} side, ${C[shape]}"
    return "$BAD"
}

# open, reset (the packet passed the wall and nothing listens), silent, or no-route
knock() { # ADDRESS PORT
    local text
    # shellcheck disable=SC2016 # the inner shell's own
    if text=$(LC_ALL=C timeout 1 bash -c 'exec 3<> "/dev/tcp/$1/$2"' - "$1" "$2" 2>&1); then
        echo open
    else
        case $text in
            *refused*) echo reset ;;
            *'etwork is unreachable'*) echo no-route ;;
            *) echo silent ;;
        esac
    fi
}

judge() { # ADDRESS PORT VERDICT
    local allowed=no
    ! { [ "${C[shape]}" = one-cluster ] && [ "$1" = "${C[peer_address]}" ] &&
        [[ ,${C[ports]}, == *,$2,* ]]; } || allowed=yes
    case $allowed/$3 in
        yes/open | no/silent) say "ok    $1:$2 $3" ;;
        yes/*) found "FAIL  $1:$2 $3: the bus should answer here" ;;
        no/no-route) say "none  $1:$2 no route from here: proves nothing" ;;
        no/reset) found "FAIL  $1:$2 reset: the packet passed the wall, only nothing listens" ;;
        *) found "FAIL  $1:$2 $3" ;;
    esac
}

# The walls of the private side, seen from the public one: silence is the only good answer.
prove() { # [ADDRESS:PORT…]
    local slot shaken targets=() port target folder
    [ "${C[side]}" = public ] || die "prove looks at the private side from the public one"
    slot=$(active)
    read -r _ shaken < <(wg show "$IF$slot" latest-handshakes) || die "$IF$slot is not up"
    [ "$shaken" -gt $(($(date +%s) - 180)) ] ||
        die "no handshake for 180 s: silence would prove nothing" "bring the tunnel up first"
    for port in ${C[ports]//,/ } 22 80 443 8080 9092 9093 9094 9095; do
        targets+=("${C[peer_address]}:$port" "$FAR_HOST:$port")
    done
    mapfile -t targets < <(printf '%s\n' "${targets[@]}" "$@" | sort -u)
    folder=$(mktemp -d)
    for target in "${targets[@]}"; do
        knock "${target%:*}" "${target##*:}" > "$folder/$target" &
    done
    wait
    for target in "${targets[@]}"; do
        judge "${target%:*}" "${target##*:}" "$(cat "$folder/$target")"
    done
    rm -rf "$folder"
    return "$BAD"
}

# ---- both ends ----
conf_of() { # SIDE NAME=VALUE…
    local side=$1 word name value
    shift
    defaults
    C[side]=$side
    for word in "$@"; do
        name=${word%%=*} value=${word#*=}
        [[ $word == *=* ]] || die "'$word' is not NAME=VALUE"
        case $name in
            *_private | *_public)
                [ "${name##*_}" = "$side" ] || continue
                name=${name%_*}
                ;;
        esac
        set_value "$name" "$value" pair
    done
}

pair() { # DIR NAME=VALUE…
    local dir=$1 side name
    shift
    for side in private public; do
        mkdir -p "$dir/$side"
        [ -s "$dir/$side/a.key" ] || wg genkey > "$dir/$side/a.key"
    done
    [ -s "$dir/private/a.psk" ] || wg genpsk > "$dir/private/a.psk"
    cp "$dir/private/a.psk" "$dir/public/a.psk"
    wg pubkey < "$dir/public/a.key" > "$dir/private/a.peer"
    wg pubkey < "$dir/private/a.key" > "$dir/public/a.peer"
    for side in private public; do
        conf_of "$side" "$@"
        finish_values "pair, the $side end"
        {
            say "# The $side end of the tunnel. Every name is told in tunnel.conf.sample."
            for name in "${NAMES[@]}"; do say "$name = ${C[$name]}"; done
        } > "$dir/$side/tunnel.conf"
        chmod 644 "$dir/$side/tunnel.conf"
    done
    say "made $dir/private and $dir/public: carry each to its machine over a safe way, delete the" \
        "copies, and let \`sluice tunnel rotate\` replace the keys once the tunnel is up"
}

usage() {
    sed -n 's/^# \{0,1\}//; 3,14p' "$0"
    exit 2
}

main() {
    local verb=${1:-} slot
    [ $# -ge 2 ] || usage
    shift
    if [ "$verb" = pair ]; then
        pair "$@"
        return
    fi
    read_conf "$1"
    shift
    slot=${1:-}
    case $verb in
        up | down | endpoint | slot-*) lock ;;
    esac
    case $verb in
        slot-*) want_slot "$slot" ;;
    esac
    case $verb in
        up) do_up ;;
        down) do_down "$@" ;;
        keep) keep ;;
        check) check ;;
        prove) prove "$@" ;;
        rules) rules ;;
        endpoint) endpoint "$slot" ;;
        slot-new) slot_new "$slot" ;;
        slot-public) wg pubkey < "$DIR/$slot.key" ;;
        slot-up) slot_up "$slot" ;;
        slot-use) slot_use "$slot" ;;
        slot-down) slot_down "$slot" ;;
        *) usage ;;
    esac
}

main "$@"
