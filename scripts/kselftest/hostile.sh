#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# A host that is hostile: in each of some opens it does anything to the rings, by a
# seed that it says, until the channel has closed itself. Then it names places of the
# guest's memory that no channel has shared, of which a module has made a list. After
# all of that it is honest, and is to be content. kselftest.sh boots this guest, and
# tells the host what each open is for.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

# As many as the host was told of.
rounds=${VMB_ROUNDS:-10}

# refused_is_the_sum: of all reasons.
refused_is_the_sum() {
	local file sum=0

	for file in "$device"/vmbkmcl/refusals/*; do
		look "$file"
		sum=$((sum + value))
	done
	[ "$sum" -gt 0 ] && [ "$sum" -eq "$(counter refused)" ]
}

# One more is lost, for one reason, and said in one line.
closes_itself() {
	local before

	before=$(dmesg | wc -l)
	wait_for 120 state_is disabled && refused_is_the_sum &&
		[ "$(log_since "$before" | grep -c 'framing of the inbound ring lost')" -le 1 ]
}

# In any case it is unbound, or no later test could bind it.
survives() {
	local well=no

	bind "$driver" || return 1
	closes_itself && well=yes
	unbinds && [ $well = yes ]
}

# The first block from the end that can be taken away, if there is one.
take_memory_offline() {
	local block

	for block in $(printf '%s\n' /sys/devices/system/memory/memory[0-9]* |
		       sed 's/.*memory//' | sort -rn); do
		echo offline 2>/dev/null >"/sys/devices/system/memory/memory$block/state" || continue
		offlined=$((block * 0x$(cat /sys/devices/system/memory/block_size_bytes) / 4096))
		return
	done
	return 4
}

# The number of the page behind the last of RAM.
page_beyond() {
	echo $((0x$(sed -n 's/^[0-9a-f]*-\([0-9a-f]*\) : System RAM$/\1/p' /proc/iomem |
		tail -n 1) / 4096 + 1))
}

offlined=0
lists_places() {
	modprobe vmb_places "offlined=$offlined" "beyond=$(page_beyond)"
}

content() {
	wait_for 120 verdict_is_there "$device" && [ "$verdict" = content ]
}

# Each of them is refused for that reason, and for no other.
refuses_places() {
	bind "$driver" && content && refused_is_the_sum &&
		[ "$(counter refusals/page_not_shared)" -eq "$(counter refused)" ]
}

places_are_untouched() {
	rmmod vmb_places && unbinds
}

content_after_all() {
	bind "$driver" && content
}

modprobe hv_vmbus || exit 1
wait_for 30 use "$source_type" vmb_source || exit 1
check "hostile: another channel is open" modprobe vmb_source
wait_for 30 use "$echo_type" vmb_echo || exit 1
modprobe vmb_echo || exit 1
check "hostile: the channel closes itself, open 1" closes_itself
check "hostile: and is unbound" unbinds
round=1
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	check "hostile: the same, open $round" survives
done
check "places: memory is taken offline" take_memory_offline
check "places: there is a list" lists_places
check "places: each is refused, and the host is content" refuses_places
check "places: nobody wrote there" places_are_untouched
check "hostile: the host is content after all that" content_after_all
check "hostile: unload everything" rmmod vmb_echo vmb_source vmbkmcl_hv vmbkmcl
check "hostile: nobody is stuck" nobody_is_stuck
check "hostile: no memory leak" no_leaks
check "hostile: the checkers were on to the end" checkers_are_awake
