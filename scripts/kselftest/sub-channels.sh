#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Sub-channels, and offers that the host takes back, under traffic all the while.
# The echo client asks for its four sub-channels whenever its primary channel
# opens. kselftest.sh boots this guest, and tells the host what each open of the
# primary is for, in the order in which they happen here.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

# As many as the host was told of.
rounds=10

loads() {
	modprobe "$driver" && all_open
}

tracing=/sys/kernel/tracing

delivers_on() {
	grep -q "\[$1\] .*vmb_dispatch:" $tracing/trace
}

# The client wants each of its sub-channels on a processor of its own.
is_spread() {
	local spread=no

	echo 1 >$tracing/events/vmbkmcl/vmb_dispatch/enable
	wait_for 20 delivers_on 000 && wait_for 20 delivers_on 001 && spread=yes
	echo 0 >$tracing/events/vmbkmcl/vmb_dispatch/enable
	[ $spread = yes ]
}

rebinds_all() {
	bind "$driver" && all_open
}

unloads_under_traffic() {
	all_flow && unloads
}

unbinds_under_traffic() {
	all_flow && unbinds
}

# How often the bus found a channel of our device, which it calls unknown: the
# primary or one of its sub-channels, for it does not tell them apart there.
times_offered() {
	dmesg | grep -c 'hv_vmbus: Unknown GUID: 6f9c1b7e'
}

offered_at_least() {
	[ "$(times_offered)" -ge "$1" ]
}

# The host may take the device away as soon as all its channels are open, so that
# is counted from here.
loads_to_be_rescinded() {
	before_rescinds=$(times_offered)
	loads
}

# The host takes the device away once every channel is busy, and offers it again,
# and its sub-channels when they are asked for, as they were by loading.
goes_and_comes() {
	local subs

	# shellcheck disable=SC2086
	subs=$(echo $sub_channels | wc -w)
	wait_for 400 offered_at_least $((before_rescinds + subs + rounds * (1 + subs))) &&
		all_open
}

# The number that the host gave last to one of the device's channels.
last_relid() {
	local channel last=0

	for channel in "$device"/channels/*; do
		[ "${channel##*/}" -le "$last" ] || last=${channel##*/}
	done
	echo "$last"
}

relid_is_at_least() {
	[ "$(last_relid)" -ge "$1" ]
}

# The host takes one sub-channel after the other, when every channel is busy. It
# is noticed, and asked for again, within seconds.
each_goes_and_comes() {
	wait_for 60 relid_is_at_least $(($(last_relid) + 6)) && all_open
}

last_is_disabled() {
	sub_state_is 4 disabled
}

last_received() {
	look "$device/vmbkmcl.4/received"
	echo "$value"
}

# Within one rest of the last sub-channel, which has the same number all the while,
# packets arrive on the primary, and none on it. 2: the rest was too short to tell.
rests_while_others_flow() {
	local relid rests primary now

	relid=$(last_relid)
	rests=$(last_received)
	primary=$(counter received)
	last_is_disabled || return 2
	wait_for 20 exceeds received $((primary + 100)) || {
		echo "nothing arrives on the others"
		return 1
	}
	now=$(last_received)
	last_is_disabled && [ "$(last_relid)" = "$relid" ] || return 2
	[ "$now" -eq "$rests" ] || {
		echo "$((now - rests)) packets arrived while it was disabled"
		return 1
	}
}

# The host says that there is one fewer, and later that it is there again.
last_rests() {
	local tries=10 status=2

	while [ $status -eq 2 ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		wait_for 60 last_is_disabled || {
			echo "it is never disabled"
			return 1
		}
		status=0
		rests_while_others_flow || status=$?
	done
	[ $status -eq 0 ] && all_open
}

modprobe hv_vmbus || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

check "sub-channels: the client loads, and all channels open" loads
check "sub-channels: packets flow on all at once" all_flow
check "sub-channels: what comes in is spread over both processors" is_spread
check "sub-channels: unbind under traffic" unbinds_under_traffic
check "sub-channels: bind again, and all channels open" rebinds_all
check "sub-channels: unload under traffic" unloads_under_traffic
check "sub-channels: load again, and all channels open" loads_to_be_rescinded
check "rescind: the device goes and comes under traffic, $rounds times" goes_and_comes
check "rescind: packets flow on all channels after that" all_flow
check "rescind: sub-channels go and come under traffic" each_goes_and_comes
check "rescind: packets flow on all channels after that, too" all_flow
check "rescind: unbind under traffic" unbinds_under_traffic
check "rescind: bind again, and all channels open" rebinds_all
check "sub-channels: one is disabled and enabled under traffic" last_rests
check "sub-channels: the same again" last_rests
check "sub-channels: packets flow on all after that" all_flow
check "sub-channels: unload after all that, under traffic" unloads_under_traffic
check "sub-channels: nobody is stuck" nobody_is_stuck
check "sub-channels: no memory leak" no_leaks
check "sub-channels: the checkers were on to the end" checkers_are_awake
