#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the initramfs of the Hyper-V guest: busybox, kmod, the bus of the
# chosen kernel, our modules, and the script that is to run there.
#
# usage: l2-initramfs.sh KERNEL_DIRECTORY OUTPUT SCRIPT [FILE...]
#
# Every FILE that is a module goes where modprobe finds it, any other into
# /test beside the script, which l2-init runs. stock:NAME is a module of the chosen
# kernel's own, with all that it needs; one that is built in is there anyway.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

if [ $# -lt 3 ] || [ ! -e "$1/release" ] || [ ! -e "$3" ]; then
	die "usage: $0 KERNEL_DIRECTORY OUTPUT SCRIPT [FILE...]" "$0 --help"
fi
kernel=$1
output=$2
script=$3
shift 3
release=$(cat "$kernel/release")
need_packages busybox-static cpio kmod xz-utils

root=
scratch_dir root
modules=$root/lib/modules/$release
mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,test} "$modules/updates"

# A module of the kernel's own, and all that it needs.
kernel_module() {
	modprobe -d "$kernel/root" -S "$release" --show-depends "$1" 2>/dev/null |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		while read -r file; do
			local to=$modules/kernel/${file##*/kernel/}

			mkdir -p "$(dirname "$to")"
			case $file in
			*.xz) xz -dc "$file" >"${to%.xz}" ;;
			*) cp "$file" "$to" ;;
			esac
		done
}

# For another architecture there is busybox alone, which has them, too, but for soft
# dependencies.
programs_of_arm64() {
	local debs=$VMB_CACHE/kernel/arm64-programs name

	if [ ! -e "$debs/bin/busybox" ]; then
		rm -rf "$debs.new"
		mkdir -p "$debs.new"
		apt_suite_of_arch "$(vmb_own_suite)" arm64
		(cd "$debs.new" && quietly "$VMB_BUILD/busybox-fetch.log" 600 \
			apt-get download busybox-static:arm64) ||
			die "could not fetch busybox-static for arm64" \
			    "see $VMB_BUILD/busybox-fetch.log"
		dpkg -x "$debs.new"/busybox-static*.deb "$debs.new"
		rm -rf "$debs"
		mv "$debs.new" "$debs"
	fi
	cp "$debs/bin/busybox" "$root/bin/busybox"
	for name in modprobe insmod rmmod lsmod modinfo; do
		ln -s ../bin/busybox "$root/sbin/$name"
	done
}

programs() {
	local file name

	cp /bin/busybox "$root/bin/busybox"
	install -D /usr/bin/kmod "$root/bin/kmod" 2>/dev/null ||
		install -D /bin/kmod "$root/bin/kmod"
	ldd "$root/bin/kmod" | grep -oE '/[^ ]+' | sort -u | while read -r file; do
		install -D "$file" "$root$file"
	done
	for name in modprobe insmod rmmod lsmod modinfo depmod; do
		ln -s ../bin/kmod "$root/sbin/$name"
	done
}

if is_arm64 "$kernel"; then
	programs_of_arm64
else
	programs
fi
install -m 755 "$VMB_TOP/scripts/guest/l2-init" "$root/init"
install -m 755 "$script" "$root/test/main"
cp "$VMB_TOP/scripts/guest/guest-lib.sh" "$root/test/"

cp "$kernel/root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$modules/"
kernel_module hv_vmbus
for file; do
	case $file in
	stock:*)
		modprobe -d "$kernel/root" -S "$release" --show-depends "${file#*:}" \
			>/dev/null 2>&1 || die "Linux $release has no ${file#*:}" \
			"another KERNEL"
		kernel_module "${file#*:}"
		;;
	*.ko)
		cp "$file" "$modules/updates/"
		for name in $(modinfo -F depends "$file" | tr ',' ' '); do
			kernel_module "$name"
		done
		;;
	*) cp "$file" "$root/test/" ;;
	esac
done
depmod -b "$root" "$release"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$output.new"
mv "$output.new" "$output"
