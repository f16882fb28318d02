#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build this repository's modules for one of Debian's kernels.
#
# usage: build-modules.sh VERSION OUTPUT [ARGUMENT...]	(for make, such as W=1)
#
# VERSION as kernel.sh takes it. OUTPUT gets the modules, Module.symvers and
# build.log, which is everything that make said; if they are there already, of
# these very sources, they stay. The repository itself is not
# built in: each kernel gets a copy of its own. A kernel whose compiler this
# release does not have is built for in a chroot of the release that has it.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

[ $# -ge 2 ] || die "usage: $0 VERSION OUTPUT [ARGUMENT...]" "$0 6.12 build/modules"
version=$1
output=$2
shift 2
mkdir -p "$output"
output=$(cd "$output" && pwd)
newer=trixie
newer_compiler=gcc-14

kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$version")
kdir=$(cat "$kernel/kdir")
compiler=$(cat "$kernel/compiler")

has_package() {
	[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null)" ] ||
		need_packages "$1"
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

if [ "$compiler" = gcc-12 ] || has_package "$compiler"; then
	need_packages make "$compiler" pahole
	copy=
	scratch_dir copy
	run=()
else
	compiler=$newer_compiler
	chroot=$("$VMB_TOP/scripts/lib/chroot.sh" "$newer" make "$compiler" pahole \
		libelf1t64 libssl3t64)
	exec 9>"$VMB_CACHE/chroot/modules.lock"
	flock -w 1800 9 ||
		die "$VMB_CACHE/chroot/modules.lock is held by another" "wait for it to end"
	# The headers name themselves by absolute path, so they need the same one.
	rm -rf "$chroot$kernel"
	mkdir -p "$(dirname "$chroot$kernel")"
	cp -al "$kernel" "$chroot$kernel" 2>/dev/null || cp -a "$kernel" "$chroot$kernel"
	copy=$chroot/modules.$version
	rm -rf "$copy"
	on_exit rm -rf "$copy"
	run=(env LC_ALL=C chroot "$chroot")
fi
"$VMB_TOP/scripts/copy-sources.sh" "$copy"

sources=$( (cat "$kernel/release" && echo "$compiler" "$@" && cd "$copy" &&
	find . -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum)
[ ! -e "$output/Module.symvers" ] ||
	[ "$(cat "$output/sources" 2>/dev/null)" != "$sources" ] || exit 0
rm -f "$output/sources"

inside=${copy#"${chroot:-}"}
quietly "$output/build.log" 1200 ${run[@]+"${run[@]}"} make -C "$kdir" "M=$inside" \
	"CC=$compiler" -j "$(nproc)" EXAMPLES=y "$@" modules ||
	die "the modules do not build for Linux $(cat "$kernel/release")" "see $output/build.log"
rm -f "$output"/*.ko
find "$copy" -name '*.ko' -exec cp {} "$output/" \;
cp "$copy/Module.symvers" "$output/"
[ -n "$(find "$output" -maxdepth 1 -name '*.ko')" ] ||
	die "the build for Linux $(cat "$kernel/release") made no module" "see $output/build.log"
echo "$sources" >"$output/sources"
