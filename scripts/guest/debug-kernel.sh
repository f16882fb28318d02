#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a kernel for the Hyper-V guest that looks for what does not show: KASAN,
# lockdep, object debugging, kmemleak, and hibernation that can be tested in
# parts. Debian has none such. Of the same sources as the KUnit kernel's, with
# scripts/guest/debug.config and kunit/debug.config; whatever they do not name
# is off.
#
# usage: debug-kernel.sh	(or kernel.sh debug)
#
# Prints the directory it lies in, which is laid out as kernel.sh's. The first
# time takes some 10 minutes on two processors; an interrupted build goes on
# where it was.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_arguments "$@"

SERIES=6.12
JOBS=2
BUILD_SECONDS=2400

source_dir=$("$VMB_TOP/scripts/lib/linux-source.sh" "$SERIES")
need_packages kmod
compiler=gcc-$(gcc -dumpversion)
configs=("$VMB_TOP/scripts/guest/debug.config" "$VMB_TOP/kunit/debug.config")
key=$( (echo "$source_dir" && gcc --version && cat "${configs[@]}") | sha256sum | cut -c 1-8)
dir=$VMB_CACHE/kernel/debug-$key
build=$dir/build
log=$VMB_BUILD/debug-kernel.log

build_with() {
	quietly "$log" "$1" make -C "$source_dir" "O=$build" "${@:2}" ||
		die "the debug kernel does not build" "see $log"
}

# Kconfig drops without a word what something else forbids.
configure() {
	local line

	# The name says what it was built with, so no module of another can be loaded.
	{
		cat "${configs[@]}"
		echo "CONFIG_LOCALVERSION=\"-debug-$key\""
	} >"$build/all.config"
	build_with 120 "KCONFIG_ALLCONFIG=$build/all.config" allnoconfig
	while read -r line; do
		grep -qxF "$line" "$build/.config" ||
			die "$line did not survive the configuration of Linux ${source_dir##*-}" \
			    "see what it depends on: make -C $source_dir O=$build menuconfig"
	done < <(grep CONFIG_ "$build/all.config")
}

install_kernel() {
	local release

	release=$(cat "$build/include/config/kernel.release")
	rm -rf "$dir/root"
	build_with 120 "INSTALL_MOD_PATH=$dir/root/usr" modules_install
	ln -s usr/lib "$dir/root/lib"
	ln -f "$build/arch/x86/boot/bzImage" "$dir/vmlinuz"
	echo "$release" >"$dir/release"
	echo "$compiler" >"$dir/compiler"
	echo "$build" >"$dir/kdir"
}

if [ ! -e "$dir/kdir" ]; then
	mkdir -p "$build"
	exec 9>"$VMB_CACHE/kernel/debug.lock"
	flock -n 9 || {
		note "waiting for another build of the debug kernel"
		flock -w 3600 9 || die "$VMB_CACHE/kernel/debug.lock was held for an hour" \
			"see who holds it: fuser -v $VMB_CACHE/kernel/debug.lock"
	}
	if [ ! -e "$dir/kdir" ]; then
		note "  building the debug kernel of the guest (some 10 minutes)"
		configure
		heavy build_with "$BUILD_SECONDS" -j "$JOBS" all
		install_kernel
	fi
fi
echo "$dir"
