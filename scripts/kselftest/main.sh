#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# The kselftests: what an administrator does with a client, in a guest whose
# host sends all the while, and then with one that sends to its host.
# kselftest.sh boots it, and tells the host what each of a channel's opens is
# for, in the order in which they happen here.
#
# One line a test: "VMBGUEST-TEST ok NAME", or "not ok NAME" after the reason. And once
# "VMBGUEST-SEEN PATH:LINE" of what the echo channel shows of itself.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

tracing=/sys/kernel/tracing

load_by_modalias() {
	modprobe "$(cat "$device/modalias")" && bound_to "$driver" &&
		[ -d /sys/module/vmbkmcl_hv ]
}

content() {
	wait_for 60 verdict_is_there "$device" && [ "$verdict" = content ]
}

files_are_read_only() {
	local file

	for file in "$device"/vmbkmcl/* "$device"/vmbkmcl/refusals/* \
		    /sys/kernel/debug/vmbkmcl/*; do
		[ -d "$file" ] || [ "$(stat -c %a "$file")" = 444 ] || {
			echo "$file has mode $(stat -c %a "$file")"
			return 1
		}
	done
}

debugfs_tells() {
	cat /sys/kernel/debug/vmbkmcl/* >/tmp/debugfs && [ -s /tmp/debugfs ]
}

# For vmbstat, which this guest has no Python for: nothing changes any more.
shows_itself() {
	grep -r '' "$device"/vmbkmcl* /sys/kernel/debug/vmbkmcl | sed 's/^/VMBGUEST-SEEN /'
}

is_pinned() {
	! rmmod vmbkmcl_hv 2>/dev/null && ! rmmod vmbkmcl 2>/dev/null
}

unloads_under_traffic() {
	grows received && rmmod "$driver" && is_unbound
}

# Everything is traced from then on.
reloads() {
	echo 8192 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/vmbkmcl/enable
	modprobe vmb_echo && opens
}

# traced EVENT COUNTER: as many of the one as the other says.
traced() {
	local events

	events=$(grep -c " $1:" $tracing/trace)
	[ "$events" -eq "$(counter "$2")" ] || {
		echo "$events $1, but $2 is $(counter "$2")"
		return 1
	}
}

every_step_is_traced() {
	echo 0 >$tracing/events/vmbkmcl/enable
	traced vmb_dispatch received && traced vmb_complete completed &&
		traced vmb_refuse refused
}

# said_once REASON LINES: since then.
said_once() {
	[ "$(log_since "$2" | grep -c "framing of the inbound ring lost.*$1")" -eq 1 ]
}

# loses_framing REASON: the next open ends with it, and says so in one line.
# Enabled already when bind returns, so "disabled" is what comes behind "open".
loses_framing() {
	local before lost=no

	before=$(dmesg | wc -l)
	bind "$driver" || return 1
	wait_for 60 state_is disabled && [ "$(counter "refusals/$1")" -eq 1 ] &&
		said_once "$1" "$before" && lost=yes
	# In any case, or no later test could bind it.
	unbinds && [ $lost = yes ]
}

# As many as the host sends to a client that only sends back.
all_received() {
	[ "$(counter received)" -ge 3000 ]
}

mirrors_by_new_id() {
	# A driver of another type, told to take this one.
	modprobe vmb_hello || return 1
	bound_to vmb_hello && return 1
	sed 's/[{}]//g' "$device/class_id" >"$bus/drivers/vmb_hello/new_id"
	wait_for 20 bound_to vmb_hello && opens && wait_for 60 all_received
}

binds_by_override() {
	rmmod vmb_hello && modprobe vmb_hello || return 1
	echo vmb_hello >"$device/driver_override" || return 1
	echo "$device_name" >"$bus/drivers/vmb_hello/bind" || return 1
	bound_to vmb_hello && opens && wait_for 60 all_received
}

# The ring was full, and packets went into it all the same: the host reads.
host_reads() {
	grows sends_queued && grows sends_completed
}

sends_until_unbind() {
	local before

	before=$(dmesg | wc -l)
	host_reads && unbinds && all_ended "$before"
}

sends_until_unload() {
	local before

	before=$(dmesg | wc -l)
	host_reads && rmmod "$driver" && is_unbound && all_ended "$before"
}

# And nothing was accepted since the last look: each thread waits.
outbound_ring_is_full() {
	local before=$sent

	sent=$(counter sends)
	[ "$sent" = "$before" ] && grep -q '^outbound_pending_send_size [1-9]' \
		"/sys/kernel/debug/vmbkmcl/$device_name"
}

# A host that has stopped reading: nothing that waits will ever be sent.
sends_to_the_deaf() {
	local before sent=none

	before=$(dmesg | wc -l)
	modprobe "$driver" && opens && wait_for 30 outbound_ring_is_full &&
		unbinds && all_ended "$before"
}

has_uio() {
	[ -e /test/uio_mirror ] || {
		echo "this kernel has no uio_hv_generic"
		return 4
	}
}

# The driver takes it as any other driver would, and a program does the rest.
answers_from_user_space() {
	has_uio || return
	echo >"$device/driver_override"
	modprobe uio_hv_generic || return 1
	sed 's/[{}]//g' "$device/class_id" >"$bus/drivers/uio_hv_generic/new_id"
	wait_for 20 bound_to uio_hv_generic || return 1
	set -- "$device"/uio/uio*
	/test/uio_mirror "/dev/${1##*/}" 3000
}

returns_from_user_space() {
	has_uio || return
	rmmod uio_hv_generic && is_unbound && modprobe vmb_echo && opens && content &&
		unloads
}

# The two devices of which a client has both channels.
pair_first=a94b15d3-70fe-4c28-96e1-5a02d73b8c64
pair_second=1d7e60b4-92ac-4f5d-b718-46d30a8fe502

both_are_open() {
	state_is open && sub_state_is 1 open
}

second_has() {
	[ "$(basename "$(readlink "$bus/devices/$pair_second/driver" 2>/dev/null)")" = "$1" ]
}

second_is_found() {
	both_are_open && second_has vmbkmcl_target
}

# The host takes the second back three times, and may do so right after the open.
both_bind() {
	modprobe vmb_pair && is_unbound &&
		echo vmb_pair >"$device/driver_override" && bind vmb_pair &&
		wait_for 30 second_is_found
}

both_flow() {
	sub_channels=1
	all_flow
}

has_closed() {
	look "$device/pair/closes"
	[ "$value" -ge "$1" ] && both_are_open
}

# Three times, and the first channel stays open all the while.
second_comes_back() {
	wait_for 60 has_closed 3 && both_flow
}

second_is_unbound() {
	echo "$pair_second" >"$bus/drivers/vmbkmcl_target/unbind" && wait_for 30 has_closed 4 &&
		both_flow
}

second_is_free() {
	second_has ''
}

both_unbind() {
	unbinds && [ ! -e "$device/vmbkmcl.1" ] && wait_for 10 second_is_free
}

both_rebind() {
	bind vmb_pair && wait_for 30 both_are_open && both_flow
}

both_unload() {
	unloads && second_is_free && [ ! -e "$bus/drivers/vmbkmcl_target" ]
}

modprobe hv_vmbus || exit 1
wait_for 30 use "$source_type" vmb_source || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

check "load: udev's modalias brings client, library and transport" load_by_modalias
check "bind: the channel opens" opens
check "traffic: the host is content" content
check "observe: every file is read-only" files_are_read_only
check "observe: debugfs tells something" debugfs_tells
shows_itself
check "load: the library cannot go while a client uses it" is_pinned
check "unbind: the device is free" unbinds
check "bind: again, and the channel opens" rebinds
check "traffic: packets arrive again" grows received
check "unbind: under traffic" unbinds
check "bind: after an unbind under traffic" rebinds
check "unload: under traffic" unloads_under_traffic
check "load: after an unload under traffic" reloads
check "traffic: the host is content after all that" content
check "trace: an event for each packet, completion and refusal" every_step_is_traced
check "unbind: after that" unbinds
check "framing: length below a header" loses_framing length_below_header
check "framing: length zero" loses_framing length_below_header
check "framing: length beyond what is there" loses_framing length_beyond_available
check "framing: offset inside the header" loses_framing offset_below_header
check "framing: offset behind the packet" loses_framing offset_beyond_length
check "framing: index outside of the ring" loses_framing index_range
check "framing: index not a multiple of 8" loses_framing index_alignment
check "framing: index near 2^32" loses_framing index_range
check "framing: our own index was changed" loses_framing index_ours_changed
check "bind: after lost framing, and the channel opens" rebinds
check "traffic: the host is content after lost framing" content
check "unload: everything" unloads
check "new_id: a client from outside of the tree takes the device" mirrors_by_new_id
check "driver_override: the same, bound by hand" binds_by_override
rmmod vmb_hello vmbkmcl_hv vmbkmcl

check "uio: uio_hv_generic takes the device, user space answers" answers_from_user_space
check "uio: our client gets it back, and the host is content" returns_from_user_space

device=$bus/devices/$pair_first device_name=$pair_first driver=vmb_pair
check "pair: a second channel from one probe finds its own offer" both_bind
check "pair: packets arrive on both" both_flow
check "pair: the second's offer goes and comes, and it waits again" second_comes_back
check "pair: the second's device is unbound, and it waits again" second_is_unbound
check "pair: unbind, and both devices are free" both_unbind
check "pair: bind again, and both channels open" both_rebind
check "pair: unload under traffic, and both devices are free" both_unload

use "$source_type" vmb_source
check "source: udev's modalias brings client, library and transport" load_by_modalias
check "source: both ends are content" content
check "source: unbind" unbinds
check "source: bind again, and the channel opens" rebinds
check "source: unbind under outbound traffic, and each packet ends once" sends_until_unbind
check "source: bind again after that" rebinds
check "source: unload under outbound traffic, and each packet ends once" sends_until_unload
check "source: unbind while the host does not read, and each packet ends once" sends_to_the_deaf
check "source: bind again after all that" rebinds
check "source: both ends are content after all that" content
check "source: unload everything" unloads

check "nobody is stuck" nobody_is_stuck
check "no memory leak" no_leaks
check "the checkers were on to the end" checkers_are_awake
