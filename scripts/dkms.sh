#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make dkms-install" and "make dkms-remove": hands this tree to DKMS, which
# builds it now and again for each kernel to come; takes it out again.
#
# usage: [KVER=] [KDIR=] dkms.sh install|remove		(as root)
#
# KVER is the kernel to build for now, KDIR the folder of its headers. Nothing is
# done where "make install" or a package is the owner.
set -eu

case ${1:-} in
install | remove) ;;
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,10p' "$0"
	exit 0
	;;
*)
	echo "dkms.sh: error: no such verb: ${1:-(none)}" >&2
	echo "dkms.sh: try: $0 --help" >&2
	exit 2
	;;
esac
# shellcheck source=scripts/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"
command -v dkms >/dev/null || die "dkms is not installed" "apt-get install dkms"
[ "$(id -u)" -eq 0 ] || die "DKMS writes to /usr/src and /lib/modules" "run this as root"
version=$("$vmb_top/scripts/dev-files.sh" version)
release=$(kernel_release)
tree=$(dkms_setting dkms_tree /var/lib/dkms)
sources=$(dkms_setting source_tree /usr/src)

remove_all() {
	local each

	no_package "make dkms-remove"
	for each in $(dkms_versions); do
		dkms remove -m vmbkmcl -v "$each" --all ||
			die "DKMS could not remove vmbkmcl $each" \
			    "rm -r $tree/vmbkmcl/$each, then run this again"
		rm -rf "$sources/vmbkmcl-$each"
	done
}

# said WHAT: what DKMS said of it when it signed.
said() {
	sed -n "s/^$1: *//p" "$log" | tail -n 1
}

tell_of_key() {
	local certificate

	certificate=$(said 'Public certificate (MOK)')
	if [ -z "$certificate" ] || grep -q "modules won't be signed" "$log"; then
		echo "DKMS has not signed them:"
		grep "modules won't be signed" "$log" || echo "  (it said nothing of a key)"
		echo "A kernel with Secure Boot refuses them."
		return 0
	fi
	echo "Signed by DKMS with $(said 'Signing key')."
	echo "With Secure Boot the firmware has to know the certificate of that. Once:"
	echo "  mokutil --import $certificate"
	echo "and reboot; in Azure see scripts/secure-boot.md."
}

install_now() {
	local status=0 log

	no_make "make dkms-install"
	! is_supported "$release" || need_headers
	remove_all
	"$vmb_top/scripts/copy-sources.sh" "$sources/vmbkmcl-$version"
	dkms add -m vmbkmcl -v "$version"
	if ! is_supported "$release"; then
		echo "Registered. Linux $release is not supported, only $(supported_kernels):"
		echo "nothing was built; DKMS builds for other kernels when they are installed."
		return 0
	fi
	log=$(mktemp)
	# shellcheck disable=SC2064
	trap "rm -f '$log'" EXIT
	dkms install -m vmbkmcl -v "$version" -k "$release" --kernelsourcedir "$KDIR" \
		2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	case $status in
	0) ;;
	77)
		echo "Registered. DKMS does not build it for $release (see dkms.conf)."
		return 0
		;;
	*)
		die "DKMS could not build or install it for $release" \
		    "see what it said above, and $tree/vmbkmcl/$version/build/make.log"
		;;
	esac
	"$vmb_top/scripts/vmbkmcl" modules "$release" "/lib/modules/$release/updates/dkms"
	tell_of_key
	echo "Load it: modprobe vmbkmcl_hv"
}

case $1 in
install) install_now ;;
remove)
	[ -n "$(dkms_versions)" ] || echo "DKMS knows no vmbkmcl."
	remove_all
	;;
esac
