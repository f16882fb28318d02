#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a client outside of the tree from nothing but what an installation put
# down: the header and Module.symvers.
#
# usage: build-client.sh [--client FOLDER]... VERSION OUT [INSTALLED]
#
# FOLDER is the client's, with a Makefile and a Kbuild such as those of
# scripts/out-of-tree-client, which is built if none is named. VERSION names a
# kernel as scripts/guest/kernel.sh has it. INSTALLED is the folder with vmbkmcl.h
# and Module.symvers; without it the modules are built and installed into a
# scratch folder first. The results are OUT/*.ko.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"

clients=()
while [ "${1:-}" = --client ]; do
	clients+=("${2:-}")
	shift 2
done
no_options "$@"
[ ${#clients[@]} -gt 0 ] || clients=("$VMB_TOP/scripts/out-of-tree-client")
[ $# -eq 2 ] || [ $# -eq 3 ] || die "usage: $0 VERSION OUT [INSTALLED]" "$0 --help"

kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$1")
kdir=$(cat "$kernel/kdir")
release=$(cat "$kernel/release")
need_packages make "$(cat "$kernel/compiler")" libelf-dev pahole kmod
scratch=
scratch_dir scratch
installed=${3:-}

if [ -z "$installed" ]; then
	"$VMB_TOP/scripts/copy-sources.sh" "$scratch/tree"
	for verb in modules install; do
		quietly "$VMB_BUILD/client-$verb.log" 300 make -C "$scratch/tree" \
			KDIR="$kdir" DESTDIR="$scratch/root" "$verb" ||
			die "make $verb failed for Linux $release" \
			    "see $VMB_BUILD/client-$verb.log"
	done
	# Nothing but what was installed may be of help from here on.
	rm -rf "$scratch/tree"
	installed=$scratch/root/usr/src/vmbkmcl/$release
fi

mkdir -p "$2"
for client in "${clients[@]}"; do
	rm -rf "$scratch/client"
	cp -r "$client" "$scratch/client"
	quietly "$VMB_BUILD/client.log" 120 make -C "$scratch/client" KDIR="$kdir" \
		VMBKMCL="$(cd "$installed" && pwd)" modules ||
		die "the client in $client does not build against Linux $release" \
		    "see $VMB_BUILD/client.log"
	if grep -i warning "$VMB_BUILD/client.log" >&2; then
		die "the client in $client does not build without a warning" \
		    "see $VMB_BUILD/client.log"
	fi
	cp "$scratch/client"/*.ko "$2/"
done
