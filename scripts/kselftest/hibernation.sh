#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Hibernation, under traffic on a primary channel and its sub-channels, which the
# host takes back meanwhile. There is no swap, so the image that the kernel makes
# cannot be written and the machine goes on: by then every device was suspended, in
# the phase without interrupts, and resumed again.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

# For its image the kernel takes what it gets, and others go without meanwhile.
memory_is_short

loads() {
	modprobe "$driver" && all_open
}

# The kernel says that it has made an image, and that it cannot write it.
hibernates_and_resumes() {
	local before

	before=$(dmesg | wc -l)
	! echo disk >/sys/power/state 2>/dev/null || return 1
	log_since "$before" | grep -q 'PM: hibernation: Image created' &&
		log_since "$before" | grep -q 'PM: hibernation: hibernation exit'
}

# pm_test, where the kernel has it, ends a hibernation on purpose: this one when the
# devices have gone into the phase without interrupts, and as a success.
hibernates_for_a_test() {
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
# until the machine resumes: it does not hibernate, and all goes on.
is_refused() {
	local before

	modprobe vmb_source && source_flows || return 1
	before=$(dmesg | wc -l)
	! echo disk >/sys/power/state 2>/dev/null || return 1
	! log_since "$before" | grep 'Image created' &&
		log_since "$before" | grep -q 'does not quiesce, no hibernation' &&
		all_is_well
}

counted() {
	cat "$device/storm/$1"
}

# exceeds_count COUNTER NUMBER
exceeds_count() {
	[ "$(counted "$1")" -gt "$2" ]
}

all_have_ended() {
	[ "$(counted ended)" -eq "$(counted accepted)" ]
}

storm_flows() {
	wait_for 30 exceeds_count answered $(($(counted answered) + 100)) &&
		wait_for 30 exceeds_count delivered $(($(counted delivered) + 100))
}

# What its client sends while the machine hibernates is kept, and goes out when it
# resumes, in its order, which the host looks at; nothing is cut off. With pm_test
# where the kernel has it.
keeps_what_is_sent() {
	local cut_off

	echo park >"$device/storm/rounds" || return 1
	cut_off=$(counted cut_off)
	if [ -e /sys/power/pm_test ]; then
		echo platform >/sys/power/pm_test && echo disk >/sys/power/state || return 1
		echo none >/sys/power/pm_test
	else
		hibernates_and_resumes || return 1
	fi
	wait_for 60 all_have_ended || return 1
	echo "kept $(counted kept), $(($(counted cut_off) - cut_off)) of them cut off"
	[ "$(counted kept)" -eq 64 ] && [ "$(counted cut_off)" -eq "$cut_off" ] &&
		[ "$(counted wrong)" -eq 0 ] && echo unpark >"$device/storm/rounds" && storm_flows
}

storm_loads() {
	modprobe vmb_life_storm && opens && storm_flows
}

storm_unloads() {
	[ "$(counted wrong)" -eq 0 ] && rmmod vmb_life_storm && is_unbound
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
check "hibernation: the machine hibernates and resumes" hibernates_and_resumes
check "hibernation: all channels are open again" all_open
check "hibernation: packets flow again on all" all_flow
check "hibernation: a second time" hibernates_and_resumes
check "hibernation: all channels are open after that" all_open
check "hibernation: packets flow after that on all" all_flow
check "hibernation: as far as the platform, and packets flow again" hibernates_for_a_test
check "hibernation: refused while a client waits for its packets" is_refused
check "hibernation: each packet of that client ended once" source_unloads
rmmod vmb_echo
check "hibernation: a client that sends and receives" storm_loads
check "hibernation: what it sends while the machine hibernates goes out later" keeps_what_is_sent
check "hibernation: and that client unloads" storm_unloads
check "hibernation: unload" rmmod vmbkmcl_hv vmbkmcl
check "hibernation: nobody is stuck" nobody_is_stuck
check "hibernation: no memory leak" no_leaks
check "hibernation: the checkers were on to the end" checkers_are_awake
