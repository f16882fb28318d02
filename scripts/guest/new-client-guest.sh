#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the plain guest does with a client that new-client.sh wrote: both ends in one
# kernel, loaded and unloaded in either order. Lines that begin with VMBGUEST-TEST are
# for check-kit.sh.
#
# Parameters: /test/name, what the client is called.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

client=$(cat name)
server=${client}_server
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
	local name

	for name; do
		insmod "$modules/$name.ko" || return 1
	done
}

counter() {
	cat "/sys/module/$server/parameters/$1"
}

has_more() {
	[ "$(counter answered)" -gt "$more_than" ]
}

# Requests are answered from now on, and all that were are right.
is_answered() {
	more_than=$(($(counter answered) + 50))
	wait_for 60 has_more && [ "$(counter wrong)" = 0 ]
}

both_answer() {
	load "$@" && is_answered
}

client_again() {
	rmmod "$client" && load "$client" && is_answered
}

check "loopback: the server, then the client: requests are answered" \
	both_answer vmbkmcl "$server" "$client"
check "loopback: another client at the same server" client_again
check "loopback: unloads, the server first" rmmod "$server" "$client"
check "loopback: the client, then the server" both_answer "$client" "$server"
check "loopback: unloads, the client first" rmmod "$client" "$server" vmbkmcl
[ $failed -eq 0 ]
