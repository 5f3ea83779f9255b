# shellcheck shell=bash
# The public side of `make up` in a network namespace of its own: a second Kafka cluster, the public
# worker and its upstream, reached through a real WireGuard tunnel alone. Sourced after common.sh.
#
# SLUICE_DEMO_SHAPE: auto (default: tunnel where this machine lets us, plain elsewhere), tunnel (an
# error where it can't be), plain (one cluster, everything on the loopback). Both clusters speak
# plain Kafka here, so that the lines of the tour stay short; deploy/kafka/secure.sh and deploy/pki
# are for more than a demonstration.

# One system a port: names and addresses come from it.
NETNS=sluice-$PORT
VETH=slv$PORT
WG=sl$PORT # wireguard-go's sockets want names that differ on one machine
LOW=$((PORT % 64 * 4))
UNDERLAY=10.213.$((PORT / 64 % 256))
TUNNEL=10.214.$((PORT / 64 % 256))
TUNNEL_HERE=$TUNNEL.$((LOW + 1))
TUNNEL_THERE=$TUNNEL.$((LOW + 2))
# In the namespace nobody else has them; a broker's listeners need ports that differ.
LOCAL_PORT=$KAFKA_PORT
TUNNEL_PORT=$((KAFKA_PORT + 2))
WG_SH=$ROOT/deploy/wireguard/wg.sh
ENDS=$RUN/tunnel

has_netns() { [ -e "/run/netns/$NETNS" ]; }

# there COMMAND…: on the public side.
there() { ip netns exec "$NETNS" "$@"; }

# side_of DAEMON: the command that a public daemon's is put behind in the shape `tunnel`.
side_of() {
    case $SHAPE/$1 in
        tunnel/public-worker | tunnel/upstream) printf 'ip netns exec %s' "$NETNS" ;;
    esac
}

# What stands in the way of the tunnel on this machine; nothing: prints nothing.
tunnel_obstacle() {
    local probe=slp$PORT tool
    [ "$(id -u)" = 0 ] || { say "not root" && return; }
    for tool in ip wg nft unshare; do
        command -v "$tool" > /dev/null || { say "$tool is missing" && return; }
    done
    ip netns add "$probe" 2> /dev/null || { say "no network namespaces here" && return; }
    ip -n "$probe" link add "$probe" type veth peer name "${probe}x" 2> /dev/null ||
        say "no veth interfaces here"
    ip -n "$probe" link add "${probe}w" type wireguard 2> /dev/null ||
        { command -v wireguard-go > /dev/null && [ -c /dev/net/tun ]; } ||
        say "neither the kernel's WireGuard nor wireguard-go"
    ip netns exec "$probe" nft add table inet "$probe" 2> /dev/null || say "no nftables here"
    ip netns del "$probe"
}

# Prints tunnel or plain; what runs already keeps its shape unless another one is asked for.
choose_shape() {
    local obstacle wanted=${SLUICE_DEMO_SHAPE:-auto}
    case $wanted in
        plain) say plain && return ;;
        auto | tunnel) ;;
        *) die "SLUICE_DEMO_SHAPE is auto, tunnel or plain, not '$wanted'" ;;
    esac
    ! has_netns || { say tunnel && return; }
    obstacle=$(tunnel_obstacle)
    if [ -z "$obstacle" ]; then
        say tunnel
    elif [ "$wanted" = tunnel ]; then
        die "no tunnel on this machine: ${obstacle//$'\n'/, }" "SLUICE_DEMO_SHAPE=plain"
    else
        say "up: the public side runs without a tunnel: ${obstacle//$'\n'/, }" >&2
        say plain
    fi
}

tunnel_up() {
    local log=$RUN/log/tunnel.log
    if ! has_netns; then
        ip netns add "$NETNS"
        there ip link set lo up
        ip link add "$VETH" type veth peer name "$VETH" netns "$NETNS"
        ip addr add "$UNDERLAY.$((LOW + 1))/30" dev "$VETH"
        there ip addr add "$UNDERLAY.$((LOW + 2))/30" dev "$VETH"
        ip link set "$VETH" up
        there ip link set "$VETH" up
        say "up: the public side has the network namespace $NETNS"
    fi
    {
        "$WG_SH" pair "$ENDS" shape=two-clusters interface_private="${WG}h" \
            interface_public="${WG}t" underlay="$VETH" \
            address_private="$TUNNEL_HERE" address_public="$TUNNEL_THERE" \
            peer_address_private="$TUNNEL_THERE" peer_address_public="$TUNNEL_HERE" \
            endpoint_private="$UNDERLAY.$((LOW + 2)):51820" \
            endpoint_public="$UNDERLAY.$((LOW + 1)):51820" \
            listen_port=51820 ports="$TUNNEL_PORT"
        "$WG_SH" up "$ENDS/private/tunnel.conf"
        there "$WG_SH" up "$ENDS/public/tunnel.conf"
    } > "$log" 2>&1 8>&- || die "the tunnel did not come up: $(tail -n 3 "$log")" "look into $log"
    say "up: WireGuard between $TUNNEL_HERE and $TUNNEL_THERE"
}

tunnel_down() {
    has_netns || return 0
    there "$WG_SH" down "$ENDS/public/tunnel.conf" --rules > /dev/null 2>&1 || true
    "$WG_SH" down "$ENDS/private/tunnel.conf" --rules > /dev/null 2>&1 || true
    ip link del "$VETH" 2> /dev/null || true
    ip netns del "$NETNS"
}

# The public cluster has one listener for the gateway, through the tunnel, and one for the worker.
public_broker() { # start|status
    local dir=$RUN/kafka-public
    mkdir -p "$dir"
    local here=127.0.0.1:$LOCAL_PORT far=$TUNNEL_THERE:$TUNNEL_PORT
    put "$dir/extra.properties" << END
listeners=CLIENT://$here,TUNNEL://$far,CTRL://127.0.0.1:$((LOCAL_PORT + 1))
advertised.listeners=CLIENT://$here,TUNNEL://$far
listener.security.protocol.map=CLIENT:PLAINTEXT,TUNNEL:PLAINTEXT,CTRL:PLAINTEXT
END
    there "$BROKER" "$1" "$dir" "$LOCAL_PORT" 8>&-
}

# The gateway first, which drains; then the others, Kafka, and last the tunnel.
stop_all() {
    local i
    for ((i = ${#DAEMONS[@]} - 1; i >= 0; i--)); do
        stop_daemon "${DAEMONS[i]%% *}"
    done
    "$BROKER" stop "$RUN/kafka" "$KAFKA_PORT"
    ! has_netns || "$BROKER" stop "$RUN/kafka-public" "$LOCAL_PORT"
    tunnel_down
}
