#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Fetch one of Debian's kernels, its modules and its headers into the cache.
#
# usage: kernel.sh VERSION		(6.1, 6.12, 7.3, ... or "newest")
#	 kernel.sh VERSION-rt	(its PREEMPT_RT flavour)
#	 kernel.sh arm64	(6.12 for that; arm64-16k has pages of that size)
#	 kernel.sh debug	(built-kernel.sh's, as is arm64-64k: Debian has no such)
#
# Prints the directory it lies in. There:
#   release	its name, as uname -r has it
#   vmlinuz	the kernel
#   arch	amd64 or arm64, as Debian calls it
#   root/	the unpacked packages, modules in root/lib/modules/<release>
#   kdir	the path for make -C: root/usr/src/linux-headers-<release>
#   compiler	the compiler that its configuration wants, such as gcc-12
#   suite	where it came from
# Nothing is installed. Later calls use what is there; to get a newer build
# of the same version remove the directory.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

case ${1:-} in
newest | arm64 | arm64-16k | [0-9]*.[0-9]*) ;;
debug | arm64-64k) exec "$VMB_TOP/scripts/guest/built-kernel.sh" "$1" ;;
*) die "usage: $0 VERSION" "$0 6.12" ;;
esac
name=$1
version=$1
flavour=cloud-amd64
arch=amd64
case $name in
arm64*)
	version=6.12
	flavour=$name
	arch=arm64
	;;
*-rt)
	version=${name%-rt}
	flavour=rt-amd64
	;;
esac

# The releases of this version that the suite of APT_CONFIG has complete,
# oldest first.
releases() {
	local pattern=${version//./\\.}

	[ "$version" != newest ] || pattern='[0-9]+\.[0-9]+'
	apt-cache search --names-only \
		"^linux-(headers|image)-$pattern\\.[0-9]+[-+][0-9a-z.]+-$flavour\$" |
		sed -nE 's/^linux-(headers|image)-([^ ]+) - .*/\2/p' |
		sort -V | uniq -d
}

# Sets release and suite; APT_CONFIG is that suite's afterwards.
find_release() {
	local try suites found best=

	release=
	suites="$(vmb_own_suite) bookworm trixie trixie-backports sid"
	[ "$version" != newest ] || suites="trixie-backports sid"
	for try in $suites; do
		apt_suite_of_arch "$try" "$arch"
		found=$(releases | tail -n 1)
		[ -n "$found" ] || continue
		best=$(printf '%s\n%s\n' "$release" "$found" | sort -V | tail -n 1)
		if [ "$best" != "$release" ]; then
			release=$best
			suite=$try
		fi
		[ "$version" = newest ] || break
	done
	[ -n "$release" ] ||
		die "no Linux $version with flavour $flavour in: $suites" \
		    "one of the versions that apt-cache search linux-image lists"
	apt_suite_of_arch "$suite" "$arch"
}

# Everything of the release, in whichever way its series splits it: up to 6.18
# image, later binary + modules + base.
packages() {
	local name

	for name in image binary modules base; do
		apt-cache show --no-all-versions "linux-$name-$release:$arch" \
			>/dev/null 2>&1 && echo "linux-$name-$release:$arch"
	done
	echo "linux-headers-$release:$arch"
	# What runs during a build has to run here.
	apt-cache depends "linux-headers-$release:$arch" |
		sed -nE 's/^ *\|?Depends: <?(linux-(headers-.*-common[a-z-]*|kbuild-[^:>]*)).*/\1/p' |
		sed -E "s/^linux-kbuild.*/&:$(dpkg --print-architecture)/"
}

unpack() {
	local dir=$1 package vmlinuz

	mkdir -p "$dir/packages" "$dir/root"
	packages >"$dir/list"
	note "  fetching Linux $release ($suite)"
	# shellcheck disable=SC2046
	(cd "$dir/packages" && quietly "$VMB_BUILD/kernel-fetch.log" 1800 \
		apt-get download $(cat "$dir/list")) ||
		die "could not fetch Linux $release" "see $VMB_BUILD/kernel-fetch.log"
	for package in "$dir"/packages/*.deb; do
		dpkg -x "$package" "$dir/root"
	done
	rm -r "$dir/packages"
	# Packages disagree about /lib and /usr/lib; everything later may not care.
	if [ ! -e "$dir/root/lib" ]; then
		ln -s usr/lib "$dir/root/lib"
	elif [ ! -e "$dir/root/usr/lib/modules" ]; then
		mkdir -p "$dir/root/usr/lib"
		mv "$dir/root/lib/modules" "$dir/root/usr/lib/"
		ln -s ../usr/lib/modules "$dir/root/lib/modules"
	else
		die "$dir/root has modules in /usr/lib and files in /lib" \
		    "unpack by hand and see which package of $(tr '\n' ' ' <"$dir/list") it is"
	fi
	for vmlinuz in "$dir/root/boot/vmlinuz-$release" \
		       "$dir/root/usr/lib/modules/$release/vmlinuz"; do
		[ ! -e "$vmlinuz" ] || ln -f "$vmlinuz" "$dir/vmlinuz"
	done
	[ -e "$dir/vmlinuz" ] || die "the packages of Linux $release hold no vmlinuz" \
		"see the list in $dir/list"
	depmod -b "$dir/root" "$release"
	echo "$release" >"$dir/release"
	echo "$arch" >"$dir/arch"
	echo "$suite" >"$dir/suite"
}

# The headers name their own place by its absolute path.
relocate() {
	local dir=$1 kdir compiler

	kdir=$dir/root/usr/src/linux-headers-$(cat "$dir/release")
	grep -rlE '(^|[^.a-z])/usr/(src|lib)/linux-' "$kdir"/Makefile "$kdir"/.config 2>/dev/null |
		xargs -r sed -i -E "s#(^|[^.a-z])/usr/(src|lib)/linux-#\\1$dir/root/usr/\\2/linux-#g"
	compiler=$(sed -nE 's/^CONFIG_CC_VERSION_TEXT=".*gcc-([0-9]+).*/gcc-\1/p' "$kdir/.config" |
		head -n 1)
	[ -n "$compiler" ] || die "$kdir/.config does not name its compiler"
	echo "$compiler" >"$dir/compiler"
	echo "$kdir" >"$dir/kdir"
}

dir=$VMB_CACHE/kernel/$name
if [ ! -e "$dir/kdir" ]; then
	need_packages kmod xz-utils
	mkdir -p "$VMB_CACHE/kernel"
	exec 9>"$VMB_CACHE/kernel/$name.lock"
	flock -w 1800 9 || die "$VMB_CACHE/kernel/$name.lock is held by another" \
		"wait for the other fetch to end"
	if [ ! -e "$dir/kdir" ]; then
		find_release
		rm -rf "$dir.new" "$dir"
		unpack "$dir.new"
		mv "$dir.new" "$dir"
		relocate "$dir"
	fi
fi
echo "$dir"
