#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# The life of a channel, again and again, with traffic in both directions on two
# devices at once: unbind and bind, rmmod and insmod, pause and start, disable and
# enable. VMB_ROUNDS says how often (200). VMB_WARM_UP rounds (a twentieth) come
# first, so that memory is compared once everything has been done before.
#
# kselftest.sh tells the host what each open is for, and counts them: so no open
# here may be left to chance but those of the last test of the echo device.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

rounds=${VMB_ROUNDS:-200}
library_rounds=$((rounds / 20))
warm_up=${VMB_WARM_UP:-$library_rounds}
folder=/lib/modules/$(uname -r)/updates
# Packets of an open before it is closed again.
traffic=16
# Rounds between two lines of progress.
step=25

# rests: 20 ms. Nobody writes there, and it is the shell's own: a process to sleep
# takes longer than the packets that are waited for.
mkfifo /tmp/never
exec 9<>/tmp/never
rests() {
	# shellcheck disable=SC3045 # This shell is busybox's.
	read -t 0.02 -r _ <&9 || true
}

# flows DEVICE COUNTER [COUNTER]: so many have been counted, of each.
flows() {
	local tries=0 path=$1

	while [ $tries -lt 3000 ]; do
		look "$path/vmbkmcl/$2"
		if [ "$value" -ge $traffic ]; then
			[ $# -gt 2 ] || return 0
			shift
		else
			tries=$((tries + 1))
			rests
		fi
	done
	echo "no traffic: $2 is $value at $path"
	return 1
}

echo_flows() {
	flows "$echo_device" received completed
}

source_flows() {
	flows "$source_device" sends sends_completed
}

# progress WHAT NUMBER
progress() {
	[ $(($2 % step)) -ne 0 ] || echo "$1: $2 rounds"
}

# An open with traffic, by bind and unbind. Whoever returns from unbind has left
# nothing behind.
bind_round() {
	local device=$1 driver=$2

	echo "${device##*/}" >"$bus/drivers/$driver/bind" || return 1
	"${driver#vmb_}_flows" || return 1
	echo "${device##*/}" >"$bus/drivers/$driver/unbind" || return 1
	[ ! -e "$device/vmbkmcl" ] && [ ! -e "$device/driver" ]
}

# The same, by insmod and rmmod: busybox's, which take a third of the time.
module_round() {
	local device=$1 driver=$2

	busybox insmod "$folder/$driver.ko" || return 1
	"${driver#vmb_}_flows" || return 1
	busybox rmmod "$driver" || return 1
	[ ! -e "$device/vmbkmcl" ] && [ ! -e "$device/driver" ]
}

# repeat COUNT ROUND DEVICE DRIVER
repeat() {
	local count=$1 number=0

	shift
	while [ $number -lt "$count" ]; do
		"$@" || {
			echo "$1 $3: round $number failed"
			return 1
		}
		number=$((number + 1))
		progress "$1 $3" $number
	done
}

# Both devices at the same time, each with its own rounds.
both() {
	local status=0 pid

	repeat "$1" "$2" "$source_device" vmb_source &
	pid=$!
	repeat "$1" "$2" "$echo_device" vmb_echo || status=1
	wait $pid || status=1
	return $status
}

load_library() {
	busybox insmod "$folder/vmbkmcl.ko" && busybox insmod "$folder/vmbkmcl_hv.ko"
}

# Everything, and in each round once.
library_round() {
	busybox rmmod vmbkmcl_hv && busybox rmmod vmbkmcl && load_library &&
		busybox insmod "$folder/vmb_source.ko" &&
		busybox insmod "$folder/vmb_echo.ko" && echo_flows && source_flows &&
		busybox rmmod vmb_echo && busybox rmmod vmb_source
}

# What each source client said when it was removed, since then: so often, each
# packet ended once, and of ten rounds one had some that the channel cut off. Not
# each has: where the guest is slower than its host, all are answered by then.
sources_balance() {
	log_since "$1" | awk -v wanted="$2" '
		/packets accepted/ {
			sub(/.*: /, ""); seen++
			if ($1 != $4 || $0 !~ /; 0 duplicated, 0 wrong/) { bad++; print }
			if ($6 > 0) cut_off++
		}
		END {
			print seen + 0, "of", wanted, "told,", cut_off + 0, "were cut off"
			exit !(seen == wanted && !bad && cut_off >= int(wanted / 10))
		}'
}

# ----------------------------------------------------------------------------
# Memory
# ----------------------------------------------------------------------------

# Then no_leaks tells, and this would not: KASAN keeps what was freed for a while.
is_kmemleak_here() {
	[ -e /sys/kernel/debug/kmemleak ]
}

# places: objects from kmalloc, a line for each place that allocates some, as
# slub_debug=U keeps them; and "ours" of those with one of our functions in the
# stack. What has gone, a module or what it began with, has only an address, or the
# name of what came to lie there; no module but ours goes.
places() {
	cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces | awk '
		/^ *[0-9]+ / {
			count = $1
			total["place/" $2] += count
			$1 = ""; $0 = $0; found = 0
		}
		/\[vmb|^ *0xffffffffc0/ && !found {
			found = 1
			total["ours"] += count
			total["ours/" (/\[vmb/ ? $1 : "gone")] += count
		}
		END { for (place in total) print place, total[place] }'
}

# memory FILE: objects of each slab cache, and KiB. What RCU frees late is waited
# for; with slub_debug no cache keeps objects that nobody uses, but vmalloc does.
memory() {
	! is_kmemleak_here || return 0
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	sleep 1
	echo 1 >/proc/sys/vm/stat_refresh
	{
		awk 'NR > 2 && $1 != "vmap_area" { print "slab/" $1, $2 }' /proc/slabinfo
		# Each processor keeps some free pages to itself, MiBs after module loads.
		awk '/^(VmallocUsed|Percpu|KernelStack):/ { print $1, $2 }
			/^MemFree:/ { free += $2 }
			$1 == "count:" { free += $2 * 4 }
			END { print "MemFree:", free }' /proc/meminfo /proc/zoneinfo
		echo "vmalloc $(grep -c '\[vmb' /proc/vmallocinfo)"
		places
	} >"$1"
}

# memory_is_back ROUNDS [MOVING]: since the last time no cache has gained an object
# for every second round, vmalloc and per-CPU memory not half a page for each, and
# ours are not more by one for every tenth, or by what somebody else has in MOVING
# requests. Beside that are a few dentries, and what the allocators keep to
# themselves; and free memory tells of a page a round only.
memory_is_back() {
	! is_kmemleak_here || return 0
	mv /tmp/after /tmp/before
	memory /tmp/after
	awk -v rounds="$1" -v moving="${2:-3}" '
		NR == FNR { before[$1] = $2; next }
		{
			gained = $2 - before[$1]
			if ($1 == "MemFree:") gained = -gained
			limit = rounds / 2 + 16
			if ($1 ~ /:$/) limit = rounds * 2 + 32
			if ($1 == "MemFree:") limit = rounds * 4 + 4096
			if ($1 == "vmalloc") limit = 1
			if ($1 == "ours") limit = rounds / 10 + moving
			if (gained >= limit) {
				print $1, "from", before[$1] + 0, "to", $2
				# Said for who looks for it: it is in a sum, too.
				if ($1 !~ /\// || $1 ~ /^slab/) bad = 1
			}
			if ($1 ~ /:$/ || gained > 4) told = told " " $1 " " gained
		}
		END { print "memory:" told; exit bad }' /tmp/before /tmp/after
}

# ----------------------------------------------------------------------------

# storm ROUNDS ROUND: of both devices, from rest to rest. At rest nothing but the
# library is loaded.
storm() {
	local before

	before=$(dmesg | wc -l)
	both "$1" "$2" && sources_balance "$before" "$1"
}

bind_storm() {
	busybox insmod "$folder/vmb_source.ko" && busybox insmod "$folder/vmb_echo.ko" ||
		return 1
	echo_flows && source_flows || return 1
	unbind vmb_echo
	(device_name=${source_device##*/}; unbind vmb_source)
	storm "$1" bind_round && busybox rmmod vmb_echo && busybox rmmod vmb_source
}

module_storm() {
	storm "$1" module_round
}

library_storm() {
	repeat "$1" library_round
}

# leaves_nothing ROUNDS STORM
leaves_nothing() {
	"$2" "$1" && memory_is_back "$1"
}

# Everything once, the look at memory as well, so that memory is as it will be.
warms_up() {
	rmmod vmb_echo vmb_source && bind_storm "$warm_up" && module_storm "$warm_up" &&
		library_storm 2 && memory /tmp/before && memory /tmp/after
}

# tell WHAT COUNT: to the storm's client, in parts.
tell() {
	local done=0 part

	while [ $done -lt "$2" ]; do
		part=$(($2 - done))
		[ $part -lt $step ] || part=$step
		echo "$1 $part" >"$echo_device/storm/rounds" || return 1
		done=$((done + part))
		echo "$1: $done rounds"
	done
}

# The storm's client takes the echo device, and the source client goes on all the
# while.
storm_starts() {
	busybox insmod "$folder/vmb_source.ko" &&
		busybox insmod "$folder/vmb_life_storm.ko" && source_flows &&
		tell pause "$warm_up" && tell disable "$warm_up" &&
		echo stop >"$echo_device/storm/rounds" && memory /tmp/after
}

# counted NAME: of the storm's own.
counted() {
	look "$echo_device/storm/$1"
	echo "$value"
}

# balances: what the client has counted, and what the library has.
balances() {
	local file="$echo_device/vmbkmcl"

	look "$echo_device/storm/wrong"
	[ "$value" -eq 0 ] || return 1
	for pair in delivered:received completed:completed accepted:sends; do
		look "$file/${pair#*:}"
		[ "$(counted "${pair%:*}")" -eq "$value" ] || {
			echo "$pair: $(counted "${pair%:*}"), but $value"
			return 1
		}
	done
	[ "$(counted delivered)" -eq "$(counted completed)" ] &&
		[ "$(counted ended)" -eq $(($(counted written) + $(counted answered) +
					    $(counted cut_off))) ] &&
		[ "$(counted wanted)" -eq $(($(counter completions_sent) +
					     $(counter completions_dropped))) ] &&
		[ "$(counted accepted)" -eq "$(counted ended)" ] &&
		[ "$(counted accepted)" -eq $(($(counter sends_completed) +
					       $(counter sends_failed))) ] &&
		[ "$(counted cut_off)" -eq "$(counter sends_failed)" ]
}

# life WHAT: rounds of it, from rest to rest. In half of them at least there was
# something to wait for, in each direction.
life() {
	local suspends holding sending

	suspends=$(counted suspends) holding=$(counted suspends_holding)
	sending=$(counted suspends_sending)
	echo go >"$echo_device/storm/rounds" && tell "$1" "$rounds" &&
		echo stop >"$echo_device/storm/rounds" || return 1
	suspends=$(($(counted suspends) - suspends))
	holding=$(($(counted suspends_holding) - holding))
	sending=$(($(counted suspends_sending) - sending))
	echo "$1: suspended $suspends times, $holding with packets in hand, $sending with packets of its own under way"
	balances || {
		grep . "$echo_device"/storm/[a-q]* "$echo_device"/storm/[s-z]* "$echo_device"/vmbkmcl/*
		return 1
	}
	memory_is_back "$rounds" 16 || return 1
	[ "$1" = rush ] || [ $suspends -gt "$rounds" ] || return 1
	[ "$1" = rush ] || [ $((2 * holding)) -ge "$rounds" ] || return 1
	[ "$1" = rush ] || [ $((2 * sending)) -ge "$rounds" ]
}

# And before, both ends say what they have counted, for balance.py.
leaves() {
	echo "VMBGUEST-BALANCE completions_sent $(counter completions_sent)" \
		"written $(counted written) answered $(counted answered)" \
		"delivered $(counted delivered) accepted $(counted accepted)"
	rmmod vmb_life_storm vmb_source vmbkmcl_hv vmbkmcl && nobody_is_stuck &&
		! grep ^vmb /proc/modules && ! ls -d "$echo_device"/vmbkmcl* 2>/dev/null
}

# The flood takes all that the processors have, and on a kernel with checkers each
# round would be seconds of waiting for them.
renice -n -20 $$ >/dev/null
echo 20 >/proc/sys/kernel/hung_task_timeout_secs
modprobe hv_vmbus || exit 1
wait_for 30 use "$source_type" vmb_source || exit 1
source_device=$device
wait_for 30 use "$echo_type" vmb_echo || exit 1
echo_device=$device
modprobe vmb_source && modprobe vmb_echo && echo_flows && source_flows || exit 1

check "storm: it all works once" warms_up
check "storm: $rounds rounds of bind and unbind, both devices at once" \
	leaves_nothing "$rounds" bind_storm
check "storm: $rounds rounds of insmod and rmmod, both clients at once" \
	leaves_nothing "$rounds" module_storm
check "storm: $library_rounds rounds of insmod and rmmod of everything" \
	leaves_nothing $library_rounds library_storm
check "storm: a client that sends and receives on one channel" storm_starts
check "storm: $rounds rounds of pause and start" life pause
check "storm: $rounds rounds of disable and enable" life disable
check "storm: $rounds rounds of either at any moment" life rush
check "storm: everything unloads, and nobody is stuck" leaves
check "storm: no memory leak" no_leaks
check "storm: the checkers were on to the end" checkers_are_awake
