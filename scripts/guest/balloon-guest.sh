#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# The guest's part of the balloon demo: takes the Dynamic Memory device from
# hv_balloon, lets the host inflate and deflate under memory load, unbinds while
# inflated, binds again, unloads, gives the device back, and reboots while
# inflated. VMB_CYCLES on the kernel's command line says how often. Lines that begin with VMBGUEST- are for balloon_verdict.py.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

type=525074dc-8985-46e2-8057-a307dc18a502
drivers=/sys/bus/vmbus/drivers
before=0

fail() {
	echo "VMBGUEST-FAILED $*"
	cat "$device"/balloon/* "/sys/kernel/debug/vmbkmcl/${device##*/}" 2>/dev/null
	dmesg | tail -n 60
	exit 1
}

is_bound() {
	[ "$(basename "$(readlink -f "$device/driver")")" = "$1" ]
}

is_running() {
	[ "$(cat "$device/balloon/state" 2>/dev/null)" = running ]
}

# take FROM TO: the device from one driver to the other.
take() {
	case $2 in
	vmb_balloon) echo "$2" >"$device/driver_override" ;;
	*) echo >"$device/driver_override" ;;
	esac
	[ -z "$1" ] || echo "${device##*/}" >"$drivers/$1/unbind"
	echo "${device##*/}" >"$drivers/$2/bind"
	is_bound "$2"
}

memory() {
	awk '/^MemTotal:/ { print $2 }' /proc/meminfo
}

counter() {
	cat "$device/balloon/$1"
}

# host WORD: what it has to do now; returns when it is done.
host() {
	echo "VMBGUEST-SAYS $1 at $(cut -d ' ' -f 1 /proc/uptime)"
	echo "$1" >&3
	read -r _ <&3 || fail "the host does not answer"
}

# is_inflated MIB_LEFT: by our count, and by the kernel's.
is_inflated() {
	local pages=$(((512 - $1) * 256))

	[ "$(counter ballooned)" -eq $pages ] || fail "$(counter ballooned) pages, not $pages"
	[ "$(memory)" -eq $((total - pages * 4)) ] || fail "MemTotal is $(memory) of $total"
}

is_whole() {
	[ "$(memory)" -eq "$total" ] || fail "MemTotal is $(memory), not $total"
}

count() {
	local name

	for name in inflated deflated unknown malformed floor; do
		echo "VMBGUEST-COUNTER $1 $name $(counter $name)"
	done
}

load() {
	while :; do
		dd if=/dev/zero of=/tmp/load bs=1M count=40 2>/dev/null
		cat /tmp/load >/dev/null
		rm /tmp/load
	done
}

stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 find_device $type || fail "the host offers no Dynamic Memory"
modprobe hv_balloon || fail "hv_balloon does not load"
is_bound hv_balloon || fail "hv_balloon does not bind"
before=$(dmesg | wc -l)
modprobe vmb_balloon || fail "vmb_balloon does not load"
is_bound hv_balloon || fail "vmb_balloon takes what it was not given"
total=$(memory)
take hv_balloon vmb_balloon || fail "vmb_balloon does not get the device"
wait_for 30 is_running || fail "host and client do not come to terms"

load &
load=$!
host "ready $(sed -n 's/.*VMB_CYCLES=\([0-9]*\).*/\1/p' /proc/cmdline)"
kill $load
rm -f /tmp/load
is_inflated 320
count cycles
echo "${device##*/}" >$drivers/vmb_balloon/unbind
is_whole
host unbound

echo "${device##*/}" >$drivers/vmb_balloon/bind
wait_for 30 is_running || fail "no terms after it was bound again"
host ready
is_inflated 450
count again
rmmod vmb_balloon || fail "vmb_balloon does not unload"
is_whole
take '' hv_balloon || fail "hv_balloon does not get the device back"

modprobe vmb_balloon || fail "vmb_balloon does not load again"
take hv_balloon vmb_balloon || fail "vmb_balloon does not get the device again"
wait_for 30 is_running || fail "no terms after it was loaded again"
host ready
is_inflated 400
log_since "$before" | sed 's/^/VMBGUEST-LOG /'
echo "VMBGUEST-WARNINGS $(complaints "$before" | wc -l)"
echo end >&3
echo "VMBGUEST-REBOOTS $(counter ballooned)"
# The last that can be told: a reboot ends this machine.
echo "VMBGUEST-END 0"
reboot -f
