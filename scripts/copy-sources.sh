#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Copies what a kernel build needs of this tree, and nothing that an earlier
# build left, so that builds for several kernels do not meet in one folder and
# DKMS gets clean sources.
set -eu

case ${1:-} in
-h | --help)
	echo "usage: copy-sources.sh FOLDER		(made if it is missing)"
	exit 0
	;;
'' | -*)
	echo "copy-sources.sh: error: not a folder: ${1:-(none)}" >&2
	echo "copy-sources.sh: try: $0 --help" >&2
	exit 2
	;;
esac

mkdir -p "$1"
to=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
set -- Kbuild Kconfig Makefile dkms.conf COPYING drivers include
set -- "$@" scripts/dev-files.sh scripts/install.sh scripts/kernel-lib.sh scripts/vmbkmcl
set -- "$@" scripts/vmbstat
for extra in kunit README.md; do
	[ ! -e "$extra" ] || set -- "$@" "$extra"
done
tar -cf - --exclude='*.o' --exclude='*.o.d' --exclude='*.a' --exclude='*.ko' \
	--exclude='*.mod' --exclude='*.mod.c' --exclude='.*.cmd' \
	--exclude='*.order' --exclude='Module.symvers' --exclude='.tmp_versions' \
	"$@" | tar -xf - -C "$to"
