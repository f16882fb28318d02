#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Another kernel takes over under traffic, both ways, with external data and shared
# memory: no channel may be open by then, or the host would write into what is the
# other kernel's. That says how it found things, and powers the machine off, under
# traffic as well, when this script has ended. kselftest.sh boots this guest, and
# looks at what the host heard.

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh
# shellcheck source=scripts/kselftest/client-lib.sh
. ./client-lib.sh

second=VMB_SECOND=1

loads() {
	modprobe vmb_source && modprobe vmb_echo && all_open
}

source_flows() {
	use "$source_type" vmb_source && opens && grows sends_completed
}

everything_flows() {
	source_flows && use "$echo_type" vmb_echo && all_open && all_flow
}

# Returns only if it fails.
starts_the_next() {
	./next_kernel ./vmlinuz ./initramfs "$(cat /proc/cmdline) $second"
	false
}

modprobe hv_vmbus || exit 1
wait_for 30 find_device "$source_type" || exit 1
wait_for 30 use "$echo_type" vmb_echo || exit 1

if ! grep -q $second /proc/cmdline; then
	check "kexec: the clients load, and all channels open" loads
	check "kexec: packets flow on all" everything_flows
	check "kexec: the next kernel starts" starts_the_next
	exit 1
fi
check "kexec: in the next kernel the clients load, and all channels open" loads
check "kexec: packets flow on all in the next kernel" everything_flows
