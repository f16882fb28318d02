#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: guest.sh
#
# Runs a client of yours, and the host's end that you have written for it, in a Linux
# guest on Hyper-V, as QEMU and KVM implement it, and says what became of it. The guest's
# kernel is a stock one of Debian's. The client is built for it from nothing but what an
# installation of vmbkmcl puts down. The guest loads it, waits for the host's verdict,
# unloads it, and looks through the kernel's log.
#
# Needs no Hyper-V and no hardware virtualisation. What is missing is installed (as root)
# or fetched into the cache; nothing else is changed, your folder neither.
#
# Environment, as make hands it on:
#   CLIENT     the folder of the client, with a Kbuild that takes VMBKMCL=<folder> for
#              where header and Module.symvers are; its modules that have an alias of
#              the bus are loaded, others are not
#   HOST       the host's end, a C file: see scripts/guest/host-api/vmb_host.h
#   KERNEL     the guest's kernel: 6.1, 6.12 (default), newest, ...
#   DEADLINE   seconds after which the guest is ended (180); for half of them it waits
#              for the host's verdict
#
# "make new-client" writes both. The last line is the verdict:
#   content: ...       the host is content, and all else is well: exit status 0
#   not content: ...   the host is not, or the kernel complained: 1
#   no verdict: ...    it did not come to one: 1
# What does not build or cannot be had is an error instead, with the remedy.
# The consoles are in build/make-guest/: guest.log, and host.log, which has what the
# host's end said.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"

example="make new-client NAME=vmb_foo DIR=/tmp/vmb_foo; make guest CLIENT=/tmp/vmb_foo HOST=/tmp/vmb_foo/vmb_foo_host.c"
version=${KERNEL:-6.12}
deadline=${DEADLINE:-180}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/make-guest

[ -n "${CLIENT:-}" ] || die "CLIENT is missing: the folder of the client" "$example"
[ -n "${HOST:-}" ] || die "HOST is missing: the C file with the host's end" "$example"
[ -d "$CLIENT" ] || die "CLIENT=$CLIENT is no folder" "$example"
[ -e "$CLIENT/Kbuild" ] || [ -e "$CLIENT/Makefile" ] ||
	die "there is no Kbuild in CLIENT=$CLIENT" \
	    "take that of $VMB_TOP/scripts/out-of-tree-client"
[ -f "$HOST" ] || die "HOST=$HOST is no file" "$example"
[[ $deadline =~ ^[1-9][0-9]{1,4}$ ]] ||
	die "DEADLINE=$deadline is no number of seconds" "DEADLINE=180"
rm -rf "$logs"
mkdir -p "$logs"
work=
scratch_dir work

stage "the host's end, for this machine's QEMU"
"$guest/build-host-device.sh" --host "$HOST" "$work/host.so" >/dev/null

stage "Linux $version, and vmbkmcl for it"
kernel=$("$guest/kernel.sh" "$version")
release=$(cat "$kernel/release")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"
"$VMB_TOP/scripts/dev-files.sh" install "$work/installed" "$release" \
	"$modules/Module.symvers" "make guest" >/dev/null

stage "the client in $CLIENT"
"$VMB_TOP/scripts/lib/build-client.sh" --lenient --client "$CLIENT" "$version" \
	"$work/client" "$work/installed/$release"
: >"$work/client-modules"
for module in "$work/client"/*.ko; do
	[ -e "$module" ] || die "Kbuild in $CLIENT makes no module" "obj-m += <name>.o"
	! modinfo -F alias "$module" | grep -q '^vmbus:' ||
		basename "$module" .ko >>"$work/client-modules"
done
[ -s "$work/client-modules" ] ||
	die "no module of $CLIENT has an alias of the bus, by which it would be found" \
	    "MODULE_DEVICE_TABLE(vmbus, ...) with the type that the host offers"
echo $((deadline / 2)) >"$work/seconds"

stage "the guest: $(paste -s -d ' ' "$work/client-modules") on Linux $release"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/client-guest.sh" \
	"$modules"/{vmbkmcl,vmbkmcl_hv}.ko "$work/client"/*.ko "$work/client-modules" \
	"$work/seconds"
status=0
"$guest/run.sh" --object "$work/host.so" --kernel "$kernel" --initrd "$work/initrd" \
	--logs "$logs" --deadline "$deadline" || status=$?
stage_end

# said WORD: what the guest said behind it, first time.
said() {
	tr -d '\r' <"$logs/guest.log" | sed -n "s/^VMBGUEST-$1 //p" | head -n 1
}

# shellcheck disable=SC2317
host_said() {
	tr -d '\r' <"$logs/host.log" | sed -n -E "s/.*VMBHOST-VERDICT $1 ?//p" | head -n 1
}

complaint=$(said COMPLAINT)
case $(said DONE) in
content)
	[ "$status" -eq 0 ] || {
		echo "not content: the kernel complained: ${complaint:-see $logs}"
		exit 1
	}
	echo "content: $(host_said content)"
	;;
not-content)
	echo "not content: $(host_said not-content) (see $logs)"
	exit 1
	;;
*)
	why=$(said FAILED)
	echo "no verdict: ${why:-the guest did not come so far} (see $logs)"
	exit 1
	;;
esac
