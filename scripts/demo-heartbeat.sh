#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -eu

usage() {
	cat <<-END
		usage: scripts/demo-heartbeat.sh [--help]

		Boots a stock Debian kernel as a Linux guest on Hyper-V, as QEMU and KVM
		implement it, with the host's end of a heartbeat channel. The kernel's own
		driver, hv_utils, answers it first; then our client takes the device, answers,
		is unbound, bound again and unloaded; then hv_utils gets the device back. The
		host checks each answer.

		Environment:
		  KERNEL     the guest's kernel: 6.1, 6.12 (default), newest, ...
		  DEADLINE   seconds after which the guest is ended (240)

		What the host says of each of the four is shown; the consoles are in
		build/demo-heartbeat/. Exits 0 only if all answers were right.
	END
}

case ${1:-} in
--help | -h)
	usage
	exit 0
	;;
'') ;;
*)
	echo "$(basename "$0"): error: no such argument: $1" >&2
	echo "$(basename "$0"): try: $0 --help" >&2
	exit 2
	;;
esac

# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/demo-heartbeat
rm -rf "$logs"
mkdir -p "$logs"

stage "our modules for Linux $version"
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "the guest: hv_utils, ours, ours again, hv_utils"
work=
scratch_dir work
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/heartbeat-guest.sh" \
	"$modules"/{vmbkmcl,vmbkmcl_hv,vmb_heartbeat}.ko stock:hv_utils
"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--deadline "${DEADLINE:-240}" --option -device --option vmb-heartbeat-host
stage_end

grep '^VMBHOST-HEARTBEAT' "$logs/host.log" || die "the host said nothing" "look at $logs"
right=$(grep -c '^VMBHOST-HEARTBEAT.*"negotiated": true.*"wrong": 0, "no_room": 0' \
	"$logs/host.log")
[ "$right" -eq 4 ] ||
	die "the host is content with $right of 4" "look at $logs/host.log"
