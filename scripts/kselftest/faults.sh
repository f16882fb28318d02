#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Allocations that fail: in a probe one after the other, and while a channel opens,
# lives and closes any of them. For a kernel with fault injection; kselftest.sh
# boots this guest with debug only.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

faults=/sys/kernel/debug
# Rounds in which any allocation may fail.
rounds=20

memory_is_short

kinds_of_faults() {
	local kind

	for kind in failslab fail_page_alloc; do
		echo N >$faults/$kind/ignore-gfp-wait || return 1
		echo 0 >$faults/$kind/verbose
		echo -1 >$faults/$kind/times
	done
	echo 0 >$faults/fail_page_alloc/min-order
	# Of what the checkers need for themselves nothing is to fail.
	echo Y >$faults/failslab/cache-filter
	for kind in /sys/kernel/slab/kmalloc-* /sys/kernel/slab/kernfs_node_cache; do
		echo 1 >"$kind/failslab" || return 1
	done
}

# What is left of fail-nth tells whether so many allocations were made at all: 0,
# if the last of them was made to fail. All of it is the shell's that writes.
bind_with_fault() {
	(
		echo "$1" >/proc/self/fail-nth && bind "$driver" 2>/dev/null
		read -r left </proc/self/fail-nth
		echo 0 >/proc/self/fail-nth
		echo "${left:-0}" >/tmp/left
	) 2>/dev/null
	read -r left </tmp/left
}

# As if nobody had tried.
is_untouched() {
	local left

	for left in "$device"/vmbkmcl*; do
		[ ! -e "$left" ] || return 1
	done
	[ ! -e "$device/driver" ]
}

# next NTH TOTAL: which comes next. The first are all different, and so are the last;
# between them lie hundreds of packet objects.
next() {
	if [ "$1" -lt 80 ] || [ "$1" -ge $(($2 - 90)) ]; then
		nth=$(($1 + 1))
	else
		nth=$(($1 + ($2 - 170) / 10 + 1))
		[ "$nth" -lt $(($2 - 90)) ] || nth=$(($2 - 90))
	fi
}

# Allocations of the probe fail, one in each; what comes of it is a bound device,
# for some can be done without, or one that was never touched.
unwinds_at_each_step() {
	local nth=0 rounds=0 failed=0 total

	[ ! -e "$device/driver" ] || unbinds || return 1
	# How many there are.
	bind_with_fault 100000
	total=$((100000 - left))
	unbinds || return 1
	left=0
	while [ "$left" -eq 0 ]; do
		next $nth $total
		[ $nth -lt $((total + 100)) ] || return 1
		bind_with_fault $nth
		rounds=$((rounds + 1))
		[ $((rounds % 20)) -ne 0 ] || echo "probe: allocation $nth of $total"
		if [ -e "$device/driver" ]; then
			unbinds || return 1
		else
			failed=$((failed + 1))
			is_untouched || return 1
		fi
	done
	echo "$driver: $rounds of some $total allocations failed, $failed ended the probe"
	# Some of them are ours.
	[ $failed -gt 20 ] && rebinds && flows
}

flows() {
	if [ "$driver" = vmb_source ]; then
		grows sends_completed
	else
		all_open && all_flow
	fi
}

# fail_behind START END: only what these addresses are in the stack of.
fail_behind() {
	local kind

	for kind in failslab fail_page_alloc; do
		echo "0x$1" >$faults/$kind/require-start
		echo "0x$2" >$faults/$kind/require-end
		echo 32 >$faults/$kind/stacktrace-depth
	done
}

# symbols: of the library, by address.
symbols() {
	awk '$4 == "[vmbkmcl]" && $2 ~ /[tT]/ { print $1, $3 }' /proc/kallsyms | sort
}

fail_behind_library() {
	# shellcheck disable=SC2046
	fail_behind $(symbols | sed -n '1p;$p' | cut -d ' ' -f 1)
}

# The one function that opens channels, and closes them.
fail_behind_worker() {
	# shellcheck disable=SC2046
	fail_behind $(symbols | grep -A 1 ' vmb_life_work$' | cut -d ' ' -f 1)
}

fail_anywhere() {
	fail_behind 0 ffffffffffffffff
}

# let_fail PERCENT INTERVAL: so many of each INTERVAL-th allocation of the machine.
let_fail() {
	local kind

	for kind in failslab fail_page_alloc; do
		echo "$2" >$faults/$kind/interval
		echo "$1" >$faults/$kind/probability
	done
}

# survives PERCENT INTERVAL: bind, let it live a little, unbind, while these fail. It
# opens or it does not; in any case it goes.
survives() {
	local round=0 opened=0 failed before

	[ ! -e "$device/driver" ] || unbinds || return 1
	before=$(dmesg | wc -l)
	while [ $round -lt $rounds ]; do
		round=$((round + 1))
		let_fail "$1" "$2"
		bind "$driver" 2>/dev/null
		# Left to luck: what is under way when it is unbound.
		usleep $(((round % 10 + 1) * 20000))
		! state_is open || opened=$((opened + 1))
		[ ! -e "$device/driver" ] || unbind "$driver"
		let_fail 0 1
		is_untouched || return 1
	done
	failed=$(log_since "$before" | grep -cE 'cannot open|refuses to open|failed with error -12')
	echo "$driver: of $rounds rounds $opened were open, $failed probes or opens failed"
	[ $opened -gt 0 ] && [ "$failed" -gt 0 ] && rebinds && flows
}

modprobe hv_vmbus || exit 1
wait_for 30 use "$source_type" vmb_source || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

check "faults: this kernel has them" kinds_of_faults
for name in echo source; do
	eval "use \"\$${name}_type\" vmb_$name"
	modprobe "$driver" && opens
	fail_anywhere
	check "faults: $driver: allocations of a probe fail at every step" unwinds_at_each_step
	fail_behind_library
	check "faults: $driver: a few allocations fail at any moment" survives 1 5
	fail_behind_worker
	# With twice as many hardly an open gets through.
	check "faults: $driver: many fail while a channel opens" survives 3 1
	rmmod "$driver"
done
check "faults: everything unloads" rmmod vmbkmcl_hv vmbkmcl
check "faults: nobody is stuck" nobody_is_stuck
check "faults: no memory leak" no_leaks
check "faults: the checkers were on to the end" checkers_are_awake
