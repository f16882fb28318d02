#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make dkms-install" and "make dkms-remove": hands this tree to DKMS, which
# builds it now and again for each kernel to come; takes it out again.
#
# From the environment: KVER, the kernel to build for now.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
version=$("$top/scripts/dev-files.sh" version)
KVER=${KVER:-$(uname -r)}

die() {
	printf 'dkms.sh: error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'dkms.sh: try: %s\n' "$2" >&2
	exit 1
}

registered() {
	dkms status -m vmbkmcl | sed -nE 's#^vmbkmcl[/, ]+([^,: ]+).*#\1#p' | sort -u
}

remove_all() {
	local each

	for each in $(registered); do
		dkms remove -m vmbkmcl -v "$each" --all ||
			die "DKMS could not remove vmbkmcl $each" \
			    "rm -r /var/lib/dkms/vmbkmcl/$each, then run this again"
		rm -rf "/usr/src/vmbkmcl-$each"
	done
}

install_now() {
	local status=0

	remove_all
	"$top/scripts/copy-sources.sh" "/usr/src/vmbkmcl-$version"
	dkms add -m vmbkmcl -v "$version"
	dkms install -m vmbkmcl -v "$version" -k "$KVER" || status=$?
	case $status in
	0)
		echo "Installed. Load it: modprobe vmbkmcl_hv"
		echo "With Secure Boot the key must be known to the firmware first:"
		echo "  mokutil --import /var/lib/dkms/mok.pub, and reboot"
		;;
	77)
		echo "Registered; $KVER is not a kernel it builds for (see dkms.conf)."
		;;
	*)
		die "DKMS could not build or install it for $KVER" \
		    "apt-get install linux-headers-$KVER, or see /var/lib/dkms/vmbkmcl/$version/build/make.log"
		;;
	esac
	return "$status"
}

case ${1:-} in
install | remove) ;;
*)
	echo "usage: [KVER=] dkms.sh install|remove		(as root)"
	[ "${1:-}" != --help ] && [ "${1:-}" != -h ] || exit 0
	exit 2
	;;
esac
command -v dkms >/dev/null || die "dkms is not installed" "apt-get install dkms"
[ "$(id -u)" -eq 0 ] || die "DKMS writes to /usr/src and /lib/modules" "run this as root"
if [ "$1" = install ]; then
	install_now
else
	[ -n "$(registered)" ] || echo "DKMS knows no vmbkmcl."
	remove_all
fi
