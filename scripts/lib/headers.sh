#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fetches the headers of one of Debian's kernels into the cache, for building
# only, also of another suite and of another architecture. (For a kernel that
# boots: scripts/guest/kernel.sh.)
#
# usage: headers.sh SUITE VERSION FLAVOUR	(e.g. trixie 6.12 amd64)
#
# VERSION is a series, or "newest". FLAVOUR ends in the architecture, or has it
# before a page size: amd64, rt-amd64, arm64, arm64-16k. Prints the folder it
# lies in. There:
#   release	its name, as uname -r has it
#   kdir	the path for make -C
#   compiler	the compiler that it was built with, such as gcc-12
# Nothing is installed.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"
no_options "$@"

[ $# -eq 3 ] || die "usage: $0 SUITE VERSION FLAVOUR" "$0 --help"
suite=$1 version=$2 flavour=$3
case $flavour in
*arm64*) arch=arm64 ;;
*) arch=amd64 ;;
esac
dir=$VMB_CACHE/headers/$suite-$version-$flavour

newest_release() {
	local pattern=${version//./\\.}

	[ "$version" != newest ] || pattern='[0-9]+\.[0-9]+'
	apt-cache search --names-only \
		"^linux-headers-$pattern\\.[0-9]+[-+][0-9a-z.+~-]+-$flavour\$" |
		sed -nE "s/^linux-headers-([0-9.]+[-+]([0-9]+|deb[0-9.]+|bpo[0-9.]*)+-$flavour) - .*/\\1/p" |
		sort -V | tail -n 1
}

fetch() {
	local release kdir compiler package

	apt_suite_of_arch "$suite" "$arch"
	release=$(newest_release)
	[ -n "$release" ] || die "$suite has no headers of Linux $version for $flavour" \
		"apt-cache search linux-headers"
	note "  fetching the headers of Linux $release ($suite)"
	rm -rf "$dir" "$dir.debs"
	mkdir -p "$dir/root" "$dir.debs"
	apt-cache depends "linux-headers-$release:$arch" |
		sed -nE 's/^ *\|?Depends: <?(linux-(headers-.*-common[a-z-]*|kbuild-[^:>]*)).*/\1/p' \
		>"$dir/packages"
	# What runs during a build has to run here.
	sed -i -E "s/^linux-kbuild.*/&:$(dpkg --print-architecture)/" "$dir/packages"
	echo "linux-headers-$release:$arch" >>"$dir/packages"
	# shellcheck disable=SC2046
	(cd "$dir.debs" && quietly "$VMB_BUILD/headers-fetch.log" 1200 \
		apt-get download $(cat "$dir/packages")) ||
		die "could not fetch the headers of Linux $release" \
		    "see $VMB_BUILD/headers-fetch.log"
	for package in "$dir.debs"/*.deb; do
		dpkg -x "$package" "$dir/root"
	done
	rm -r "$dir.debs"
	kdir=$dir/root/usr/src/linux-headers-$release
	# They name each other by absolute paths.
	for file in "$kdir/Makefile" "$kdir/.config"; do
		sed -i -E "s#(^|[^.a-z])/usr/(src|lib)/linux-#\\1$dir/root/usr/\\2/linux-#g" "$file"
	done
	compiler=$(sed -nE 's/^CONFIG_CC_VERSION_TEXT=".*gcc-([0-9]+).*/gcc-\1/p' "$kdir/.config")
	[ -n "$compiler" ] || die "$kdir/.config does not name its compiler"
	echo "$compiler" >"$dir/compiler"
	echo "$release" >"$dir/release"
	echo "$kdir" >"$dir/kdir"
}

mkdir -p "$VMB_CACHE/headers"
exec 9>"$dir.lock"
flock -w 1800 9 || die "$dir.lock is held by another" "wait for the other fetch to end"
# Headers are a few MB, and newer kernels come every few weeks.
if [ ! -e "$dir/kdir" ] || [ -n "$(find "$dir/kdir" -mtime +7)" ]; then
	fetch 9>&-
fi
echo "$dir"
