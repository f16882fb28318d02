#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guest does in a demo: load the client as an administrator would, let
# the host send, and see that Linux has nothing to complain about. Every line
# that begins with VMBGUEST- is for demo.sh.
#
# Parameters: /test/client-parameters, if it is there, for modprobe vmb_echo.

fail() {
	echo "VMBGUEST-FAILED $*"
	dmesg | tail -n 60
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	tries=$(($1 * 10))

	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

offer_is_there() {
	[ -n "$(ls /sys/bus/vmbus/devices 2>/dev/null)" ]
}

verdict_is_there() {
	verdict=$(cat /sys/bus/vmbus/devices/*/peer_verdict 2>/dev/null)
	[ -n "$verdict" ] && [ "$verdict" != none ]
}

modprobe hv_vmbus || fail "hv_vmbus does not load"
wait_for 30 offer_is_there || fail "the host offers no channel"
echo "VMBGUEST-HYPERVISOR $(dmesg | sed -n 's/.*Hypervisor detected: //p')"
echo "VMBGUEST-VMBUS $(dmesg | sed -n 's/.*Vmbus version:\([0-9.]*\).*/\1/p')"
before=$(dmesg | wc -l)
# shellcheck disable=SC2046
modprobe vmb_echo $(cat /test/client-parameters 2>/dev/null) || fail "vmb_echo does not load"
echo "VMBGUEST-LOADED $(cut -d ' ' -f 1 /proc/uptime)"
wait_for 150 verdict_is_there || fail "no verdict from the host"
echo "VMBGUEST-PEER-VERDICT $verdict"
for file in /sys/bus/vmbus/devices/*/vmbkmcl/*; do
	[ ! -f "$file" ] || echo "VMBGUEST-COUNTER ${file##*/} $(head -n 1 "$file")"
done
modprobe -r vmb_echo || fail "vmb_echo does not unload"
dmesg | tail -n +$((before + 1)) >/tmp/log
sed 's/^/VMBGUEST-LOG /' /tmp/log
grep -E 'WARNING|BUG|Oops|Call Trace|RIP:|scheduling while|lockdep' /tmp/log &&
	fail "the kernel complained"
[ "$verdict" = content ] || fail "the host is not content"
