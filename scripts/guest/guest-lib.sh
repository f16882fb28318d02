# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the scripts that run inside the guest share. l2-initramfs.sh puts it
# beside them.

# Busybox would take its own, which know no soft dependencies.
modprobe() {
	/sbin/modprobe "$@"
}

insmod() {
	/sbin/insmod "$@"
}

rmmod() {
	/sbin/rmmod "$@"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local tries=$(($1 * 10))

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

# log_since LINES: the kernel's log without its first so many lines.
log_since() {
	dmesg | tail -n "+$(($1 + 1))"
}

# complaints LINES: what in that part of the log should not be there.
complaints() {
	log_since "$1" | grep -E 'WARNING|BUG|Oops|Call Trace|RIP:|scheduling while|possible recursive|blocked for more'
}
