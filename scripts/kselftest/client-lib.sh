# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the kselftests ask of a device, its driver and its channel. To be sourced
# after guest-lib.sh.
# shellcheck disable=SC2154

bus=/sys/bus/vmbus

# check NAME COMMAND...
check() {
	local name=$1 before

	shift
	before=$(dmesg | wc -l)
	if "$@" && ! complaints "$before"; then
		echo "VMBGUEST-TEST ok $name"
	else
		log_since "$before" | tail -n 30
		echo "VMBGUEST-TEST not ok $name"
	fi
}

# use TYPE DRIVER: the device and the driver that is meant from now on.
use() {
	find_device "$1" && device_name=${device##*/} && driver=$2
}

state_is() {
	[ "$(cat "$device/vmbkmcl/state" 2>/dev/null)" = "$1" ]
}

counter() {
	cat "$device/vmbkmcl/$1" 2>/dev/null || echo 0
}

exceeds() {
	[ "$(counter "$1")" -gt "$2" ]
}

# grows COUNTER: from what it is now.
grows() {
	wait_for 20 exceeds "$1" "$(counter "$1")"
}

bound_to() {
	[ "$(basename "$(readlink "$device/driver" 2>/dev/null)")" = "$1" ]
}

unbind() {
	echo "$device_name" >"$bus/drivers/$1/unbind"
}

bind() {
	echo "$device_name" >"$bus/drivers/$1/bind"
}

is_unbound() {
	[ ! -e "$device/driver" ] && [ ! -e "$device/vmbkmcl" ]
}

opens() {
	wait_for 30 state_is open
}

unbinds() {
	unbind "$driver" && is_unbound
}

rebinds() {
	bind "$driver" && opens
}

# all_ended LINES: of what was accepted, and some because the channel went; as
# the client said since then, when it was removed.
all_ended() {
	local accepted ended cut_off

	# shellcheck disable=SC2046
	set -- $(log_since "$1" | sed -n 's/.* \([0-9]*\) packets accepted, \([0-9]*\) ended, \([0-9]*\) of them.*; 0 duplicated, 0 wrong$/\1 \2 \3/p')
	accepted=${1:-0} ended=${2:-0} cut_off=${3:-0}
	[ $# -eq 3 ] && [ "$accepted" -eq "$ended" ] && [ "$cut_off" -gt 0 ]
}

unloads() {
	rmmod "$driver" vmbkmcl_hv vmbkmcl && is_unbound
}
