#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The host's part of the balloon demo: asks QEMU's monitor to take memory from
# the guest and to give it back, and reads there what the guest's size is.
#
# usage: balloon-host.sh DIRECTORY
#
# There, as QEMU has them: monitor.in and .out, a monitor that speaks JSON; talk.in
# and .out, the guest's second serial port; trace, the states of QEMU's hv-balloon.
# Runs in busybox's shell, too. The guest
# says a word when it is ready for a part, and gets one when the part is over:
#
#   ready N	the first time: N cycles, and an inflated balloon at the end;
#   ready	then: down and half up again; the third time: down
#   unbound	is the size the whole memory again?
#   end		stop
#
# Lines for balloon_verdict.py:
#
#   VMBHOST-SIZE PART N ASKED IS	MiB, and the bytes that QEMU says
set -eu

case ${1:-} in
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,20p' "$0"
	exit 0
	;;
'' | -*)
	echo "balloon-host.sh: error: wanted a folder: ${1:-(none)}" >&2
	echo "balloon-host.sh: try: $0 --help" >&2
	exit 2
	;;
esac
directory=$1
all=512
size=0

exec 3>"$directory/monitor.in" 4<"$directory/monitor.out"
exec 5>"$directory/talk.in" 6<"$directory/talk.out"

# ask COMMAND: sets answer to what the monitor says to it; events are not that.
ask() {
	echo "$1" >&3
	while read -r answer <&4; do
		case $answer in
		*'"return"'* | *'"error"'*) return 0 ;;
		esac
	done
	return 1
}

# Sets size, in bytes.
read_size() {
	ask '{"execute": "query-balloon"}' || return
	size=${answer##*'"actual": '}
	size=${size%%[!0-9]*}
}

is_idle() {
	case $(tail -n 1 "$directory/trace") in
	*S_IDLE) return 0 ;;
	*) return 1 ;;
	esac
}

# is_size MIB SECONDS: until it is; size says what it was last. And until QEMU has
# read the guest's answer: its monitor runs into an assertion (gpadl_iter_seek, up
# to 10.0 at least) if it is told something while there is one to be read.
is_size() {
	tries=$(($2 * 10))
	while read_size; do
		! is_idle || [ "$size" != $(($1 * 1048576)) ] || return 0
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
	return 1
}

# reach PART NUMBER MIB SECONDS
reach() {
	ask "{\"execute\": \"balloon\", \"arguments\": {\"value\": $(($3 * 1048576))}}"
	is_size "$3" "$4" || true
	echo "VMBHOST-SIZE $1 $2 $3 $size"
}

# The guest has just opened its channel: QEMU leaves it alone for 50 seconds.
first() {
	reach "$1" 0 "$2" 120
}

# cycles N: every one another size, 312 to 471 MiB, and back to nearly all.
cycles() {
	first cycles 500
	cycle=1
	while [ $cycle -le "$1" ]; do
		reach cycles $cycle $((312 + cycle * 67 % 160)) 30
		reach cycles $cycle $((480 + cycle % 32)) 30
		cycle=$((cycle + 1))
	done
	reach cycles $cycle 320 30
}

ask '{"execute": "qmp_capabilities"}'
part=0
while read -r word <&6; do
	case $word in
	ready*)
		part=$((part + 1))
		case $part in
		1) cycles "${word#ready }" ;;
		2)
			first again 400
			reach again 1 450 30
			;;
		3) first reboot 400 ;;
		esac
		;;
	unbound*)
		# The channel is closed: no state is idle.
		tries=100
		while read_size && [ "$size" != $((all * 1048576)) ] &&
			[ $tries -gt 0 ]; do
			tries=$((tries - 1))
			sleep 0.1
		done
		echo "VMBHOST-SIZE unbound 0 $all $size"
		;;
	end*) break ;;
	esac
	echo "done $part" >&5
done
