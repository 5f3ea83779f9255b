#!/usr/bin/env bash
# packages.sh demo|test: installs the Debian packages that are missing.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

BUILD=(gcc libc6-dev make git pkg-config
    librdkafka-dev libevent-dev libcurl4-openssl-dev libssl-dev
    libcjson-dev libyaml-dev libxxhash-dev libvectorscan-dev libicu-dev libpcre2-dev
    libutf8proc-dev libopenblas-dev)
RUN=(openjdk-17-jre-headless maven python3 python3-venv kcat curl unzip ca-certificates
    iproute2 nftables wireguard-tools wireguard-go)
CHECK=(libcmocka-dev clang-14 libclang-rt-14-dev llvm-14 clang-format-14 shellcheck
    universal-ctags valgrind)

WANTED=("${BUILD[@]}" "${RUN[@]}")
[ "${1:-demo}" != test ] || WANTED+=("${CHECK[@]}")

command -v dpkg-query > /dev/null || die "this is not a Debian system" \
    "install by hand what corresponds to: ${WANTED[*]}"

# dpkg-query fails when it knows no such package at all; what it prints is right nevertheless.
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${WANTED[@]}" 2> /dev/null |
    sed -n 's/ installed$//p') || true
mapfile -t missing < <(comm -23 <(printf '%s\n' "${WANTED[@]}" | sort) <(sort <<< "$installed"))
[ ${#missing[@]} -gt 0 ] || exit 0

say "setup: installing Debian packages: ${missing[*]}"
mkdir -p "$CACHE"
LOG=$CACHE/apt.log
APT=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
as_root "${APT[@]}" update > "$LOG" 2>&1 < /dev/null ||
    die "apt-get update failed; see $LOG" "check that this machine reaches its Debian mirror"
as_root "${APT[@]}" install -y --no-install-recommends "${missing[@]}" >> "$LOG" 2>&1 < /dev/null ||
    die "apt-get install failed; see $LOG" \
        "Sluice is built for Debian 12; are all these known to apt: ${missing[*]}?"
