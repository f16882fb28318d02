#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the client in scripts/out-of-tree-client from nothing but what an
# installation put down: the header and Module.symvers.
#
# usage: build-client.sh VERSION OUT [INSTALLED]
#
# VERSION names a kernel as scripts/guest/kernel.sh has it. INSTALLED is the
# folder with vmbkmcl.h and Module.symvers; without it the modules are built and
# installed into a scratch folder first. OUT/vmb_hello.ko is the result.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,11p' "$0"
	exit 0
	;;
esac
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
	cp "$VMB_TOP/scripts/install.sh" "$scratch/tree/scripts/"
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
cp -r "$VMB_TOP/scripts/out-of-tree-client" "$scratch/client"
quietly "$VMB_BUILD/client.log" 120 make -C "$scratch/client" KDIR="$kdir" \
	VMBKMCL="$(cd "$installed" && pwd)" modules ||
	die "the client outside of the tree does not build against Linux $release" \
	    "see $VMB_BUILD/client.log"
if grep -i warning "$VMB_BUILD/client.log" >&2; then
	die "the client outside of the tree does not build without a warning" \
	    "see $VMB_BUILD/client.log"
fi
cp "$scratch/client/vmb_hello.ko" "$2/"
