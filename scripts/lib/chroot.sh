#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A small root file system of another Debian suite in the cache, for compilers
# that this machine's suite does not have. Nothing is mounted: what a command in
# it shall see is linked or copied into it.
#
# usage: chroot.sh SUITE PACKAGE...	(e.g. trixie make gcc-14 pahole)
#
# Makes it, or adds the packages that it lacks, and prints the folder.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib.sh"
no_options "$@"

[ $# -ge 2 ] || die "usage: $0 SUITE PACKAGE..." "$0 --help"
suite=$1
shift
root=$VMB_CACHE/chroot/$suite
[ "$(id -u)" -eq 0 ] || die "making a root file system of $suite needs root" \
	"run this as root"

# The archive that this machine uses, of the other suite.
mirror() {
	python3 "$VMB_TOP/scripts/lib/apt_sources.py" "$(vmb_own_suite)" "$suite" |
		sed -nE "s/^deb (\[[^]]*\] )?([^ ]+) $suite .*/\2/p" | head -n 1
}

keyring() {
	python3 "$VMB_TOP/scripts/lib/apt_sources.py" "$(vmb_own_suite)" "$suite" |
		sed -nE 's/^deb \[signed-by=([^] ]+)\].*/\1/p' | head -n 1
}

make_root() {
	local keyring

	need_packages debootstrap
	keyring=$(keyring)
	note "  making a root file system of $suite"
	rm -rf "$root" "$root.part"
	quietly "$VMB_BUILD/chroot-$suite.log" 1200 debootstrap --variant=minbase \
		${keyring:+--keyring="$keyring"} "$suite" "$root.part" "$(mirror)" ||
		die "debootstrap could not make a root file system of $suite" \
		    "see $VMB_BUILD/chroot-$suite.log"
	mv "$root.part" "$root"
}

inside() {
	quietly "$VMB_BUILD/chroot-$suite.log" 1200 env -u APT_CONFIG LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" ||
		die "could not install ${missing[*]} into $root" \
		    "rm -r $root, or see $VMB_BUILD/chroot-$suite.log"
}

mkdir -p "$VMB_CACHE/chroot"
exec 9>"$VMB_CACHE/chroot/$suite.lock"
flock -w 1800 9 || die "$VMB_CACHE/chroot/$suite.lock is held by another" \
	"wait for the other to end"
{
	[ -e "$root/usr/bin/dpkg" ] || make_root
	missing=()
	for package; do
		[ -e "$root/var/lib/dpkg/info/$package.list" ] ||
			[ -e "$root/var/lib/dpkg/info/$package:amd64.list" ] ||
			missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		# It must reach the archive the way that this machine does.
		cp /etc/resolv.conf /etc/hosts "$root/etc/"
		apt-config dump | grep -iE '^Acquire::https?::(Proxy|Verify|CaInfo)' \
			>"$root/etc/apt/apt.conf.d/00vmbkmcl" || true
		if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
			mkdir -p "$root/etc/ssl/certs"
			cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
		fi
		inside apt-get update
		inside apt-get -y --no-install-recommends install "${missing[@]}"
	fi
	# No /proc is mounted, for that would take more than chroot does. All that
	# asks for it is objtool: where its stack lies, for telling an overflow from
	# other crashes of its own.
	mkdir -p "$root/proc/self"
	grep -F '[stack]' /proc/self/maps >"$root/proc/self/maps"
} 9>&-
echo "$root"
