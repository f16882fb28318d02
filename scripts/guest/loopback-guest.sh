#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the plain guest does in a loopback demo: load the model block device's
# server and client, let them work, and unload them in every order; and then those of
# the storage device. Lines that begin with VMBGUEST- are for demo-loopback.sh:
#
#   VMBGUEST-TEST ok NAME	or "not ok NAME", after the reason
#   VMBGUEST-SUM ROUND ...	what the client said in the log when it was done
#   VMBGUEST-STORAGE ...	likewise the storage device's client
#   VMBGUEST-COUNTER NAME N	its counters after the first round
#   VMBGUEST-SEEN PATH:LINE	what its channels showed of themselves then, for vmbstat
#
# Parameters for the client: /test/client-parameters.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

bus=/sys/bus/vmbkmcl_loopback
modules=/lib/modules/$(uname -r)/updates
failed=0

# check NAME COMMAND...
check() {
	local name=$1 before

	shift
	before=$(dmesg | wc -l)
	if "$@" && ! complaints "$before"; then
		echo "VMBGUEST-TEST ok $name"
	else
		failed=1
		log_since "$before" | tail -n 40
		echo "VMBGUEST-TEST not ok $name"
	fi
}

# By file: modprobe would look for a transport that is not there.
load() {
	local name=$1

	shift
	insmod "$modules/$name.ko" "$@"
}

# load_client PARAMETER...: what the client says from now on is of this round.
load_client() {
	round_began=$(dmesg | wc -l)
	load vmb_block_client "$@"
}

counter() {
	cat "$bus"/devices/*/block/"$1" 2>/dev/null || echo 0
}

exceeds() {
	[ "$(counter "$1")" -gt "$2" ]
}

has_verdict() {
	verdict=$(counter verdict)
	[ "$verdict" != none ] && [ "$verdict" != 0 ]
}

has_no_hyperv() {
	[ ! -d /sys/bus/vmbus ] && ! grep -q '^hv_vmbus ' /proc/modules &&
		! dmesg | grep -q 'Hypervisor detected: Microsoft'
}

load_all() {
	load vmbkmcl && echo Y >/sys/module/vmbkmcl/parameters/latency &&
		load vmb_block_server && load_client "$@"
}

# The client's own last line, in which it counts.
summary() {
	log_since "$round_began" |
		sed -nE 's/.*vmb_block_client [a-z0-9]+: ([a-z]+: [0-9]+ operations.*)/\1/p'
}

# sum ROUND VERDICT: it has said so, once, and the numbers are passed on.
sum() {
	local said

	said=$(summary)
	echo "VMBGUEST-SUM $1 $said"
	[ "$(echo "$said" | wc -l)" -eq 1 ] && [ "${said%%:*}" = "$2" ]
}

content() {
	wait_for 60 has_verdict && sum "$1" content
}

is_unbound() {
	[ -z "$(ls "$bus"/drivers)" ] && [ ! -d "$(echo "$bus"/devices/*/block)" ]
}

unloads() {
	rmmod vmb_block_client && is_unbound && rmmod vmb_block_server vmbkmcl &&
		[ ! -d "$bus" ]
}

is_pinned() {
	! rmmod vmbkmcl 2>/dev/null
}

client_goes() {
	wait_for 30 exceeds operations 2000 && rmmod vmb_block_client &&
		is_unbound && sum client-first stopped
}

again_content() {
	load_client operations=2000 && content again && rmmod vmb_block_client
}

server_goes() {
	load_client operations=0 && wait_for 30 exceeds operations 2000 &&
		rmmod vmb_block_server && [ -z "$(ls "$bus"/devices)" ] &&
		sum server-first stopped && rmmod vmb_block_client vmbkmcl
}

storage_has_verdict() {
	! grep -qx none "$bus"/devices/*/storage/verdict
}

# storage_says VERDICT: the line that the client has written.
storage_says() {
	local said

	said=$(log_since "$round_began" |
		sed -nE 's/.*vmb_storage_client [a-z0-9]+: ([a-z]+: [0-9]+ requests.*)/\1/p')
	echo "VMBGUEST-STORAGE $said"
	[ "${said%%:*}" = "$1" ]
}

storage_content() {
	round_began=$(dmesg | wc -l)
	load vmbkmcl && load vmb_storage_server && load vmb_storage_client &&
		wait_for 60 storage_has_verdict && storage_says content
}

# Under load: there is no end of rounds.
storage_unloads() {
	rmmod vmb_storage_client && load vmb_storage_client rounds=1000000 &&
		rmmod vmb_storage_client vmb_storage_server vmbkmcl && [ ! -d "$bus" ]
}

check "there is no Hyper-V" has_no_hyperv
# shellcheck disable=SC2046
check "load: library, server and client" load_all $(cat client-parameters)
check "load: the library cannot go while it is used" is_pinned
check "traffic: every byte is right" content load
for file in "$bus"/devices/*/block/*; do
	echo "VMBGUEST-COUNTER ${file##*/} $(cat "$file")"
done
find "$bus"/devices/*/vmbkmcl* /sys/devices/vmbkmcl_loopback/vmbkmcl* \
	/sys/kernel/debug/vmbkmcl -type f | while read -r file; do
	sed "s|^|VMBGUEST-SEEN $file:|" "$file"
done
check "unload: everything" unloads
check "load: again, to work until it is stopped" load_all operations=0
check "unload: the client, under load" client_goes
check "traffic: the same server, the next client" again_content
check "unload: the server, under load" server_goes
check "storage: Windows' names, every byte is right" storage_content
check "storage: unload, also under load" storage_unloads
[ $failed -eq 0 ]
