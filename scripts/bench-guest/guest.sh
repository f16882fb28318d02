#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guest does in "make bench-guest". Lines that begin with VMBGUEST- are for
# scripts/bench-guest/judge.py:
#
#   VMBGUEST-RUN DEVICE PART DRIVER   the driver had that device of the host's, for this
#		part, or for all that the host does by itself; a part "stopped" was not
#		brought to its end
#   VMBGUEST-LOAD DRIVER PART operations N ns N p50 N p99 N wrong N   what it measured itself
#   VMBGUEST-IDLE SECONDS CALLS SIGNALS INTERRUPTS CONTROL   so many functions of ours were
#		called while an open channel was idle for so many seconds, and so many
#		when it was looked at
#   VMBGUEST-SECTION MODULE SECTION ADDRESS   for a profile, where a module's code is
#   VMBGUEST-FAILED TEXT	why it went no further
#
# Parameters: /test/parameters, which sets turns, sends, externals, idle and profile.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

bus=/sys/bus/vmbus
echo_device=$bus/devices/0b5e3d91-7a42-4fc8-9d26-e4815b37c06f
flood_device=$bus/devices/58c17ea6-2d90-47fb-91e2-0c4bd8653a17
full_device=$bus/devices/2f90b7d4-81c3-4d5e-a708-6ce13b9452fd
idle_device=$bus/devices/c7042b5f-a86d-4315-b9f0-7e134ca281d6
ping_device=$bus/devices/e3970fd8-15b6-4a2c-845d-2ac970f16e93
requests_device=$bus/devices/6ac8f327-d951-4b04-8e13-9f602db574ce

fail() {
	echo "VMBGUEST-FAILED $*"
	dmesg | tail -n 40
	grep -s . /sys/kernel/debug/vmbkmcl/* "$bus"/devices/*/vmbkmcl/* |
		grep -v ':0$'
	exit 1
}

is_there() {
	[ -e "$1" ]
}

# channel_count FILE: of the idle channel.
channel_count() {
	cat "$idle_device"/channels/*/"$1"
}

parameter() {
	cat "/sys/module/vmb_bench/parameters/$1"
}

bind() {
	echo "$2" >"$1/driver_override"
	echo "${1##*/}" >"$bus/drivers/$2/bind" || fail "$2 does not bind"
}

unbind() {
	echo "${1##*/}" >"$bus/drivers/$2/unbind" || fail "$2 does not unbind"
}

# has_grown PARAMETER BEFORE
has_grown() {
	[ "$(parameter "$1")" -gt "$2" ]
}

# uio_file DEVICE: its file.
uio_file() {
	set -- "$1"/uio/uio*
	echo "/dev/${1##*/}"
}

# 6.1 has it refuse a channel that is signalled by hypercall, as these are.
uio_takes_them() {
	modprobe uio_hv_generic 2>/dev/null || return 1
	echo uio_hv_generic >"$idle_device/driver_override"
	echo "${idle_device##*/}" 2>/dev/null >"$bus/drivers/uio_hv_generic/bind" || return 1
	unbind "$idle_device" uio_hv_generic
}

# uses DRIVER: is there such a one on this kernel?
uses() {
	[ "$1" != uio_hv_generic ] || [ -n "$has_uio" ]
}

# To look whether it is done takes some milliseconds of the only processor, which are not
# to be in what is measured.
lets_it_run() {
	sleep 0.5
}

# answers DEVICE DRIVER: until the host has measured.
answers() {
	local before

	before=$(parameter finished)
	bind "$1" "$2"
	case $2 in
	vmb_echo) lets_it_run && wait_for 60 verdict_is_there "$1" ;;
	uio_hv_generic) ./uio_bench echo "$(uio_file "$1")" ;;
	*) lets_it_run && wait_for 60 has_grown finished "$before" ;;
	esac || fail "$2 does not come to an end"
	unbind "$1" "$2"
}

# sends DRIVER: until it has.
sends() {
	local before answer

	before=$(parameter loads_done)
	bind "$requests_device" "$1"
	case $1 in
	uio_hv_generic)
		answer=$(./uio_bench send "$(uio_file "$requests_device")" "$sends") &&
			echo "VMBGUEST-LOAD $answer" ;;
	*) lets_it_run && wait_for 20 has_grown loads_done "$before" ;;
	esac || fail "$1 does not come to an end"
	unbind "$requests_device" "$1"
}

# interrupts_of DEVICE: of its channel.
interrupts_of() {
	cat "$1"/channels/*/interrupts
}

# is_busy DEVICE BEFORE: since there were so many interrupts.
is_busy() {
	[ "$(interrupts_of "$1")" -gt $(($2 + 10)) ]
}

# stops DRIVER: is unbound while it sends, and says so.
stops() {
	local before done_before

	done_before=$(parameter loads_done)
	before=$(interrupts_of "$requests_device")
	echo 1000000 >/sys/module/vmb_bench/parameters/sends
	bind "$requests_device" "$1"
	wait_for 20 is_busy "$requests_device" "$before" || fail "$1 does not send"
	unbind "$requests_device" "$1"
	echo "$sends" >/sys/module/vmb_bench/parameters/sends
	dmesg | grep -q "vmb_bench: $1 has not sent everything" ||
		fail "$1 has not been stopped"
	[ "$(parameter loads_done)" -eq "$done_before" ] ||
		fail "$1 was stopped, and counts as done"
}

# pings_beside_flood DRIVER: it has both.
pings_beside_flood() {
	local before

	before=$(interrupts_of "$flood_device")
	bind "$flood_device" "$1"
	wait_for 20 is_busy "$flood_device" "$before" || fail "the host does not flood"
	answers "$ping_device" "$1"
	unbind "$flood_device" "$1"
}

loads_are_said() {
	dmesg | sed -n 's/.*vmb_bench: \(.* operations .*\)/VMBGUEST-LOAD \1/p'
}

calls_of_ours() {
	grep -c -v '^#' "$tracing/trace"
}

# What runs of our modules while nothing is to be done.
idles() {
	local tracing=/sys/kernel/tracing calls module debug events interrupts

	bind "$idle_device" vmb_echo
	debug=/sys/kernel/debug/vmbkmcl/${idle_device##*/}
	wait_for 20 grep -qs open "$debug" || fail "the idle channel does not open"
	for module in vmbkmcl vmbkmcl_hv vmb_echo; do
		echo ":mod:$module" >>"$tracing/set_ftrace_filter" || fail "$module is not traced"
	done
	# What the opening has left.
	sleep 2
	events=$(channel_count events)
	interrupts=$(channel_count interrupts)
	echo function >"$tracing/current_tracer"
	echo >"$tracing/trace"
	sleep "$idle"
	calls=$(calls_of_ours)
	events=$(($(channel_count events) - events))
	interrupts=$(($(channel_count interrupts) - interrupts))
	cat "$debug" >/dev/null
	echo "VMBGUEST-IDLE $idle $calls $events $interrupts $(($(calls_of_ours) - calls))"
	echo nop >"$tracing/current_tracer"
	echo >"$tracing/set_ftrace_filter"
	unbind "$idle_device" vmb_echo
}

turns='' sends='' externals='' idle='' profile=''
# shellcheck source=/dev/null
. ./parameters
modprobe hv_vmbus || fail "hv_vmbus does not load"
for device in "$echo_device" "$ping_device" "$flood_device" "$full_device" \
	"$idle_device" "$requests_device"; do
	wait_for 30 is_there "$device" || fail "the host does not offer $device"
done
before=$(dmesg | wc -l)
modprobe vmb_echo defer_every=0 || fail "vmb_echo does not load"
modprobe vmb_bench sends="$sends" externals="$externals" || fail "vmb_bench does not load"
if [ -n "$profile" ]; then
	for driver in vmb_bench vmb_bench_by_hand; do
		sends "$driver"
	done
	loads_are_said
	for module in hv_vmbus vmbkmcl vmbkmcl_hv vmb_bench; do
		for section in "/sys/module/$module/sections"/.*text*; do
			echo "VMBGUEST-SECTION $module ${section##*/} $(cat "$section")"
		done
	done
	exit 0
fi
has_uio=
! uio_takes_them || has_uio=y
turn=0
while [ $turn -lt "$turns" ]; do
	turn=$((turn + 1))
	for driver in vmb_echo vmb_bench_echo_by_hand uio_hv_generic; do
		uses "$driver" || continue
		answers "$echo_device" "$driver"
		echo "VMBGUEST-RUN echo all $driver"
	done
	for driver in vmb_echo vmb_bench_echo_by_hand; do
		pings_beside_flood "$driver"
		echo "VMBGUEST-RUN ping beside_flood $driver"
		echo "VMBGUEST-RUN flood flood $driver"
	done
	for driver in vmb_bench vmb_bench_by_hand uio_hv_generic; do
		uses "$driver" || continue
		sends "$driver"
		echo "VMBGUEST-RUN requests all $driver"
	done
done
# Without its control page a multiple of an answer's 48 bytes: when it is full it has just the
# room of one, which is not enough, for no ring is ever filled completely.
echo 65536 >/sys/module/vmb_bench/parameters/ring_size
for driver in vmb_echo vmb_bench_echo_by_hand; do
	answers "$full_device" "$driver"
	echo "VMBGUEST-RUN full full $driver"
done
for driver in vmb_bench vmb_bench_by_hand; do
	stops "$driver"
	echo "VMBGUEST-RUN requests stopped $driver"
done
idles
loads_are_said
rmmod vmb_echo vmb_bench vmbkmcl_hv vmbkmcl || fail "our modules do not unload"
! complaints "$before" || fail "the kernel complained"
