# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What installing and signing share: messages, the kernel that it is for, what is
# installed already and by whom, and what DKMS signs with. To be sourced by bash
# after "set -eu". It makes nothing: neither folders nor files.
#
# From the environment: KDIR and KVER, the kernel's headers and its release; either
# tells the other. DESTDIR, the root that is worked in.

# die WHAT [REMEDY]: ends the script, naming the thing and what to do about it.
die() {
	printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
	[ $# -lt 2 ] || printf '%s: try: %s\n' "$(basename "$0")" "$2" >&2
	exit 1
}

vmb_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KVER=${KVER:-$(uname -r)}
KDIR=${KDIR:-/lib/modules/$KVER/build}
DESTDIR=${DESTDIR:-}
DESTDIR=${DESTDIR%/}

# The release that the headers in KDIR are of, or KVER where there are none.
# Not include/config/kernel.release: Debian's 6.1 has its source version there.
kernel_release() {
	local header=$KDIR/include/generated/utsrelease.h

	if [ -e "$header" ]; then
		sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$header"
	else
		echo "$KVER"
	fi
}

# is_supported RELEASE: by the expression that DKMS goes by, too.
is_supported() {
	local expression

	expression=$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"$/\1/p' "$vmb_top/dkms.conf")
	[ -n "$expression" ] || die "$vmb_top/dkms.conf has no BUILD_EXCLUSIVE_KERNEL"
	printf '%s\n' "$1" | grep -qE "$expression"
}

supported_kernels() {
	sed -n 's/^BUILD_EXCLUSIVE_KERNEL_M[AI][XN]="\(.*\)"$/\1/p' "$vmb_top/dkms.conf" |
		paste -s -d ' ' | sed 's/ / to /'
}

need_headers() {
	local release

	[ -e "$KDIR/Makefile" ] || die "$KDIR holds no kernel headers" \
		"apt-get install linux-headers-$KVER, or KDIR=<folder of the headers>"
	release=$(kernel_release)
	is_supported "$release" ||
		die "Linux $release is not supported, only $(supported_kernels)" \
		    "KVER=<release> of another kernel whose headers are installed"
}

# The program that kbuild compresses modules of this kernel with, if any.
need_compressor() {
	local config=$KDIR/include/config/auto.conf program

	case $(sed -n 's/^CONFIG_MODULE_COMPRESS_\(GZIP\|XZ\|ZSTD\)=y$/\1/p' "$config") in
	GZIP) program=gzip package=gzip ;;
	XZ) program=xz package=xz-utils ;;
	ZSTD) program=zstd package=zstd ;;
	*) return 0 ;;
	esac
	command -v "$program" >/dev/null ||
		die "this kernel's modules are compressed with $program, which is not installed" \
		    "apt-get install $package"
}

# dkms_setting NAME DEFAULT: what DKMS was told in its configuration.
dkms_setting() {
	local file

	(
		for file in "$DESTDIR"/etc/dkms/framework.conf \
			    "$DESTDIR"/etc/dkms/framework.conf.d/*.conf; do
			# shellcheck source=/dev/null
			[ ! -e "$file" ] || kernelver=$(kernel_release) . "$file"
		done
		echo "${!1:-$2}"
	)
}

# The versions that DKMS has, whether they are built or not.
dkms_versions() {
	local tree

	tree=$DESTDIR$(dkms_setting dkms_tree /var/lib/dkms)/vmbkmcl
	[ -d "$tree" ] || return 0
	find "$tree" -mindepth 2 -maxdepth 2 -name source -printf '%P\n' |
		sed 's#/source$##' | sort
}

# The package that put this file there, if any.
package_of() {
	local owner=''

	if command -v dpkg-query >/dev/null; then
		owner=$(dpkg-query ${DESTDIR:+--root="$DESTDIR"} -S "${1#"$DESTDIR"}" 2>/dev/null |
			sed -n 's/: .*//p' | head -n 1) || true
	fi
	if [ -z "$owner" ] && command -v rpm >/dev/null; then
		owner=$(rpm ${DESTDIR:+--root="$DESTDIR"} -qf --qf '%{NAME}\n' "${1#"$DESTDIR"}" \
			2>/dev/null | head -n 1) || owner=
	fi
	echo "$owner"
}

# The kernels that "make install" has put modules down for.
kernels_of_make() {
	local folder

	for folder in "$DESTDIR"/lib/modules/*/updates/vmbkmcl; do
		[ ! -d "$folder" ] || basename "${folder%/updates/vmbkmcl}"
	done
}

# no_package VERB: ends if a package is the owner.
no_package() {
	local version sources owner

	for version in $(dkms_versions); do
		sources=$DESTDIR$(dkms_setting source_tree /usr/src)/vmbkmcl-$version
		owner=$(package_of "$sources/dkms.conf")
		[ -z "$owner" ] ||
			die "vmbkmcl $version is the package $owner's, not for $1 to change" \
			    "apt-get remove $owner (or dnf, as the machine has it)"
	done
}

# no_dkms VERB: ends if DKMS has it.
no_dkms() {
	local versions

	no_package "$1"
	versions=$(dkms_versions | paste -s -d ' ')
	[ -z "$versions" ] ||
		die "DKMS owns vmbkmcl here (version $versions), and $1 would be a second owner" \
		    "make dkms-remove first, or stay with DKMS: make dkms-install"
}

# no_make VERB: ends if "make install" has.
no_make() {
	local kernels first

	kernels=$(kernels_of_make | paste -s -d ' ')
	[ -n "$kernels" ] || return 0
	first=${kernels%% *}
	die "\"make install\" owns vmbkmcl here (for $kernels), and $1 would be a second owner" \
	    "make uninstall KVER=$first first, or stay with make install"
}

# Sets mok_key and mok_certificate to what DKMS signs with by itself.
dkms_keys() {
	local key=/var/lib/dkms/mok.key certificate=/var/lib/dkms/mok.pub

	# Ubuntu's DKMS has the key that its shim-signed made, and enrolled.
	# shellcheck source=/dev/null
	if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = ubuntu ]; then
		key=/var/lib/shim-signed/mok/MOK.priv
		certificate=/var/lib/shim-signed/mok/MOK.der
	fi
	# shellcheck disable=SC2034
	mok_key=$(dkms_setting mok_signing_key "$key")
	# shellcheck disable=SC2034
	mok_certificate=$(dkms_setting mok_certificate "$certificate")
}
