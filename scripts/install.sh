#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make install" and "make uninstall": the modules, and for clients outside of
# this tree the header and Module.symvers.
#
# usage: [KDIR=] [KVER=] [DESTDIR=] install.sh check [install]|install|uninstall
#
#   check      whether KDIR holds the headers of a kernel that we build for, and
#              whether an install would be refused
#   install    puts down what is built:
#              <DESTDIR>/lib/modules/<kernel>/updates/vmbkmcl/*.ko
#              <DESTDIR>/usr/src/vmbkmcl/<kernel>/include/, Module.symvers
#              <DESTDIR>/usr/local/bin/vmbstat
#   uninstall  takes that away again, and nothing else
#
# Neither does anything where DKMS or a package is the owner.
set -eu

case ${1:-} in
check | install | uninstall) ;;
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,18p' "$0"
	exit 0
	;;
*)
	echo "install.sh: error: no such verb: ${1:-(none)}" >&2
	echo "install.sh: try: $0 --help" >&2
	exit 2
	;;
esac
# shellcheck source=scripts/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"
top=$vmb_top
release=$(kernel_release)
folder=$DESTDIR/lib/modules/$release/updates/vmbkmcl

may_install() {
	no_dkms "make install"
	need_compressor
}

refresh_depmod() {
	# A DESTDIR of a packager has no modules of a kernel in it.
	[ -e "$DESTDIR/lib/modules/$release/modules.builtin" ] || return 0
	depmod -b "$DESTDIR/" "$release"
}

# What is built: a kernel without VMBus has no vmbkmcl_hv.
built_modules() {
	sed -nE 's#^(.*/)?([^/]+)\.(ko|o)$#\2#p' "$top/modules.order"
}

install_all() {
	local module strip=1

	cd "$top"
	[ -s modules.order ] || die "no module is built" "make modules KDIR=$KDIR"
	for module in $(built_modules); do
		case $(modinfo -F vermagic "$module.ko") in
		"$release "*) ;;
		*) die "$module.ko was built for $(modinfo -F vermagic "$module.ko")" \
		       "make clean modules KDIR=$KDIR" ;;
		esac
		[ -z "$(modinfo -F signer "$module.ko")" ] || strip=
	done
	# Of another selection, or of another version.
	rm -rf "$folder"
	# kbuild compresses as the kernel's configuration says. The key it would
	# sign with is nowhere but where the kernel was built (see sign.sh, which
	# has stripped what it signed: a signature does not survive that). It runs
	# depmod only where System.map lies in KDIR, so that is done below.
	make -C "$KDIR" M="$top" INSTALL_MOD_PATH="$DESTDIR" \
		INSTALL_MOD_DIR=updates/vmbkmcl CONFIG_MODULE_SIG_ALL= \
		INSTALL_MOD_STRIP="$strip" \
		DEPMOD=true modules_install
	scripts/dev-files.sh install "$DESTDIR/usr/src/vmbkmcl" "$release" \
		Module.symvers "make install"
	install -D -m 755 scripts/vmbstat/vmbstat.py "$DESTDIR/usr/local/bin/vmbstat"
	refresh_depmod
	[ -n "$DESTDIR" ] || scripts/vmbkmcl modules "$release" "$folder"
}

# Those of ours that are loaded, who uses others first: as rmmod wants them.
loaded_modules() {
	local module holder seen=' '

	list() {
		[ -d "/sys/module/$1" ] && [[ $seen != *" $1 "* ]] || return 0
		for holder in "/sys/module/$1/holders"/*; do
			[ ! -e "$holder" ] || list "$(basename "$holder")"
		done
		seen+="$1 "
	}
	list vmbkmcl
	echo "$seen"
}

uninstall_all() {
	local loaded

	if [ ! -d "$folder" ]; then
		no_dkms "make uninstall"
		echo "\"make install\" has put nothing down for $release."
		return 0
	fi
	if [ -z "$DESTDIR" ]; then
		loaded=$(loaded_modules | xargs)
		[ -z "$loaded" ] ||
			echo "What is loaded stays so, until: rmmod $loaded"
	fi
	rm -rf "$folder"
	rmdir "$DESTDIR/lib/modules/$release/updates" 2>/dev/null || true
	"$top/scripts/dev-files.sh" remove "$DESTDIR/usr/src/vmbkmcl" "$release" "make install"
	# It is of no kernel: another one's modules may still want it.
	[ -n "$(ls "$DESTDIR/usr/src/vmbkmcl" 2>/dev/null)" ] ||
		rm -f "$DESTDIR/usr/local/bin/vmbstat"
	refresh_depmod
	echo "Removed from $release."
}

case $1 in
check)
	need_headers
	[ "${2:-}" != install ] || may_install
	;;
install)
	need_headers
	may_install
	install_all
	;;
uninstall) uninstall_all ;;
esac
