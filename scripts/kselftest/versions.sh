#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Our clients among others, on a bus of a version that the guest was told not to go
# beyond: the kernel's own hv_utils answers a heartbeat, while two of our clients have
# traffic in both directions; then our heartbeat client takes its place among them, and
# gives it back. kselftest.sh boots this guest once for each version.
#
# On the kernel's command line: VMB_VERSION, what the two are to agree on.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

heartbeat_type=57164f39-9115-4e78-ab55-382f3bd5422d
wanted=$(sed -n 's/.*VMB_VERSION=\([0-9.]*\).*/\1/p' /proc/cmdline)
# Answers that will do.
beats=20

version_is() {
	dmesg | grep "Vmbus version:$wanted\$"
}

# hv_utils counts nothing; but the host asks anew only when it was answered.
interrupts() {
	cat "$heartbeat"/channels/*/interrupts
}

has_beaten() {
	[ "$(interrupts)" -ge $((before_beats + beats)) ]
}

beats_on() {
	before_beats=$(interrupts)
	wait_for 60 has_beaten
}

utils_bind() {
	device=$heartbeat
	modprobe hv_utils && bound_to hv_utils && beats_on
}

# There is so much of it and no more, which may all have come before this looks; both are
# new, so what they count is of this open.
both_flow() {
	modprobe vmb_echo && modprobe vmb_source || return 1
	device=$source_device
	opens || return 1
	beats_on && wait_for 20 exceeds sends 0 || return 1
	device=$echo_device
	opens && wait_for 20 exceeds received 0
}

is_content() {
	device=$1
	wait_for 90 verdict_is_there "$device" && [ "$verdict" = content ]
}

# hand_over FROM TO: the heartbeat, which goes on.
hand_over() {
	case $2 in
	hv_utils) echo >"$heartbeat/driver_override" ;;
	*) echo "$2" >"$heartbeat/driver_override" ;;
	esac
	echo "${heartbeat##*/}" >"$bus/drivers/$1/unbind"
	echo "${heartbeat##*/}" >"$bus/drivers/$2/bind"
	device=$heartbeat
	bound_to "$2" && beats_on
}

ours_takes_it() {
	modprobe vmb_heartbeat && hand_over hv_utils vmb_heartbeat &&
		[ "$(cat "$heartbeat/heartbeat/version")" = 3.0 ] &&
		[ "$(cat "$heartbeat/heartbeat/malformed")" = 0 ]
}

all_unload() {
	hand_over vmb_heartbeat hv_utils && rmmod vmb_heartbeat vmb_echo vmb_source &&
		beats_on && rmmod vmbkmcl_hv vmbkmcl && beats_on &&
		echo "${heartbeat##*/}" >"$bus/drivers/hv_utils/unbind"
}

modprobe hv_vmbus || exit 1
wait_for 30 find_device "$heartbeat_type" || exit 1
heartbeat=$device
wait_for 30 find_device "$source_type" || exit 1
source_device=$device
wait_for 30 find_device "$echo_type" || exit 1
echo_device=$device

check "version: host and guest agree on $wanted" version_is
check "$wanted: hv_utils answers the heartbeat" utils_bind
check "$wanted: echo and source have traffic, hv_utils goes on" both_flow
check "$wanted: our heartbeat client takes the device among them" ours_takes_it
check "$wanted: the host is content with echo" is_content "$echo_device"
check "$wanted: the host is content with source" is_content "$source_device"
check "$wanted: ours unload, and hv_utils has the device again" all_unload
