#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the plain guest of check-tracing.sh does: a client and a server over loopback
# come and go, with traffic between, and meanwhile each command of the file commands
# runs, one a line. What each has printed is one file in results/, which goes to the
# console in the end:
#
#   VMBGUEST-OUTPUT N TEXT	a line of the Nth command's
#   VMBGUEST-ENDED N STATUS	how it ended
#   VMBGUEST-TRACE TEXT		of what the tracepoints said of one life of both
#
# A command that does not end by itself is interrupted, as its user would do.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

modules=/lib/modules/$(uname -r)/updates
tracing=/sys/kernel/tracing
# Emulated, bpftrace takes some ten seconds to begin.
seconds=60

load() {
	insmod "$modules/$1.ko" "$2" || exit 1
}

come_and_go() {
	while [ ! -e /tmp/stop ]; do
		insmod "$modules/vmb_block_client.ko" operations=0
		sleep 2
		rmmod vmb_block_client
	done
}

# run COMMAND: until it ends, or is interrupted.
run() {
	case $1 in
	*sleep* | echo* | *report) sh -c "$1" ;;
	*) timeout -s INT $seconds sh -c "exec $1" ;;
	esac
}

# One life with all its steps, of which the picture is made.
trace_a_life() {
	echo 50000 >$tracing/buffer_size_kb
	for event in vmb_life vmb_cleanup vmb_fetch vmb_write; do
		echo 1 >$tracing/events/vmbkmcl/$event/enable
	done
	insmod "$modules/vmb_block_client.ko" operations=0
	sleep 1
	rmmod vmb_block_client
	insmod "$modules/vmb_block_client.ko" operations=0
	sleep 0.5
	rmmod vmb_block_server
	rmmod vmb_block_client
	echo 0 >$tracing/events/vmbkmcl/enable
	grep -v '^#' $tracing/trace | sed 's/^/VMBGUEST-TRACE /'
	echo >$tracing/trace
}

mount -t tracefs none $tracing 2>/dev/null
mount -t debugfs none /sys/kernel/debug 2>/dev/null
mkdir /test/results
load vmbkmcl ''
load vmb_block_server ''
trace_a_life
load vmb_block_server ''
come_and_go &
number=0
while read -r command; do
	number=$((number + 1))
	status=0
	run "$command" >"/test/results/$number" 2>&1 </dev/null || status=$?
	echo "VMBGUEST-ENDED $number $status"
done <commands
touch /tmp/stop
wait
while [ $number -gt 0 ]; do
	head -n 200 "/test/results/$number" | sed "s/^/VMBGUEST-OUTPUT $number /"
	number=$((number - 1))
done
[ -z "$(complaints 0)" ]
