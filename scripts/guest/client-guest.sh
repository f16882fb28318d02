#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guest does in "make guest": load a user's client, wait for what the host has
# to say about it, unload it, and see that Linux has nothing to complain about. Lines
# that begin with VMBGUEST- are for guest.sh:
#
#   VMBGUEST-STEP TEXT	what is done next
#   VMBGUEST-FAILED TEXT	why it went no further
#   VMBGUEST-COMPLAINT LINE	what the kernel complained of
#   VMBGUEST-DONE WORD	all was done, and the host's verdict was WORD
#
# Parameters: /test/client-modules, the modules to be loaded, and their files;
# /test/seconds, how long to wait for the verdict.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

step() {
	echo "VMBGUEST-STEP $*"
}

fail() {
	echo "VMBGUEST-FAILED $*"
	dmesg | tail -n 40
	grep -s . "$device"/vmbkmcl*/* | sed "s|^$device/||"
	cat /sys/kernel/debug/vmbkmcl/* 2>/dev/null
	exit 1
}

# The host offers this one alone.
device_is_offered() {
	for device in /sys/bus/vmbus/devices/*; do
		[ ! -e "$device/class_id" ] || return 0
	done
	return 1
}

is_bound() {
	[ -e "$device/driver" ]
}

# The host repeats its word, a line each time; the first may be cut.
verdict_has_come() {
	verdict=$(tr -d '\r' </tmp/verdict | sed -n -E 's/^(content|not-content)$/\1/p' | head -n 1)
	[ -n "$verdict" ]
}

modules=$(cat client-modules)
stty -F /dev/ttyS1 raw -echo
cat /dev/ttyS1 >/tmp/verdict &
modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 device_is_offered || fail "the host offers no device"
type=$(tr -d '{}' <"$device/class_id")
before=$(dmesg | wc -l)
for module in $modules; do
	step "loads $module"
	modprobe "$module" || fail "$module does not load"
done
wait_for 20 is_bound ||
	fail "no driver binds to the device that the host offers, of the type $type"
step "$(basename "$(readlink -f "$device/driver")") is bound to $type, waits for the verdict"
wait_for "$(cat seconds)" verdict_has_come ||
	fail "the host has had no verdict within $(cat seconds) s"
step "the verdict is $verdict, unloads"
# As in demo-guest.sh, not modprobe -r.
# shellcheck disable=SC2086
rmmod $modules || fail "$modules does not unload"
rmmod vmbkmcl_hv vmbkmcl || fail "vmbkmcl does not unload"
log_since "$before" | sed 's/^/VMBGUEST-LOG /'
complaints "$before" >/tmp/complaints
sed 's/^/VMBGUEST-COMPLAINT /' /tmp/complaints
echo "VMBGUEST-DONE $verdict"
[ "$verdict" = content ] && [ ! -s /tmp/complaints ]
