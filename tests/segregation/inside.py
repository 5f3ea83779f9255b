#!/usr/bin/env python3
"""What runs inside a namespace for test_tunnel.py; each verb tells what it saw as JSON.

    inside.py listen PORT…                  accepts on every address until its input ends
    inside.py knock ADDR:PORT[@DEV[%SRC]]…  open, reset, silent, no-route or denied
    inside.py serve PORT                    one stream of numbers, sent back
    inside.py stream ADDR:PORT RATE [WAIT]  sends numbers until its input ends, waits for the last
    inside.py capture DEV                   what passes an interface, until its input ends
    inside.py relay WORD COMMAND…           passes lines both ways, ends both at a line with WORD

Standard library only. Prints `ready` first where somebody waits for that.
"""

import errno
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

KNOCK_S = 0.4
ETH_P_ALL, ETH_ARP, ETH_IP, ETH_IPV6 = 0x0003, 0x0806, 0x0800, 0x86DD
WG_PORTS = {51820, 51821}
WG_TYPES = {1, 2, 3, 4}  # initiation, response, cookie, data
NEIGHBOURS = {130, 131, 132, 133, 134, 135, 136, 143}  # ICMPv6: multicast listeners, neighbours
MARKER = b"PRIVATE-MARKER-OF-SLUICE"  # stands beside every number of a stream
NUMBER = struct.Struct(f"!Q{len(MARKER)}s")
TOTAL_RETRANS_AT = 100  # tcpi_total_retrans in struct tcp_info


def ready() -> None:
    print("ready", flush=True)


def listener(port: int) -> socket.socket:
    """On every address, IPv4 and IPv6."""
    sock = socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    sock.listen(64)
    return sock


def listen(ports: list[str]) -> None:
    sockets = [listener(int(port)) for port in ports]
    ready()
    sys.stdin.read()
    for sock in sockets:
        sock.close()


def knock_one(spec: str) -> str:
    target, _, door = spec.partition("@")
    device, _, source = door.partition("%")
    address, _, port = target.rpartition(":")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sock:
        sock.settimeout(KNOCK_S)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if source:
            sock.bind((source, 0))
        try:
            sock.connect((address, int(port)))
        except TimeoutError:
            return "silent"
        except OSError as problem:
            known = {errno.ECONNREFUSED: "reset", errno.ENETUNREACH: "no-route",
                     errno.EPERM: "denied", errno.EHOSTUNREACH: "silent"}  # fmt: skip
            return known.get(problem.errno, str(problem))
        return "open"


def knock(specs: list[str]) -> None:
    found: dict[str, str] = {}

    def one(spec: str) -> None:
        found[spec] = knock_one(spec)

    threads = [threading.Thread(target=one, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(found))


class Numbers:
    """A stream of numbers as one end receives it."""

    def __init__(self) -> None:
        self.rest = b""
        self.count = 0
        self.wrong = 0  # lost, doubled or out of order
        self.gap_s = 0.0  # the longest silence
        self.last = time.monotonic()

    def take(self, data: bytes) -> None:
        now = time.monotonic()
        self.gap_s = max(self.gap_s, now - self.last)
        self.last = now
        self.rest += data
        while len(self.rest) >= NUMBER.size:
            number, _ = NUMBER.unpack_from(self.rest)
            self.rest = self.rest[NUMBER.size :]
            self.wrong += number != self.count
            self.count += 1


def serve(port: str) -> None:
    door = listener(int(port))
    ready()
    sock, _ = door.accept()
    seen = Numbers()
    while data := sock.recv(65536):
        seen.take(data)
        sock.sendall(data)
    print(json.dumps({"count": seen.count, "wrong": seen.wrong, "gap_s": seen.gap_s}))


def needless() -> int:
    """Retransmissions of this namespace that the other end had no need of."""
    with open("/proc/net/netstat") as table:
        names, values = (line.split() for line in table if line.startswith("TcpExt:"))
    return int(values[names.index("TCPDSACKRecv")])


def stream(target: str, rate: str, wait_s: str = "10") -> None:
    needless_before = needless()
    address, _, port = target.rpartition(":")
    sock = socket.create_connection((address, int(port)), 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    ready()
    sent, seen, start, out, ending = 0, Numbers(), time.monotonic(), b"", 0.0
    look = selectors.DefaultSelector()
    look.register(sock, selectors.EVENT_READ)
    look.register(sys.stdin, selectors.EVENT_READ)
    while not ending or (seen.count < sent and time.monotonic() < ending + float(wait_s)):
        due = int((time.monotonic() - start) * float(rate)) + 1
        while sent < due and not ending:
            out += NUMBER.pack(sent, MARKER)
            sent += 1
        if out:
            try:
                out = out[sock.send(out) :]
            except BlockingIOError:
                pass
        for key, _ in look.select(0.5 / float(rate)):
            if key.fileobj is sock:
                seen.take(sock.recv(65536))
            elif not os.read(0, 4096):
                ending = time.monotonic()
                look.unregister(sys.stdin)
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    (again,) = struct.unpack_from("=I", info, TOTAL_RETRANS_AT)
    sock.close()
    print(json.dumps({"sent": sent, "count": seen.count, "wrong": seen.wrong,
                      "gap_s": seen.gap_s, "retransmitted": again,
                      "needless": needless() - needless_before}))  # fmt: skip


def kind_of(frame: bytes) -> str:
    """wireguard, arp, neighbours, or in words what else a frame is."""
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    packet = frame[14:]
    if ethertype == ETH_ARP:
        return "arp"
    if ethertype == ETH_IPV6:
        is_neighbour = packet[6] == 58 and packet[40] in NEIGHBOURS
        # MLD has a hop-by-hop header first
        is_mld = packet[6] == 0 and packet[40] == 58 and packet[48] in NEIGHBOURS
        return "neighbours" if is_neighbour or is_mld else f"ipv6 next header {packet[6]}"
    if ethertype != ETH_IP:
        return f"ethertype {ethertype:04x}"
    head = (packet[0] & 15) * 4
    source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    if packet[9] != 17:
        return f"{source} to {target} protocol {packet[9]}"
    from_port, to_port = struct.unpack_from("!HH", packet, head)
    body = packet[head + 8 :]
    if {from_port, to_port} <= WG_PORTS and body[0] in WG_TYPES and body[1:4] == b"\0\0\0":
        return "wireguard"
    return f"{source}:{from_port} to {target}:{to_port} udp"


def capture(device: str) -> None:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((device, ETH_P_ALL))
    ready()
    kinds: dict[str, int] = {}
    marked = 0
    look = selectors.DefaultSelector()
    look.register(sock, selectors.EVENT_READ)
    look.register(sys.stdin, selectors.EVENT_READ)
    running = True
    while running:
        for key, _ in look.select():
            if key.fileobj is sock:
                frame = sock.recv(65536)
                kind = kind_of(frame)
                kinds[kind] = kinds.get(kind, 0) + 1
                marked += MARKER in frame
            else:
                running = False
    # SOL_PACKET, PACKET_STATISTICS: packets, drops
    _, missed = struct.unpack("II", sock.getsockopt(263, 6, 8))
    print(json.dumps({"kinds": kinds, "marked": marked, "missed": missed}))


def relay(word: str, command: list[str]) -> None:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as far:

        def pump(source, sink) -> None:
            while line := source.readline():
                if word.encode() in line.split()[:1]:
                    break
                sink.write(line)
                sink.flush()
            # Both directions end: the way between the two ends is gone.
            for pipe in (far.stdin, sys.stdout.buffer):
                try:
                    pipe.close()
                except (OSError, ValueError):
                    pass

        back = threading.Thread(target=pump, args=(far.stdout, sys.stdout.buffer), daemon=True)
        back.start()
        there = threading.Thread(target=pump, args=(sys.stdin.buffer, far.stdin), daemon=True)
        there.start()
        back.join()
        far.wait(60)
        os._exit(0)  # the other pump may still read


VERBS = {
    "listen": listen,
    "knock": knock,
    "serve": lambda words: serve(*words),
    "stream": lambda words: stream(*words),
    "capture": lambda words: capture(*words),
    "relay": lambda words: relay(words[0], words[1:]),
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](sys.argv[2:])
