#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guest does in a demo: load the clients as an administrator would, let
# the host send to one and the other send to the host, at the same time, and see
# that Linux has nothing to complain about. Every line that begins with VMBGUEST-
# is for demo.sh.
#
# Parameters: /test/client-parameters, if it is there, for modprobe vmb_echo.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

fail() {
	echo "VMBGUEST-FAILED $*"
	dmesg | tail -n 60
	exit 1
}

# show TAG DIRECTORY: a line for each counter there.
show() {
	local file

	for file in "$2"/*; do
		[ ! -f "$file" ] || echo "$1 ${file##*/} $(head -n 1 "$file")"
	done
}

modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 find_device "$echo_type" || fail "the host offers no echo channel"
echo_device=$device
wait_for 30 find_device "$source_type" || fail "the host offers no source channel"
source_device=$device
echo "VMBGUEST-HYPERVISOR $(dmesg | sed -n 's/.*Hypervisor detected: //p')"
echo "VMBGUEST-VMBUS $(dmesg | sed -n 's/.*Vmbus version:\([0-9.]*\).*/\1/p')"
before=$(dmesg | wc -l)
# shellcheck disable=SC2046
modprobe vmb_echo $(cat /test/client-parameters 2>/dev/null) || fail "vmb_echo does not load"
modprobe vmb_source || fail "vmb_source does not load"
echo "VMBGUEST-LOADED $(cut -d ' ' -f 1 /proc/uptime)"
wait_for 60 verdict_is_there "$echo_device" || fail "no verdict from the host about echo"
echo_verdict=$verdict
echo "VMBGUEST-PEER-VERDICT $verdict"
show VMBGUEST-COUNTER "$echo_device/vmbkmcl"
wait_for 90 verdict_is_there "$source_device" || {
	show VMBGUEST-SOURCE-COUNTER "$source_device/source"
	show VMBGUEST-SOURCE-LIBRARY "$source_device/vmbkmcl"
	cat "/sys/kernel/debug/vmbkmcl/${source_device##*/}"
	fail "no verdict from the host about source"
}
echo "VMBGUEST-SOURCE-VERDICT $(cat "$source_device/verdict") $verdict"
show VMBGUEST-SOURCE-COUNTER "$source_device/source"
show VMBGUEST-SOURCE-LIBRARY "$source_device/vmbkmcl"
# Not modprobe -r, which goes on to take hv_vmbus away when nothing else uses it;
# stock kernels can die of that when a timer message comes at the same time.
rmmod vmb_echo vmb_source vmbkmcl_hv vmbkmcl || fail "our modules do not unload"
log_since "$before" | sed 's/^/VMBGUEST-LOG /'
! complaints "$before" || fail "the kernel complained"
[ "$echo_verdict" = content ] || fail "the host is not content with echo"
[ "$verdict" = content ] || fail "the host is not content with source"
