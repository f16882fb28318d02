# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the kselftests ask of a device, its driver and its channel. To be sourced
# after guest-lib.sh.
# shellcheck disable=SC2154

bus=/sys/bus/vmbus

# check NAME COMMAND...: status 4 of the command is "cannot be told here", a skip.
check() {
	local name=$1 before status=0

	shift
	before=$(dmesg | wc -l)
	"$@" || status=$?
	if [ $status -eq 4 ]; then
		echo "VMBGUEST-TEST skip $name"
	elif [ $status -eq 0 ] && ! complaints "$before"; then
		echo "VMBGUEST-TEST ok $name"
	else
		log_since "$before" | tail -n 30
		echo "VMBGUEST-TEST not ok $name"
	fi
}

# use TYPE DRIVER: the device and the driver that is meant from now on.
use() {
	find_device "$1" && device_name=${device##*/} && driver=$2
}

# look FILE: sets value to what it says, or to 0. No process for it: there are
# thousands of looks, and on a kernel with checkers a process takes its time.
look() {
	value=0
	read -r value 2>/dev/null <"$1" || value=0
}

state_is() {
	look "$device/vmbkmcl/state"
	[ "$value" = "$1" ]
}

counter() {
	look "$device/vmbkmcl/$1"
	echo "$value"
}

exceeds() {
	look "$device/vmbkmcl/$1"
	[ "$value" -gt "$2" ]
}

# grows COUNTER: from what it is now.
grows() {
	wait_for 20 exceeds "$1" "$(counter "$1")"
}

bound_to() {
	[ "$(basename "$(readlink "$device/driver" 2>/dev/null)")" = "$1" ]
}

unbind() {
	echo "$device_name" >"$bus/drivers/$1/unbind"
}

bind() {
	echo "$device_name" >"$bus/drivers/$1/bind"
}

is_unbound() {
	[ ! -e "$device/driver" ] && [ ! -e "$device/vmbkmcl" ]
}

opens() {
	wait_for 30 state_is open
}

unbinds() {
	unbind "$driver" && is_unbound
}

rebinds() {
	bind "$driver" && opens
}

# all_ended LINES: of what was accepted, and some because the channel went; as
# the client said since then, when it was removed.
all_ended() {
	local accepted ended cut_off

	# shellcheck disable=SC2046
	set -- $(log_since "$1" | sed -n 's/.* \([0-9]*\) packets accepted, \([0-9]*\) ended, \([0-9]*\) of them.*; 0 duplicated, 0 wrong$/\1 \2 \3/p')
	accepted=${1:-0} ended=${2:-0} cut_off=${3:-0}
	[ $# -eq 3 ] && [ "$accepted" -eq "$ended" ] && [ "$cut_off" -gt 0 ]
}

unloads() {
	rmmod "$driver" vmbkmcl_hv vmbkmcl && is_unbound
}

# The echo client's sub-channels, of which its host has as many or none.
sub_channels="1 2 3 4"

sub_state_is() {
	look "$device/vmbkmcl.$1/state"
	[ "$value" = "$2" ]
}

all_are_open() {
	local i

	state_is open || return 1
	for i in $sub_channels; do
		sub_state_is "$i" open || return 1
	done
}

all_open() {
	wait_for 60 all_are_open
}

# How much each channel has received, the primary first.
received_on_all() {
	local i

	counter received
	for i in $sub_channels; do
		look "$device/vmbkmcl.$i/received"
		echo "$value"
	done
}

# all_exceed NUMBERS: each by a hundred.
all_exceed() {
	local now

	for now in $(received_on_all); do
		[ "$now" -gt $(($1 + 100)) ] || return 1
		shift
	done
}

# Packets arrive on every channel in the same while.
all_flow() {
	# shellcheck disable=SC2046
	wait_for 30 all_exceed $(received_on_all)
}

# Of what kmemleak found, the objects that came from us, or from a KUnit case.
# Code of a module that has gone has no name any more, only an address, and no
# module but ours goes.
# Not ours: why the kernel put off a probe, if it lost the race with its own end.
our_leaks() {
	awk '
		function tell() { if (ours && !theirs) printf "%s", object }
		/^unreferenced object/ { tell(); object = ""; ours = 0; theirs = 0 }
		/device_set_deferred_probe_reason/ { theirs = 1 }
		{ object = object $0 "\n" }
		/^ *(\[<[0-9a-f]*>\] )?(0x[0-9a-f]+$|vmb_|kunit_|.*\[vmb)/ { ours = 1 }
		END { tell() }
	' /sys/kernel/debug/kmemleak
}

# no_leaks: kmemleak finds nothing that we allocated and that nobody knows any
# more. Best asked when our modules have gone. It passes over what is younger
# than 5 s, and over what has changed since its last scan.
no_leaks() {
	[ -e /sys/kernel/debug/kmemleak ] || {
		echo "this kernel has no kmemleak"
		return 4
	}
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak || return 1
	echo scan >/sys/kernel/debug/kmemleak || return 1
	our_leaks >/tmp/leaks
	cat /tmp/leaks
	[ ! -s /tmp/leaks ]
}

# nobody_is_stuck: no task sleeps where no signal wakes it, or soon none does.
nobody_is_stuck() {
	wait_for 10 nobody_waits
}

nobody_waits() {
	! cat /proc/[0-9]*/stat 2>/dev/null | grep ') D '
}

# checkers_are_awake: lockdep turns itself off when it has found something, and
# kmemleak when it is out of memory: from then on neither finds anything.
checkers_are_awake() {
	[ -e /proc/lockdep_stats ] || {
		echo "this kernel has no lockdep"
		return 4
	}
	grep -q '^ *debug_locks: *1$' /proc/lockdep_stats &&
		echo scan=off >/sys/kernel/debug/kmemleak
}
