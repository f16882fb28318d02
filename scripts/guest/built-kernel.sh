#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a guest's kernel that Debian has none such of, from the same sources as the
# KUnit kernels. Whatever its configuration does not name is off.
#
# usage: built-kernel.sh debug		(or kernel.sh debug)
#	 built-kernel.sh arm64-64k	(or kernel.sh arm64-64k)
#
#   debug	for the Hyper-V guest: KASAN, lockdep, object debugging, kmemleak, and
#		hibernation that can be tested in parts; by scripts/guest/debug.config
#		and kunit/debug.config
#   arm64-64k	for the loopback guest, with pages of 64 KiB; by scripts/guest/arm64.config
#		and kunit/arm64-64k.config
#
# Prints the directory it lies in, which is laid out as kernel.sh's. The first
# time takes some 10 minutes on two processors; an interrupted build goes on
# where it was.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

SERIES=6.12
JOBS=2
BUILD_SECONDS=2400

kind=${1:-}
configs=("$VMB_TOP/scripts/guest/debug.config" "$VMB_TOP/kunit/debug.config")
arch=amd64
image=arch/x86/boot/bzImage
gcc=gcc
how=()
case $kind in
debug) ;;
arm64-64k)
	configs=("$VMB_TOP/scripts/guest/arm64.config" "$VMB_TOP/kunit/arm64-64k.config")
	arch=arm64
	image=arch/arm64/boot/Image
	gcc=aarch64-linux-gnu-gcc
	how=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
	need_packages gcc-aarch64-linux-gnu
	;;
*) die "usage: $0 debug|arm64-64k" "$0 --help" ;;
esac

source_dir=$("$VMB_TOP/scripts/lib/linux-source.sh" "$SERIES")
need_packages kmod
compiler=gcc-$("$gcc" -dumpversion)
key=$( (echo "$source_dir" && "$gcc" --version && cat "${configs[@]}") | sha256sum | cut -c 1-8)
dir=$VMB_CACHE/kernel/$kind-$key
build=$dir/build
log=$VMB_BUILD/$kind-kernel.log

build_with() {
	quietly "$log" "$1" make -C "$source_dir" "O=$build" ${how[@]+"${how[@]}"} "${@:2}" ||
		die "the kernel $kind does not build" "see $log"
}

# Kconfig drops without a word what something else forbids.
configure() {
	local line

	# The name says what it was built with, so no module of another can be loaded.
	{
		cat "${configs[@]}"
		echo "CONFIG_LOCALVERSION=\"-$kind-$key\""
	} >"$build/all.config"
	build_with 120 "KCONFIG_ALLCONFIG=$build/all.config" allnoconfig
	while read -r line; do
		grep -qxF "$line" "$build/.config" ||
			die "$line did not survive the configuration of Linux ${source_dir##*-}" \
			    "see what it depends on: make -C $source_dir O=$build menuconfig"
	done < <(grep CONFIG_ "$build/all.config")
}

install_kernel() {
	local release variable

	release=$(cat "$build/include/config/kernel.release")
	rm -rf "$dir/root"
	build_with 120 "INSTALL_MOD_PATH=$dir/root/usr" modules_install
	ln -s usr/lib "$dir/root/lib"
	ln -f "$build/$image" "$dir/vmlinuz"
	# As Debian's headers do, for who builds modules names neither.
	for variable in ${how[@]+"${how[@]}"}; do
		sed -i "1iexport $variable" "$build/Makefile"
	done
	echo "$release" >"$dir/release"
	echo "$arch" >"$dir/arch"
	echo "$compiler" >"$dir/compiler"
	echo "$build" >"$dir/kdir"
}

if [ ! -e "$dir/kdir" ]; then
	mkdir -p "$build"
	exec 9>"$VMB_CACHE/kernel/$kind.lock"
	flock -n 9 || {
		note "waiting for another build of the kernel $kind"
		flock -w 3600 9 || die "$VMB_CACHE/kernel/$kind.lock was held for an hour" \
			"see who holds it: fuser -v $VMB_CACHE/kernel/$kind.lock"
	}
	if [ ! -e "$dir/kdir" ]; then
		note "  building the kernel $kind (some 10 minutes)"
		configure
		heavy build_with "$BUILD_SECONDS" -j "$JOBS" all
		install_kernel
	fi
fi
echo "$dir"
