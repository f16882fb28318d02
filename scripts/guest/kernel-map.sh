#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Which function of a guest's kernel is where, if it does not lie at a place of chance
# (nokaslr): Debian's own map of it says nothing. The kernel is booted, and asked.
#
# usage: kernel-map.sh KERNEL_DIRECTORY	(as kernel.sh prints it)
#
# Prints the file's name.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

[ -e "${1:-}/release" ] ||
	die "usage: $0 KERNEL_DIRECTORY" "$0 \"\$(scripts/guest/kernel.sh 6.12)\""
kernel=$1
map=$kernel/map
work=

ask() {
	scratch_dir work
	cat >"$work/main" <<-'END'
		#!/bin/busybox sh
		grep -i '^[0-9a-f]* t ' /proc/kallsyms | grep -v '\['
	END
	chmod +x "$work/main"
	"$VMB_TOP/scripts/guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$work/main"
	"$VMB_TOP/scripts/guest/plain.sh" --kernel "$kernel" --initrd "$work/initrd" \
		--append nokaslr --deadline 300 --logs "$work/logs"
	tr -d '\r' <"$work/logs/guest.log" | grep -E '^[0-9a-f]{16} [tT] [^ ]+$' >"$work/map"
	grep -qE '^f{8}[0-9a-f]+ T schedule$' "$work/map" ||
		die "Linux $(cat "$kernel/release") does not say where its functions are" \
		    "see /proc/kallsyms there"
	mv "$work/map" "$map"
}

if [ ! -e "$map" ]; then
	stage "where the functions of Linux $(cat "$kernel/release") are"
	ask >&2
fi
echo "$map"
