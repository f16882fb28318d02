#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Our clients in a guest in which the kernel's own drivers have their devices: QEMU's
# Dynamic Memory with hv_balloon, and a heartbeat with hv_utils, while echo and source
# have traffic with host's ends of ours. That takes a newer QEMU, of Debian's suite
# trixie, into a root file system in the cache, in which the host's ends are built,
# too; both take root, and some ten minutes the first time.
#
# usage: check-neighbours.sh
#
# Environment: KERNEL, as in demo.sh. Ends with the count.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/neighbours
# The first and the last of them the host asks for by itself, see balloon-host.sh.
cycles=5
sizes=$((2 * cycles + 4))

stage "our modules for Linux $version"
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "QEMU of trixie, and host's ends for it"
root=$("$VMB_TOP/scripts/lib/chroot.sh" trixie qemu-system-x86)
"$guest/build-host-device.sh" --qemu "$root" >/dev/null

stage "the guest"
work=
scratch_dir work
rm -rf "$logs"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/neighbours-guest.sh" \
	"$VMB_TOP/scripts/kselftest/client-lib.sh" "$modules"/*.ko \
	stock:hv_balloon stock:hv_utils
# A machine that can hibernate has no memory taken by hv_balloon: this one cannot.
# QEMU's balloon command dies of an assertion, up to 10.0 at least, if a message of the
# guest comes while it is carried out. Traffic that leaves the guest no time makes that
# rare, but not impossible: then it was not about us, and is tried anew.
qemu_died_of_its_own() {
	grep -q 'gpadl_iter_seek: Assertion' "$logs/host.log"
}

for try in 1 2 3; do
	ended=yes
	"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
		--deadline "${DEADLINE:-500}" --qemu "$root" --host "$guest/balloon-host.sh" \
		--append "VMB_CYCLES=$cycles" --device modes=endless,rest-ms=100 \
		--source modes=endless,rest-ms=100 \
		--option -device --option vmb-heartbeat-host --option -device \
		--option hv-balloon --option -global --option ICH9-LPC.disable_s4=1 \
		--trace hv_balloon_state_change || ended=no
	qemu_died_of_its_own || break
	note "  ... QEMU died of its own assertion (try $try of 3)"
done
stage_end

# The host's words are for balloon_verdict.py: PART N ASKED IS, in MiB and in bytes.
sizes_are_right() {
	grep '^VMBHOST-SIZE' "$logs/host.log" || return 1
	[ "$(tr -d '\r' <"$logs/host.log" | awk '
		/^VMBHOST-SIZE/ && $4 * 1048576 == $5 { right++ }
		END { print right }')" -eq "$sizes" ]
}

while read -r result; do
	case $result in
	ok\ *) passed "guest: ${result#ok }" ;;
	*) failed "guest: ${result#not ok }" ;;
	esac
done < <(tr -d '\r' <"$logs/guest.log" | sed -n 's/^VMBGUEST-TEST //p')
check "host: each size is as asked, of hv_balloon and of ours" sizes_are_right
check "the guest ran to its end" [ "$ended" = yes ]
checks_end
