#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guest does in a demo: load the client as an administrator would, let
# the host send, and see that Linux has nothing to complain about. Every line
# that begins with VMBGUEST- is for demo.sh.
#
# Parameters: /test/client-parameters, if it is there, for modprobe vmb_echo.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

fail() {
	echo "VMBGUEST-FAILED $*"
	dmesg | tail -n 60
	exit 1
}

modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 offer_is_there || fail "the host offers no channel"
echo "VMBGUEST-HYPERVISOR $(dmesg | sed -n 's/.*Hypervisor detected: //p')"
echo "VMBGUEST-VMBUS $(dmesg | sed -n 's/.*Vmbus version:\([0-9.]*\).*/\1/p')"
before=$(dmesg | wc -l)
# shellcheck disable=SC2046
modprobe vmb_echo $(cat /test/client-parameters 2>/dev/null) || fail "vmb_echo does not load"
echo "VMBGUEST-LOADED $(cut -d ' ' -f 1 /proc/uptime)"
wait_for 60 verdict_is_there || fail "no verdict from the host"
echo "VMBGUEST-PEER-VERDICT $verdict"
for file in /sys/bus/vmbus/devices/*/vmbkmcl/*; do
	[ ! -f "$file" ] || echo "VMBGUEST-COUNTER ${file##*/} $(head -n 1 "$file")"
done
# Not modprobe -r, which goes on to take hv_vmbus away when nothing else uses it;
# stock kernels can die of that when a timer message comes at the same time.
rmmod vmb_echo vmbkmcl_hv vmbkmcl || fail "our modules do not unload"
log_since "$before" | sed 's/^/VMBGUEST-LOG /'
! complaints "$before" || fail "the kernel complained"
[ "$verdict" = content ] || fail "the host is not content"
