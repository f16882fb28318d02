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

# The type GUIDs of our clients.
# shellcheck disable=SC2034
echo_type=6f9c1b7e-5a1d-4c55-9a0e-3d1c5e0b7a42
# shellcheck disable=SC2034
source_type=b3a7e2c4-6d19-4f0b-8e35-920fd74a1c68

# find_device TYPE: sets device to the first of this type.
find_device() {
	for device in /sys/bus/vmbus/devices/*; do
		! grep -qs "$1" "$device/class_id" || return 0
	done
	return 1
}

# verdict_is_there DEVICE: sets verdict to what its peer said.
verdict_is_there() {
	verdict=$(cat "$1/peer_verdict" 2>/dev/null)
	[ -n "$verdict" ] && [ "$verdict" != none ]
}

# log_since LINES: the kernel's log without its first so many lines.
log_since() {
	dmesg | tail -n "+$(($1 + 1))"
}

# What the kernel's log should not have, also of what only a kernel with checkers
# says; and then what may be there where memory is short.
trouble='WARNING|BUG|UBSAN: |Oops|RIP: 0010|scheduling while|possible (recursive|circular)|inconsistent lock state|suspicious RCU|KASAN|ODEBUG|kmemleak: .*(suspected|disabled)|blocked for more'
traces='|Call Trace|RIP:'

# memory_is_short: then the kernel shows who wanted some, which is no complaint.
memory_is_short() {
	traces=
}

# complaints LINES: what in that part of the log should not be there.
complaints() {
	log_since "$1" | grep -E "$trouble$traces"
}
