#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# The guest's part of the heartbeat demo: the kernel's own hv_utils answers the
# host, then our client, then hv_utils again; and our client is unbound, bound and
# unloaded.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

type=57164f39-9115-4e78-ab55-382f3bd5422d
drivers=/sys/bus/vmbus/drivers
# Answers that will do.
beats=20

fail() {
	echo "VMBGUEST-FAILED $*"
	cat "$device"/heartbeat/* "/sys/kernel/debug/vmbkmcl/${device##*/}" 2>/dev/null
	dmesg | tail -n 60
	exit 1
}

is_bound() {
	[ "$(basename "$(readlink -f "$device/driver")")" = "$1" ]
}

# take FROM TO: the device from one driver to the other.
take() {
	case $2 in
	vmb_heartbeat) echo "$2" >"$device/driver_override" ;;
	*) echo >"$device/driver_override" ;;
	esac
	[ -z "$1" ] || echo "${device##*/}" >"$drivers/$1/unbind"
	echo "${device##*/}" >"$drivers/$2/bind"
	is_bound "$2"
}

# hv_utils counts nothing: the channel's interrupts have to do, one for each beat.
interrupts() {
	cat "$device"/channels/*/interrupts
}

is_interrupted() {
	[ "$(interrupts)" -ge $((interrupts_before + beats)) ]
}

utils_answers() {
	interrupts_before=$(interrupts)
	wait_for 60 is_interrupted
}

has_beaten() {
	[ "$(cat "$device/heartbeat/beats" 2>/dev/null)" -ge $beats ]
}

# Ours says it itself, and nothing was lost or malformed.
ours_answers() {
	wait_for 60 has_beaten || return 1
	for name in version sequence beats malformed lost; do
		echo "VMBGUEST-COUNTER $1 $name $(cat "$device/heartbeat/$name")"
	done
	[ "$(cat "$device/heartbeat/version")" = 3.0 ] &&
		[ "$(cat "$device/heartbeat/malformed")" = 0 ] &&
		[ "$(cat "$device/heartbeat/lost")" = 0 ]
}

modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 find_device $type || fail "the host offers no heartbeat"
modprobe hv_utils || fail "hv_utils does not load"
is_bound hv_utils || fail "hv_utils does not bind"
utils_answers || fail "hv_utils does not answer"

before=$(dmesg | wc -l)
modprobe vmb_heartbeat || fail "vmb_heartbeat does not load"
is_bound hv_utils || fail "vmb_heartbeat takes what it was not given"
take hv_utils vmb_heartbeat || fail "vmb_heartbeat does not get the device"
ours_answers first || fail "vmb_heartbeat does not answer"
echo "${device##*/}" >$drivers/vmb_heartbeat/unbind
echo "${device##*/}" >$drivers/vmb_heartbeat/bind
ours_answers again || fail "vmb_heartbeat does not answer after it was bound again"
rmmod vmb_heartbeat || fail "vmb_heartbeat does not unload"
take '' hv_utils || fail "hv_utils does not get the device back"
utils_answers || fail "hv_utils does not answer any more"
echo "${device##*/}" >$drivers/hv_utils/unbind
log_since "$before" | sed 's/^/VMBGUEST-LOG /'
! complaints "$before" || fail "the kernel complained"
