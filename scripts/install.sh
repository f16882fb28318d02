#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make install" and "make uninstall": the modules, and for clients outside of
# this tree the header and Module.symvers.
#
#   <DESTDIR>/lib/modules/<kernel>/updates/vmbkmcl/*.ko
#   <DESTDIR>/usr/src/vmbkmcl/<kernel>/include/vmbkmcl.h, Module.symvers
#   <DESTDIR>/usr/local/bin/vmbstat
#
# From the environment: KDIR, KVER (used when KDIR does not tell), DESTDIR.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

die() {
	printf 'install.sh: error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'install.sh: try: %s\n' "$2" >&2
	exit 1
}

KVER=${KVER:-$(uname -r)}
KDIR=${KDIR:-/lib/modules/$KVER/build}
DESTDIR=${DESTDIR:-}
DESTDIR=${DESTDIR%/}

# The release that the headers in KDIR are of, or KVER where there are none.
# Not include/config/kernel.release: Debian's 6.1 has its source version there.
release() {
	local header=$KDIR/include/generated/utsrelease.h

	if [ -e "$header" ]; then
		sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$header"
	else
		echo "$KVER"
	fi
}

refresh_depmod() {
	# A DESTDIR of a packager has no modules of a kernel in it.
	[ -e "$DESTDIR/lib/modules/$release/modules.builtin" ] || return 0
	depmod -b "$DESTDIR/" "$release"
}

install_all() {
	local module i

	cd "$top"
	# shellcheck source=dkms.conf
	. ./dkms.conf
	for i in "${!BUILT_MODULE_NAME[@]}"; do
		module=${BUILT_MODULE_NAME[i]}.ko
		[ -e "$module" ] || die "$module is not built" "make modules KDIR=$KDIR"
		case $(modinfo -F vermagic "$module") in
		"$release "*) ;;
		*) die "$module was built for $(modinfo -F vermagic "$module")" \
		       "make clean modules KDIR=$KDIR" ;;
		esac
	done
	# kbuild compresses as the kernel's configuration says. The key it would
	# sign with is nowhere but where the kernel was built (see sign.sh). It runs
	# depmod only where System.map lies in KDIR, so that is done below.
	make -C "$KDIR" M="$top" INSTALL_MOD_PATH="$DESTDIR" \
		INSTALL_MOD_DIR=updates/vmbkmcl CONFIG_MODULE_SIG_ALL= \
		DEPMOD=true modules_install
	scripts/dev-files.sh install "$DESTDIR/usr/src/vmbkmcl" "$release" \
		Module.symvers
	install -D -m 755 scripts/vmbstat/vmbstat.py "$DESTDIR/usr/local/bin/vmbstat"
	refresh_depmod
}

uninstall_all() {
	rm -rf "$DESTDIR/lib/modules/$release/updates/vmbkmcl"
	rmdir "$DESTDIR/lib/modules/$release/updates" 2>/dev/null || true
	"$top/scripts/dev-files.sh" remove "$DESTDIR/usr/src/vmbkmcl" "$release"
	# It is of no kernel: another one's modules may still want it.
	[ -n "$(ls "$DESTDIR/usr/src/vmbkmcl" 2>/dev/null)" ] ||
		rm -f "$DESTDIR/usr/local/bin/vmbstat"
	refresh_depmod
	echo "Removed from $release. Modules in use stay until they are unloaded:"
	echo "  modprobe -r vmb_echo vmbkmcl_hv vmbkmcl"
}

release=$(release)
case ${1:-} in
install) install_all ;;
uninstall) uninstall_all ;;
*)
	echo "usage: [KDIR=] [KVER=] [DESTDIR=] install.sh install|uninstall"
	[ "${1:-}" = --help ] || [ "${1:-}" = -h ] || exit 2
	;;
esac
