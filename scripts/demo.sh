#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: demo.sh
#
# Boots a stock Debian kernel as a Linux guest on Hyper-V, as QEMU and KVM
# implement it, loads the modules of this repository there, and lets the
# host send packets through a VMBus channel: in-band packets of every size,
# GPA-direct and transfer-page packets over shared memory, bursts that fill
# the rings, packets that want no completion, and malformed ones. The host
# checks every completion, and its verdict is what counts.
#
# At the same time the guest sends through another channel, whose rings
# are of the smallest size: packets from two threads, external data in both
# directions, synchronous requests; the host reads slowly, in bursts, and
# not at all for a while, and writes into memory that the guest shares.
# Both ends count, and must agree.
#
# Needs no Hyper-V and no hardware virtualisation. What is missing is
# installed (as root) or fetched into the cache; nothing else is changed.
#
# Environment:
#   KERNEL     the guest's kernel: 6.1, 6.12 (default), 6.12-rt, newest, ...
#   INBAND     in-band packets (10260)
#   EXTERNAL   packets with external data (1100)
#   SENDS      packets that the guest sends (100000)
#   CLIENT     parameters for the echo client's module
#   DEADLINE   seconds after which the guest is ended (150)
#
# Writes build/demo.json (scripts/guest/verdict.py says what its fields
# mean); the consoles are in build/demo/. Exits 0 only if every packet was
# counted exactly once.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/demo
began=$(date +%s)
rm -f "$VMB_BUILD/demo.json"
mkdir -p "$logs"

stage "Linux $version: kernel, modules and headers"
need_packages python3
kernel=$("$guest/kernel.sh" "$version")

stage "our modules for Linux $(cat "$kernel/release")"
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "the host's ends of the channels, for this machine's QEMU"
"$guest/build-host-device.sh" >/dev/null

stage "the guest: boot, packets, unload"
work=
scratch_dir work
printf '%s\n' "${CLIENT:-}" >"$work/client-parameters"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/demo-guest.sh" \
	"$modules"/*.ko "$work/client-parameters"
# QEMU's synthetic timers send messages. On PREEMPT_RT hv_vmbus takes them in a thread,
# and there, under load, a message of the timer's gets lost; and so does all that sleeps.
timer=synthetic
[[ $version != *-rt ]] || timer=local
"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--timer "$timer" --deadline "${DEADLINE:-150}" \
	--device "modes=finite,inband=${INBAND:-10260},external=${EXTERNAL:-1100}" \
	--source "modes=finite,sends=${SENDS:-100000}"
stage_end

python3 "$guest/verdict.py" "$logs" "$VMB_BUILD/demo.json" \
	"$(cat "$kernel/release")" "$(($(date +%s) - began))"
