#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots a Hyper-V guest and runs the kselftests in it (scripts/kselftest): load,
# bind by modalias, new_id and driver_override, traffic, unbind and unload under
# traffic, broken rings, a client from outside of the tree; and the same with a
# client that sends, to a host that reads slowly or not at all. Prints KTAP, and
# 'N passed, N failed, N skipped' at the end. The guest's tests say what Linux
# saw; behind them come the host's, one for each open of the channel.
#
# usage: kselftest.sh
#
# Environment: KERNEL, as in demo.sh.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/checks.sh
. "$VMB_TOP/scripts/checks.sh"

case ${1:-} in
'') ;;
*)
	sed -n 's/^# \{0,1\}//; 4,13p' "$0"
	exit 0
	;;
esac

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/kselftest
# What the channel's opens are for, in the order of kselftest/main.sh.
opens=(finite endless endless finite
	framing-length-short framing-length-zero framing-length-beyond
	framing-offset-short framing-offset-beyond
	framing-index-range framing-index-unaligned framing-index-huge
	framing-index-ours
	finite mirror mirror)
source_opens=(finite endless endless deaf finite)

stage "Linux $version, our modules, a client from outside of the tree"
need_packages python3
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"
"$VMB_TOP/scripts/build-client.sh" "$version" "$VMB_BUILD/client/$version"
"$guest/build-host-device.sh" >/dev/null

stage "the guest: kselftests"
work=
scratch_dir work
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$VMB_TOP/scripts/kselftest/main.sh" \
	"$modules"/*.ko "$VMB_BUILD/client/$version/vmb_hello.ko"
modes=$(IFS=:; echo "${opens[*]}")
source_modes=$(IFS=:; echo "${source_opens[*]}")
ended=yes
"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--deadline "${DEADLINE:-400}" \
	--device "modes=$modes,inband=3000,external=300,hold-every=1000" \
	--source "modes=$source_modes,sends=20000" || ended=no

while read -r result; do
	case $result in
	ok\ *) passed "guest: ${result#ok }" ;;
	*) failed "guest: ${result#not ok }" ;;
	esac
done < <(tr -d '\r' <"$logs/guest.log" | sed -n 's/^VMBGUEST-TEST //p')

# what_the_host_saw: a line for each open, "ok ..." or "not ok ...".
what_the_host_saw() {
	local judge=$VMB_TOP/scripts/kselftest/opens.py

	python3 "$judge" "$logs/host.log" echo "${opens[@]}"
	python3 "$judge" "$logs/host.log" source "${source_opens[@]}"
}
while read -r result; do
	case $result in
	ok\ *) passed "host: ${result#ok }" ;;
	*) failed "host: ${result#not ok }" ;;
	esac
done < <(what_the_host_saw)
check "the guest ran to its end" [ "$ended" = yes ]
checks_end
