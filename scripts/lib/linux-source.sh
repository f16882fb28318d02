#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unpacks the sources of Debian's kernel of a series, its patches in them, into
# the cache, and prints where they lie. They are for builds outside of them
# (make O=); kunit.sh puts our folder inside, which is built where it is
# configured, and nowhere else.
#
# usage: linux-source.sh SERIES		(6.12; or newest, of Debian's unstable)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"
no_options "$@"

[ $# -eq 1 ] || die "usage: $0 SERIES" "$0 6.12"
need_packages gcc make flex bison bc libelf-dev libssl-dev xz-utils

newest=$VMB_CACHE/linux/newest

# The sources, as they are packed, and their version. In a shell of its own, for apt has
# another suite's lists then.
fetch_newest() (
	apt_suite sid
	package=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | sed 's/ .*//' |
		sort -V | tail -n 1)
	[ -n "$package" ] || die "unstable has no sources of Linux" "try again later"
	note "  fetching the sources of $package (unstable)"
	# Of the one before nothing is needed any more.
	[ ! -e "$newest/version" ] || rm -rf "$VMB_CACHE/linux/source-$(cat "$newest/version")"
	rm -rf "$newest"
	mkdir -p "$newest"
	cd "$newest"
	quietly "$VMB_BUILD/linux-source.log" 1200 apt-get download "$package" ||
		die "could not fetch $package" "see $VMB_BUILD/linux-source.log"
	quietly "$VMB_BUILD/linux-source.log" 600 dpkg-deb -x ./*.deb .
	mv "usr/src/$package.tar.xz" source.tar.xz
	dpkg-deb -f ./*.deb Version >version.new
	rm -r ./*.deb usr
	mv version.new version
)

if [ "$1" = newest ]; then
	mkdir -p "$VMB_CACHE/linux"
	exec 8>"$newest.lock"
	flock -w 1800 8 || die "$newest.lock is held by another" \
		"see who holds it: fuser -v $newest.lock"
	# They are some 150 MB, and newer kernels come every few weeks.
	if [ ! -e "$newest/version" ] || [ -n "$(find "$newest/version" -mtime +14)" ]; then
		fetch_newest 8>&-
	fi
	version=$(cat "$newest/version")
	archive=$newest/source.tar.xz
else
	need_packages "linux-source-$1"
	version=$(dpkg-query -W -f '${Version}' "linux-source-$1")
	archive=/usr/src/linux-source-$1.tar.xz
fi
source_dir=$VMB_CACHE/linux/source-$version

# Whole or not at all.
if [ ! -e "$source_dir/Makefile" ]; then
	mkdir -p "$VMB_CACHE/linux"
	exec 9>"$VMB_CACHE/linux/lock"
	flock -w 900 9 || die "$VMB_CACHE/linux/lock is held by another" \
		"see who holds it: fuser -v $VMB_CACHE/linux/lock"
	if [ ! -e "$source_dir/Makefile" ]; then
		note "  unpacking Linux $version"
		rm -rf "$source_dir.part"
		mkdir -p "$source_dir.part"
		quietly "$VMB_BUILD/linux-source.log" 600 tar -xf "$archive" \
			-C "$source_dir.part" --strip-components=1
		mv "$source_dir.part" "$source_dir"
	fi
fi
echo "$source_dir"
