# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Building modules for one of Debian's kernels with the compiler that it wants, which
# this release may not have: then it is done in a chroot of the release that has it. To
# be sourced by bash after lib.sh.

vmb_newer=trixie
vmb_newer_compiler=gcc-14

vmb_has_package() {
	[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null)" ] ||
		need_packages "$1"
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# use_compiler VERSION: as kernel.sh takes it. Sets kernel, the folder that this prints;
# kdir; compiler; cross, what a cross compiler's package is called behind that; and
# build_root, the chroot, or nothing. The chroot is this script's
# alone until it ends.
use_compiler() {
	kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$1")
	kdir=$(cat "$kernel/kdir")
	compiler=$(cat "$kernel/compiler")
	build_root=
	# Of another architecture the headers name the compiler themselves.
	cross=
	! is_arm64 "$kernel" || cross=-aarch64-linux-gnu
	if [ "$compiler" = gcc-12 ] || vmb_has_package "$compiler"; then
		need_packages make "$compiler$cross" libelf-dev pahole
		return
	fi
	compiler=$vmb_newer_compiler
	build_root=$("$VMB_TOP/scripts/lib/chroot.sh" "$vmb_newer" make "$compiler$cross" pahole \
		libelf1t64 libssl3t64)
	exec {vmb_chroot_fd}>"$VMB_CACHE/chroot/modules.lock"
	flock -w 1800 "$vmb_chroot_fd" ||
		die "$VMB_CACHE/chroot/modules.lock is held by another" "wait for it to end"
	# The headers name themselves by absolute path, so they need the same one.
	rm -rf "$build_root$kernel"
	mkdir -p "$(dirname "$build_root$kernel")"
	cp -al "$kernel" "$build_root$kernel" 2>/dev/null || cp -a "$kernel" "$build_root$kernel"
}

# build_folder NAME: a folder that goes away with the script, where use_compiler's
# compiler sees it, into the variable NAME.
build_folder() {
	local made

	if [ -z "$build_root" ]; then
		scratch_dir "$1"
		return
	fi
	made=$(mktemp -d "$build_root/tmp/vmbkmcl.XXXXXX")
	on_exit rm -rf "$made"
	printf -v "$1" %s "$made"
}

# make_modules LOG SECONDS FOLDER [ARGUMENT...]: its modules, by use_compiler's compiler.
make_modules() {
	local log=$1 seconds=$2 folder=$3 inside=() of_here=()

	shift 3
	[ -z "$build_root" ] || inside=(env LC_ALL=C chroot "$build_root")
	[ -n "$cross" ] || of_here=("CC=$compiler")
	quietly "$log" "$seconds" ${inside[@]+"${inside[@]}"} make -C "$kdir" \
		"M=${folder#"$build_root"}" ${of_here[@]+"${of_here[@]}"} -j "$(nproc)" "$@" modules
}
