#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Our clients beside the kernel's own drivers of every Hyper-V machine: hv_balloon is
# told by the host to inflate and deflate, and hv_utils answers a heartbeat, while echo
# and source have traffic in both directions; then our balloon takes the place of
# hv_balloon, and gives it back, and the others go on. VMB_CYCLES on the kernel's
# command line says how often the balloon is inflated.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

balloon_type=525074dc-8985-46e2-8057-a307dc18a502
heartbeat_type=57164f39-9115-4e78-ab55-382f3bd5422d
cycles=$(sed -n 's/.*VMB_CYCLES=\([0-9]*\).*/\1/p' /proc/cmdline)

memory() {
	awk '/^MemTotal:/ { print $2 }' /proc/meminfo
}

# host WORD: what it has to do now; returns when it is done.
host() {
	echo "$1" >&3
	read -r _ <&3
}

bind_stock() {
	device=$balloon
	modprobe hv_balloon && bound_to hv_balloon || return 1
	device=$heartbeat
	modprobe hv_utils && bound_to hv_utils
}

ours_bind() {
	modprobe vmb_echo && modprobe vmb_source || return 1
	device=$echo_device
	opens || return 1
	device=$source_device
	opens
}

# The heartbeat is counted by its interrupts: hv_utils counts nothing.
counts() {
	echo "$(cat "$echo_device/vmbkmcl/received") $(cat "$source_device/vmbkmcl/sends") $(cat "$heartbeat"/channels/*/interrupts)"
}

# each_exceeds ECHO SOURCE HEARTBEAT: by so many since before.
each_exceeds() {
	# shellcheck disable=SC2046
	set -- "$@" $(counts)
	[ "$4" -gt $(($1 + 100)) ] && [ "$5" -gt $(($2 + 100)) ] && [ "$6" -gt $(($3 + 3)) ]
}

all_flow_on() {
	# shellcheck disable=SC2046
	wait_for 60 each_exceeds $(counts)
}

# all_flow_while WORD: the host does it.
all_flow_while() {
	local before

	before=$(counts)
	host "$1" || return 1
	# shellcheck disable=SC2086
	each_exceeds $before && all_flow_on
}

# hv_balloon takes pages from those that are counted, as ours does.
stock_inflates() {
	all_flow_while "ready $cycles" && [ "$(memory)" -lt $((total - 150 * 1024)) ]
}

is_running() {
	[ "$(cat "$balloon/balloon/state" 2>/dev/null)" = running ]
}

# hand_over FROM TO: the balloon.
hand_over() {
	case $2 in
	hv_balloon) echo >"$balloon/driver_override" ;;
	*) echo "$2" >"$balloon/driver_override" ;;
	esac
	echo "${balloon##*/}" >"$bus/drivers/$1/unbind"
	echo "${balloon##*/}" >"$bus/drivers/$2/bind"
	device=$balloon
	bound_to "$2"
}

# hv_balloon does not give back what it has inflated: ours begins with what is left.
ours_takes_it() {
	modprobe vmb_balloon && hand_over hv_balloon vmb_balloon && wait_for 30 is_running &&
		all_flow_on || return 1
	left=$(memory)
}

ours_inflates() {
	all_flow_while ready && [ "$(cat "$balloon/balloon/ballooned")" -eq $((62 * 256)) ] &&
		[ "$(memory)" -eq $((left - 62 * 1024)) ]
}

stock_has_it_back() {
	hand_over vmb_balloon hv_balloon && rmmod vmb_balloon && [ "$(memory)" -eq "$left" ] &&
		all_flow_on
}

all_unload() {
	rmmod vmb_echo vmb_source vmbkmcl_hv vmbkmcl && device=$heartbeat && bound_to hv_utils &&
		device=$balloon && bound_to hv_balloon
}

stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
modprobe hv_vmbus || exit 1
wait_for 30 find_device "$balloon_type" || exit 1
balloon=$device
wait_for 30 find_device "$heartbeat_type" || exit 1
heartbeat=$device
wait_for 30 find_device "$source_type" || exit 1
source_device=$device
wait_for 30 find_device "$echo_type" || exit 1
echo_device=$device
total=$(memory)

check "hv_balloon and hv_utils bind" bind_stock
check "echo and source bind beside them" ours_bind
check "all have traffic" all_flow_on
check "hv_balloon inflates and deflates $cycles times, the others go on" stock_inflates
check "our balloon takes the device, the others go on" ours_takes_it
check "our balloon inflates and deflates, the others go on" ours_inflates
check "hv_balloon has the device again, and all that ours had taken" stock_has_it_back
check "ours unload, the kernel's drivers stay" all_unload
echo end >&3
