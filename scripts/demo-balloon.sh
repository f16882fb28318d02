#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -eu

usage() {
	cat <<-END
		usage: scripts/demo-balloon.sh [--help]

		Boots a stock Debian kernel as a Linux guest on Hyper-V, as a newer QEMU and
		KVM implement it, with QEMU's own Dynamic Memory device, hv-balloon. Our
		balloon client takes the device from the kernel's hv_balloon. Then QEMU's
		monitor takes memory from the guest and gives it back, again and again, while
		the guest fills and frees memory; each time the size that QEMU says is compared
		with what was asked for. The client is unbound while inflated, bound again,
		unloaded; hv_balloon gets the device back; at the end the guest reboots while
		inflated.

		QEMU 8.2 or newer comes from Debian's suite $suite, into a root file system
		in the cache; that takes root. Nothing of the system is changed.

		Environment:
		  KERNEL     the guest's kernel: 6.1, 6.12 (default), newest, ...
		  CYCLES     how often memory is taken and given back (50)
		  DEADLINE   seconds after which the guest is ended (900)

		Writes build/balloon.json (scripts/guest/balloon_verdict.py says what its
		fields mean); the consoles are in build/demo-balloon/. Exits 0 only if every
		size was reached, and nothing complained.
	END
}

suite=trixie
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
cycles=${CYCLES:-50}
case $cycles in
*[!0-9]* | 0*) die "CYCLES=$cycles is no number of cycles" "CYCLES=50 $0" ;;
esac
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/demo-balloon
began=$(date +%s)
rm -rf "$VMB_BUILD/balloon.json" "$logs"
mkdir -p "$logs"

stage "our modules for Linux $version"
need_packages python3
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "QEMU of Debian's $suite"
root=$("$VMB_TOP/scripts/lib/chroot.sh" "$suite" qemu-system-x86)

stage "the guest: $cycles cycles, unbind, unload, reboot"
work=
scratch_dir work
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/balloon-guest.sh" \
	"$modules"/{vmbkmcl,vmbkmcl_hv,vmb_balloon}.ko stock:hv_balloon
status=0
"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--deadline "${DEADLINE:-900}" --qemu "$root" --host "$guest/balloon-host.sh" \
	--append "VMB_CYCLES=$cycles" --option -device --option hv-balloon \
	--trace hv_balloon_state_change || status=$?
stage_end

python3 "$guest/balloon_verdict.py" "$logs" "$VMB_BUILD/balloon.json" \
	"$(cat "$kernel/release")" "$(($(date +%s) - began))" "$cycles" || status=1
exit "$status"
