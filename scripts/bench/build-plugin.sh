#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build a plugin of this folder for the QEMU that is installed.
#
# usage: build-plugin.sh NAME OUTPUT	(profile, profile_guest)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

source=$VMB_TOP/scripts/bench/${1:-}.c
if [ $# -ne 2 ] || [ ! -e "$source" ]; then
	die "usage: $0 NAME OUTPUT" "$0 --help"
fi
need_packages gcc libc6-dev pkg-config libglib2.0-dev dpkg-dev qemu-system-x86

# The header, which no package has but QEMU's source.
# shellcheck disable=SC2016
version=$(dpkg-query -W -f '${source:Version}' qemu-system-x86)
folder=$VMB_CACHE/qemu-plugin/$version
if [ ! -e "$folder/qemu-plugin.h" ]; then
	note "  fetching the source of qemu $version, for a header"
	mkdir -p "$folder/source"
	apt_suite "$(vmb_own_suite)"
	(cd "$folder/source" && quietly "$VMB_BUILD/qemu-source.log" 900 \
		apt-get source --download-only --tar-only "qemu=$version") ||
		die "the source of qemu $version is not in the archive" \
		    "apt-get update && apt-get install qemu-system-x86, then run this again"
	tar -C "$folder/source" --strip-components=3 --wildcards \
		-xf "$folder"/source/qemu_*.orig.tar.* '*/include/qemu/qemu-plugin.h'
	mv "$folder/source/qemu-plugin.h" "$folder/qemu-plugin.h"
	rm -rf "$folder/source"
fi
# shellcheck disable=SC2046
gcc -shared -fPIC -O2 -Wall -Wextra -Wno-unused-parameter $(pkg-config --cflags glib-2.0) \
	-I"$folder" "$source" -o "$2" $(pkg-config --libs glib-2.0)
