#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the initramfs of the machine in the middle: a kernel with KVM, and
# QEMU with all it loads. Print the file's path.
#
# usage: l1-initramfs.sh KERNEL_DIRECTORY [ROOT]	(as kernel.sh prints it)
#
# With ROOT its QEMU is that of another root file system, as chroot.sh prints it.
#
# What differs from run to run (the guest's kernel, its initramfs, the host
# device, the options) comes in a second archive that run.sh appends; see
# l1-init for what it expects there.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

[ -e "${1:-}/release" ] ||
	die "usage: $0 KERNEL_DIRECTORY" "$0 \"\$(scripts/guest/kernel.sh 6.12)\""
kernel=$1
release=$(cat "$kernel/release")
here=$VMB_TOP/scripts/guest
from=${2:-}

need_packages qemu-system-x86 qemu-system-data seabios busybox-static cpio kmod xz-utils
# shellcheck disable=SC2016
key=$(cat "$0" "$here/l1-init" "$kernel/release" <(
	dpkg-query -W -f '${Package}=${Version}\n' busybox-static
	dpkg-query --admindir="$from/var/lib/dpkg" -W -f '${Package}=${Version}\n' \
		qemu-system-x86 qemu-system-data seabios) | sha256sum | cut -c1-16)
image=$VMB_CACHE/l1/$key.cpio

build() {
	local root=$1 file module

	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,modules,usr/share/qemu}
	cp /bin/busybox "$root/bin/busybox"
	install -m 755 "$here/l1-init" "$root/init"
	modprobe -d "$kernel/root" -S "$release" --show-depends kvm-amd |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		while read -r module; do
			file=$(basename "$module")
			case $file in
			*.xz) xz -dc "$module" >"$root/modules/${file%.xz}" ;;
			*) cp "$module" "$root/modules/$file" ;;
			esac
			echo "${file%.xz}" >>"$root/modules/order"
		done
	# QEMU, and every library it names, at the places where it looks for them.
	install -D "$from/usr/bin/qemu-system-x86_64" "$root/usr/bin/qemu-system-x86_64"
	${from:+chroot "$from"} ldd /usr/bin/qemu-system-x86_64 | grep -oE '/[^ ]+' |
		sort -u | while read -r file; do
			install -D "$from$file" "$root$file"
		done
	# The few ROMs that a q35 machine without devices loads.
	for file in bios-256k.bin kvmvapic.bin linuxboot_dma.bin; do
		cp -L "$(rom "$file")" "$root/usr/share/qemu/$file"
	done
}

rom() {
	local directory

	for directory in "$from/usr/share/qemu" "$from/usr/share/seabios"; do
		if [ -e "$directory/$1" ]; then
			echo "$directory/$1"
			return
		fi
	done
	die "QEMU's $1 is missing" "apt-get install --reinstall qemu-system-data seabios"
}

if [ ! -e "$image" ]; then
	root=
	scratch_dir root
	mkdir -p "$VMB_CACHE/l1"
	build "$root"
	# Not compressed: emulated, unpacking costs more than copying.
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$image.new.$$"
	mv "$image.new.$$" "$image"
fi
echo "$image"
