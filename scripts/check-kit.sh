#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make new-client" and "make guest" as an author uses them: a client that was just
# written builds from what an installation puts down, runs on loopback and in the guest
# as it is; and what is wrong is told by its name.
#
# usage: check-kit.sh
#
# Environment: KERNEL, the guest's kernel (6.12); DEADLINE, as of guest.sh.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/check-kit
# Not "name": check has one of its own.
client=vmb_kit_check
mkdir -p "$logs"
scratch=
scratch_dir scratch
folder=$scratch/$client

# refused WORDS COMMAND...: it fails, says so, and has a remedy.
refused() {
	local words=$1

	shift
	! "$@" >"$scratch/said" 2>&1 || return 1
	cat "$scratch/said"
	grep -q "error: .*$words" "$scratch/said"
	grep -q 'try: ' "$scratch/said"
}

new_client() {
	env "$@" "$VMB_TOP/scripts/new-client.sh"
}

refuses_names() {
	local bad

	refused 'NAME is missing' new_client GUID=random
	for bad in Vmb vmb-foo 9vmb vmb.foo ../vmb 'vmb foo' "vmb_$(printf '%030d' 0)"; do
		refused 'is no name' new_client NAME="$bad" DIR="$scratch/none"
	done
	refused 'another module' new_client NAME=vmb_echo DIR="$scratch/none"
	test ! -e "$scratch/none"
}

refuses_guids() {
	local bad

	for bad in 1 7d1f0a3c-2b64-4e0d-a155-0c9e682741 7d1f0a3c2b644e0da1550c9e682741b3 \
		   7d1f0a3c-2b64-4e0d-a155-0c9e682741bg; do
		refused 'is no GUID' new_client NAME=vmb_x GUID="$bad" DIR="$scratch/none"
	done
	refused "another device" new_client NAME=vmb_x DIR="$scratch/none" \
		GUID=6F9C1B7E-5A1D-4C55-9A0E-3D1C5E0B7A42
	refused "is another device's" new_client NAME=vmb_x DIR="$scratch/none" \
		GUID=9e3c2a70-1d4b-47c5-b816-5f02d3774ae9
	refused "is no device" new_client NAME=vmb_x DIR="$scratch/none" \
		GUID=00000000-0000-0000-0000-000000000000
	test ! -e "$scratch/none"
}

refuses_folders() {
	refused 'exists' new_client NAME=vmb_x DIR="$folder"
	refused 'is no folder' new_client NAME=vmb_x DIR="$scratch/none/x"
}

# With the GUID that was asked for, in each of its forms, and nothing of the template's.
is_written() {
	new_client NAME="$client" DIR="$folder/" GUID=0A1B2C3D-4E5F-4061-8728-394A5B6C7D8E
	cat "$folder/${client}_protocol.h"
	grep -q '0x0a1b2c3d, 0x4e5f, 0x4061,' "$folder/${client}_protocol.h"
	grep -q '0x87, 0x28, 0x39, 0x4a, 0x5b, 0x6c, 0x7d, 0x8e$' "$folder/${client}_protocol.h"
	grep -q 0a1b2c3d-4e5f-4061-8728-394a5b6c7d8e "$folder/README.md"
	! grep -riE 'template|2f6c91d4|0x9d, 0x52' "$folder" || false
	! find "$folder" -name '*template*' | grep . || false
}

dkms_waits_for_us() (
	# As DKMS does, which sets what is named there.
	set +u
	# shellcheck source=/dev/null
	. "$folder/dkms.conf"
	[ "$PACKAGE_NAME" = "$client" ] && [ "${BUILD_DEPENDS[0]}" = vmbkmcl ] &&
		[ "${BUILT_MODULE_NAME[0]}" = "$client" ]
)

# shellcheck disable=SC2154
builds() {
	"$guest/build-modules.sh" "$version" "$modules"
	"$VMB_TOP/scripts/dev-files.sh" install "$scratch/installed" "$release" \
		"$modules/Module.symvers" check
	"$VMB_TOP/scripts/lib/build-client.sh" --client "$folder" "$version" \
		"$scratch/built" "$scratch/installed/$release"
	[ "$(modinfo -F alias "$scratch/built/$client.ko")" = \
		vmbus:3d2c1b0a5f4e61408728394a5b6c7d8e ]
	[ "$(modinfo -F depends "$scratch/built/$client.ko")" = vmbkmcl ]
	[ "$(modinfo -F depends "$scratch/built/${client}_server.ko")" = vmbkmcl ]
}

# By its own Makefile. The guest's kernel has no KUnit, so its functions are missing, and
# nothing else is.
kunit_compiles() {
	cp -r "$folder" "$scratch/kunit"
	make -C "$scratch/kunit" KDIR="$(cat "$kernel/kdir")" CONFIG_KUNIT=m \
		CC="$(cat "$kernel/compiler")" VMBKMCL="$scratch/installed/$release" \
		KBUILD_MODPOST_WARN=1 modules 2>&1 | tee "$scratch/kunit.log"
	test -s "$scratch/kunit/${client}_test.ko"
	! grep -i 'warning' "$scratch/kunit.log" |
		grep -vE 'modpost: "(__)?kunit_[a-z_]*" \[.*_test\.ko\] undefined' || false
}

# On the kernel of our own suites, which are left out by their names: as a module that is
# loaded, its results in the kernel's log.
kunit_runs() {
	local built root status=0

	built=$("$VMB_TOP/scripts/kunit.sh" --kernel)
	cp -r "$folder" "$scratch/kunit-runs"
	make -C "$built" M="$scratch/kunit-runs" CONFIG_KUNIT=m KBUILD_EXTRA_SYMBOLS= \
		VMBKMCL="$scratch/installed/$release" modules
	make -s -C "$built" kernelrelease >"$scratch/kunit-kernel.release"
	root=$scratch/kunit-kernel/root/lib/modules/$(cat "$scratch/kunit-kernel.release")
	mkdir -p "$root"
	cp "$built"/modules.{builtin,builtin.modinfo,order} "$root/"
	mv "$scratch/kunit-kernel.release" "$scratch/kunit-kernel/release"
	cp "$built/arch/x86/boot/bzImage" "$scratch/kunit-kernel/vmlinuz"
	echo "insmod /lib/modules/*/updates/${client}_test.ko && dmesg | tail -n 40" \
		>"$scratch/kunit-guest.sh"
	"$guest/l2-initramfs.sh" "$scratch/kunit-kernel" "$scratch/kunit-initrd" \
		"$scratch/kunit-guest.sh" "$scratch/kunit-runs/${client}_test.ko"
	"$guest/plain.sh" --kernel "$scratch/kunit-kernel" --initrd "$scratch/kunit-initrd" \
		--logs "$logs-kunit" --deadline "${DEADLINE:-180}" \
		--append "no_timer_check kunit.filter_glob=$client" || status=$?
	grep -A 12 "# Subtest: $client" "$logs-kunit/guest.log"
	test "$status" -eq 0
	grep -qE "# $client: pass:3 fail:0 skip:0 total:3" "$logs-kunit/guest.log"
}

# make_guest STATUS LAST_LINE [VARIABLE...]
make_guest() {
	local wanted=$1 line=$2 status=0

	shift 2
	env KERNEL="$version" CLIENT="$folder" HOST="$folder/${client}_host.c" "$@" \
		"$VMB_TOP/scripts/guest.sh" >"$scratch/verdict" 2>"$scratch/progress" ||
		status=$?
	cat "$scratch/progress" "$scratch/verdict"
	test "$status" -eq "$wanted"
	tail -n 1 "$scratch/verdict" | grep -E "^$line"
}

# Here what was seen on the host's side says that the device went and came.
content() {
	make_guest 0 'content: 1000 requests answered in each of 2 opens$'
	test "$(grep -c VMBHOST-OPENED "$VMB_BUILD/make-guest/host.log")" -eq 2
	test "$(grep -c VMBHOST-RESCINDED "$VMB_BUILD/make-guest/host.log")" -eq 1
}

# A client that answers every request with an error; and that the compiler warns of,
# which is shown, and no obstacle.
not_content() {
	cp -r "$folder" "$scratch/refuses"
	sed -i 's/else if (request->command != .*/else/' "$scratch/refuses/$client.h"
	! diff "$folder/$client.h" "$scratch/refuses/$client.h" || return 1
	echo 'static int planted;' >>"$scratch/refuses/$client.c"
	make_guest 1 'not content: 1 of 1 answers are wrong ' CLIENT="$scratch/refuses"
	grep 'warning: .*planted' "$scratch/progress"
}

host_does_not_compile() {
	sed 's/^static void host_opened/statik &/' "$folder/${client}_host.c" \
		>"$folder/wrong.c"
	refused "wrong.c does not compile" env CLIENT="$folder" HOST="$folder/wrong.c" \
		"$VMB_TOP/scripts/guest.sh"
	grep "try: see $VMB_BUILD/host.log" "$scratch/said"
	grep 'wrong.c:.*error: ' "$VMB_BUILD/host.log"
	rm "$folder/wrong.c"
}

client_does_not_compile() {
	cp -r "$folder" "$scratch/wrong"
	echo 'statik int planted;' >>"$scratch/wrong/$client.c"
	refused "client in .* does not build" env CLIENT="$scratch/wrong" KERNEL="$version" \
		HOST="$folder/${client}_host.c" "$VMB_TOP/scripts/guest.sh"
	grep "try: see $VMB_BUILD/client.log" "$scratch/said"
}

what_is_missing() {
	refused 'CLIENT is missing' env -u CLIENT HOST=x "$VMB_TOP/scripts/guest.sh"
	refused 'HOST is missing' env -u HOST CLIENT="$folder" "$VMB_TOP/scripts/guest.sh"
	refused 'is no folder' env CLIENT="$scratch/none" HOST=x "$VMB_TOP/scripts/guest.sh"
	refused 'no Kbuild' env CLIENT="$scratch" HOST=x "$VMB_TOP/scripts/guest.sh"
	refused 'is no number' env CLIENT="$folder" HOST="$folder/${client}_host.c" \
		DEADLINE=soon "$VMB_TOP/scripts/guest.sh"
	refused 'is no file' env CLIENT="$folder" HOST="$scratch/none" \
		"$VMB_TOP/scripts/guest.sh"
}

stage "new-client"
check "new-client: refuses names" refuses_names
check "new-client: refuses GUIDs" refuses_guids
check "new-client: writes a client of the name and GUID that were asked for" is_written
check "new-client: refuses a folder that is there" refuses_folders
check "new-client: its dkms.conf has DKMS build vmbkmcl first" dkms_waits_for_us

stage "its modules, for Linux $version"
kernel=$("$guest/kernel.sh" "$version")
release=$(cat "$kernel/release")
modules=$VMB_BUILD/modules/$version
check "new-client: builds from what is installed, without a warning" builds
check "new-client: its KUnit suite compiles" kunit_compiles
VMB_CHECK_SECONDS=4800 check "new-client: its KUnit suite passes, loaded as a module" kunit_runs

stage "on loopback"
echo "$client" >"$scratch/name"
"$guest/l2-initramfs.sh" "$kernel" "$scratch/initrd" "$guest/new-client-guest.sh" \
	"$modules/vmbkmcl.ko" "$scratch/built"/*.ko "$scratch/name"
status=0
"$guest/plain.sh" --kernel "$kernel" --initrd "$scratch/initrd" --logs "$logs" \
	--deadline "${DEADLINE:-180}" || status=$?
while read -r result; do
	case $result in
	ok\ *) passed "${result#ok }" ;;
	*) failed "${result#not ok }" ;;
	esac
done < <(tr -d '\r' <"$logs/guest.log" | sed -n 's/^VMBGUEST-TEST //p')
check "loopback: the guest came to its end" [ "$status" = 0 ]

stage "make guest"
check "make guest: what is missing is told" what_is_missing
check "make guest: a host's end that does not compile is told, with its log" \
	host_does_not_compile
check "make guest: a client that does not build is told, with its log" \
	client_does_not_compile
check "make guest: the new client and its host's end, as they are: content" content
check "make guest: a client that refuses packets: not content" not_content
checks_end
