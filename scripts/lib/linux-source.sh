#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unpacks the sources of Debian's kernel of a series, its patches in them, into
# the cache, and prints where they lie. They are for builds outside of them
# (make O=); kunit.sh puts our folder inside, which is built where it is
# configured, and nowhere else.
#
# usage: linux-source.sh SERIES		(6.12)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"
no_options "$@"

[ $# -eq 1 ] || die "usage: $0 SERIES" "$0 6.12"
need_packages "linux-source-$1" gcc make flex bison bc libelf-dev libssl-dev xz-utils
version=$(dpkg-query -W -f '${Version}' "linux-source-$1")
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
		quietly "$VMB_BUILD/linux-source.log" 600 tar -xf \
			"/usr/src/linux-source-$1.tar.xz" \
			-C "$source_dir.part" --strip-components=1
		mv "$source_dir.part" "$source_dir"
	fi
fi
echo "$source_dir"
