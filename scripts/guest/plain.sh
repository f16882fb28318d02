#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot a plain Linux guest, without a trace of Hyper-V, and wait until it is over.
#
# usage: plain.sh [option...]
#	--kernel DIRECTORY	the guest's kernel, as kernel.sh prints it
#	--initrd FILE		its initramfs, as l2-initramfs.sh makes it
#	--append PARAMETERS	more for the guest's kernel
#	--cpus N		of the guest (2)
#	--deadline SECONDS	after which it is ended (120)
#	--logs DIRECTORY	where the console goes (build/plain)
#
# Status 0 only if the guest said "VMBGUEST-END 0" itself. In the directory:
# guest.log, its console; how, "kvm" or "tcg"; qemu.log, what QEMU said.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../lib.sh"

kernel='' initrd='' append='' cpus=2 deadline=120 logs=$VMB_BUILD/plain
while [ $# -gt 1 ]; do
	case $1 in
	--kernel) kernel=$2 ;;
	--initrd) initrd=$2 ;;
	--append) append=$2 ;;
	--cpus) cpus=$2 ;;
	--deadline) deadline=$2 ;;
	--logs) logs=$2 ;;
	*) die "unknown option $1" "see the head of $0" ;;
	esac
	shift 2
done
if [ $# -gt 0 ] || [ ! -e "$kernel/vmlinuz" ] || [ ! -e "$initrd" ]; then
	die "$0 needs --kernel and --initrd" "see the head of $0"
fi

# Some 5 s emulated, on an idle machine.
BOOT_SECONDS=60
need_packages qemu-system-x86 qemu-system-data seabios
mkdir -p "$logs"

# A device file alone says little: where the processor shows no virtualisation,
# somebody emulates it, and not every instruction.
kvm_is_usable() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qwE 'svm|vmx' /proc/cpuinfo
}

# start_guest kvm|tcg
start_guest() {
	echo "$1" >"$logs/how"
	: >"$logs/guest.log"
	qemu-system-x86_64 -machine q35 -accel "$1" -cpu max -smp "$cpus" -m 512 \
		-nodefaults -display none -no-reboot -serial "file:$logs/guest.log" \
		-kernel "$kernel/vmlinuz" -initrd "$initrd" \
		-append "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off cryptomgr.notests log_buf_len=4M $append" \
		>"$logs/qemu.log" 2>&1 </dev/null &
	pid=$!
	on_exit end_process "$pid"
}

has_booted() {
	grep -q '^VMBGUEST-BOOTED' "$logs/guest.log"
}

# Until it is over. False if it never booted: it died, or stood still.
wait_for_guest() {
	local now began told

	began=$(date +%s)
	told=$began
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		now=$(date +%s)
		if [ $((now - began)) -ge "$BOOT_SECONDS" ] && ! has_booted; then
			return 1
		fi
		if [ $((now - began)) -ge "$deadline" ]; then
			tail -n 25 "$logs/guest.log" | tr -d '\r' >&2
			die "the guest did not end within $deadline s and was ended" \
			    "look at $logs, or give it longer"
		fi
		if [ $((now - told)) -ge 10 ]; then
			told=$now
			note "  ... guest for $((now - began)) s: $(tail -n 1 "$logs/guest.log" |
				tr -cd '[:print:]' | cut -c 1-60)"
		fi
	done
	has_booted
}

heavy_begin
ways=(tcg)
! kvm_is_usable || ways=(kvm tcg)
for way in "${ways[@]}"; do
	start_guest "$way"
	wait_for_guest && break
	end_process "$pid"
	note "  ... the guest did not boot with $way: $(tail -n 1 "$logs/qemu.log")"
done
wait "$pid" || true
# Whatever the exit status was: only the guest's own word counts.
if ! tr -d '\r' <"$logs/guest.log" | grep -q '^VMBGUEST-END 0$'; then
	tail -n 40 "$logs/guest.log" | tr -d '\r' >&2
	die "the guest did not say that it succeeded" "look at $logs"
fi
