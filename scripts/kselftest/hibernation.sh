#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Hibernation, under traffic. There is no swap, so the image that the kernel
# makes cannot be written and the machine goes on: by then every device was put
# to sleep, in the phase without interrupts, and woken again.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

loads() {
	modprobe "$driver" && opens
}

flows() {
	grows received
}

# The kernel says that it has made an image, and that it cannot write it.
sleeps_and_wakes() {
	local before

	before=$(dmesg | wc -l)
	! echo disk >/sys/power/state 2>/dev/null || return 1
	log_since "$before" | grep -q 'PM: hibernation: Image created' &&
		log_since "$before" | grep -q 'PM: hibernation: hibernation exit'
}

modprobe hv_vmbus || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

check "hibernation: the client loads, and its channel opens" loads
check "hibernation: packets flow" flows
check "hibernation: the machine sleeps and wakes" sleeps_and_wakes
check "hibernation: the channel is open again" opens
check "hibernation: packets flow again" flows
check "hibernation: a second time" sleeps_and_wakes
check "hibernation: the channel is open after that" opens
check "hibernation: packets flow after that" flows
check "hibernation: unload" unloads
