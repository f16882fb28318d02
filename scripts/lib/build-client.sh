#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a client outside of the tree from nothing but what an installation put
# down: the header and Module.symvers.
#
# usage: build-client.sh [--lenient] [--client FOLDER]... VERSION OUT [INSTALLED]
#
# FOLDER is the client's, with a Kbuild such as that of scripts/out-of-tree-client,
# which is built if none is named. VERSION names a kernel as scripts/guest/kernel.sh
# has it. INSTALLED is the folder with vmbkmcl.h and Module.symvers; without it the
# modules are built and installed into a scratch folder first. The results are
# OUT/*.ko. A warning is a failure; with --lenient it is only shown.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/lib/kernel-compiler.sh
. "$VMB_TOP/scripts/lib/kernel-compiler.sh"

lenient=
[ "${1:-}" != --lenient ] || { lenient=1; shift; }
clients=()
while [ "${1:-}" = --client ]; do
	clients+=("${2:-}")
	shift 2
done
no_options "$@"
[ ${#clients[@]} -gt 0 ] || clients=("$VMB_TOP/scripts/out-of-tree-client")
[ $# -eq 2 ] || [ $# -eq 3 ] || die "usage: $0 VERSION OUT [INSTALLED]" "$0 --help"

use_compiler "$1"
need_packages kmod
release=$(cat "$kernel/release")
scratch=
build_folder scratch

if [ $# -eq 3 ]; then
	cp -r "$3" "$scratch/installed"
else
	"$VMB_TOP/scripts/copy-sources.sh" "$scratch/tree"
	for verb in modules install; do
		quietly "$VMB_BUILD/client-$verb.log" 300 make -C "$scratch/tree" \
			KDIR="$kdir" DESTDIR="$scratch/root" "$verb" ||
			die "make $verb failed for Linux $release" \
			    "see $VMB_BUILD/client-$verb.log"
	done
	# Nothing but what was installed may be of help from here on.
	rm -rf "$scratch/tree"
	mv "$scratch/root/usr/src/vmbkmcl/$release" "$scratch/installed"
fi

mkdir -p "$2"
for client in "${clients[@]}"; do
	rm -rf "$scratch/client"
	# What a link points at: nothing is to be built in the caller's folder.
	mkdir "$scratch/client"
	cp -r "$client/." "$scratch/client/"
	# What was built for another kernel is of no use here.
	find "$scratch/client" \( -name '*.ko' -o -name '*.o' -o -name '.*.cmd' -o \
		-name '*.mod' -o -name '*.mod.c' -o -name Module.symvers -o \
		-name modules.order \) -delete
	make_modules "$VMB_BUILD/client.log" 300 "$scratch/client" \
		"VMBKMCL=${scratch#"$build_root"}/installed" ||
		die "the client in $client does not build against Linux $release" \
		    "see $VMB_BUILD/client.log"
	if grep -i warning "$VMB_BUILD/client.log" >&2 && [ -z "$lenient" ]; then
		die "the client in $client does not build without a warning" \
		    "see $VMB_BUILD/client.log"
	fi
	find "$scratch/client" -name '*.ko' -exec cp {} "$2/" \;
done
