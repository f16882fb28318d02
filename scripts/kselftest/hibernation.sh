#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Hibernation, under traffic on a primary channel and its sub-channels, which the
# host takes back meanwhile. There is no swap, so the image that the kernel makes
# cannot be written and the machine goes on: by then every device was put to
# sleep, in the phase without interrupts, and woken again.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

loads() {
	modprobe "$driver" && all_open
}

# The kernel says that it has made an image, and that it cannot write it.
sleeps_and_wakes() {
	local before

	before=$(dmesg | wc -l)
	! echo disk >/sys/power/state 2>/dev/null || return 1
	log_since "$before" | grep -q 'PM: hibernation: Image created' &&
		log_since "$before" | grep -q 'PM: hibernation: hibernation exit'
}

# pm_test, where the kernel has it, ends a sleep on purpose: this one when the
# devices have gone into the phase without interrupts, and as a success.
sleeps_for_a_test() {
	local before status=0

	[ -e /sys/power/pm_test ] || return 4
	before=$(dmesg | wc -l)
	echo platform >/sys/power/pm_test || return 1
	echo disk >/sys/power/state || status=1
	echo none >/sys/power/pm_test
	[ $status -eq 0 ] &&
		log_since "$before" | grep -q 'hibernation: debug: Waiting' &&
		! log_since "$before" | grep 'Image created' && all_open && all_flow
}

source_flows() {
	use "$source_type" vmb_source && opens && grows sends_completed
}

all_is_well() {
	source_flows && use "$echo_type" vmb_echo && all_open && all_flow
}

# The source client waits, when its channel has closed, for packets that are held
# until the machine wakes: it does not sleep, and all goes on.
is_refused() {
	local before

	modprobe vmb_source && source_flows || return 1
	before=$(dmesg | wc -l)
	! echo disk >/sys/power/state 2>/dev/null || return 1
	! log_since "$before" | grep 'Image created' &&
		log_since "$before" | grep -q 'does not come to rest, no hibernation' &&
		all_is_well
}

source_unloads() {
	local before

	before=$(dmesg | wc -l)
	rmmod vmb_source && all_ended "$before"
}

modprobe hv_vmbus || exit 1
wait_for 30 find_device "$source_type" || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

check "hibernation: the client loads, and its channels open" loads
check "hibernation: packets flow on all" all_flow
check "hibernation: the machine sleeps and wakes" sleeps_and_wakes
check "hibernation: all channels are open again" all_open
check "hibernation: packets flow again on all" all_flow
check "hibernation: a second time" sleeps_and_wakes
check "hibernation: all channels are open after that" all_open
check "hibernation: packets flow after that on all" all_flow
check "hibernation: as far as the platform, and packets flow again" sleeps_for_a_test
check "hibernation: refused while a client waits for its packets" is_refused
check "hibernation: each packet of that client ended once" source_unloads
check "hibernation: unload" unloads
check "hibernation: no memory leak" no_leaks
check "hibernation: the checkers were on to the end" checkers_are_awake
