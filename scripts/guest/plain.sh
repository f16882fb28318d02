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
#	--memory MIB		of the guest (512)
#	--secure-boot FILE	with UEFI firmware that has Secure Boot on, and a copy of
#				these variables of it (OVMF's)
#	--deadline SECONDS	after which it is ended (120)
#	--logs DIRECTORY	where the console goes (build/plain)
#
# Status 0 only if the guest said "VMBGUEST-END 0" itself. In the directory:
# guest.log, its console; how, "kvm" or "tcg"; qemu.log, what QEMU said.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=scripts/guest/watch.sh
. "$VMB_TOP/scripts/guest/watch.sh"

kernel='' initrd='' append='' cpus=2 memory=512 variables='' deadline=120 logs=$VMB_BUILD/plain
while [ $# -gt 1 ]; do
	case $1 in
	--kernel) kernel=$2 ;;
	--initrd) initrd=$2 ;;
	--append) append=$2 ;;
	--cpus) cpus=$2 ;;
	--memory) memory=$2 ;;
	--secure-boot) variables=$2 ;;
	--deadline) deadline=$2 ;;
	--logs) logs=$2 ;;
	*) die "unknown option $1" "$0 --help" ;;
	esac
	shift 2
done
if [ $# -gt 0 ] || [ ! -e "$kernel/vmlinuz" ] || [ ! -e "$initrd" ]; then
	die "$0 needs --kernel and --initrd" "$0 --help"
fi

# Some 5 s emulated, on an idle machine.
BOOT_SECONDS=60
if is_arm64 "$kernel"; then
	need_packages qemu-system-arm
	emulator=qemu-system-aarch64
	# Pointer authentication by its own algorithm takes most of the emulation's time.
	machine=(-machine virt -cpu "max,pauth-impdef=on")
	console=ttyAMA0
	BOOT_SECONDS=180
else
	need_packages qemu-system-x86 qemu-system-data seabios
	emulator=qemu-system-x86_64
	machine=(-machine q35 -cpu max)
	console=ttyS0
fi
mkdir -p "$logs"
firmware=()
if [ -n "$variables" ]; then
	# It checks the kernel's signature first.
	BOOT_SECONDS=120
	need_packages ovmf
	cp "$variables" "$logs/variables"
	machine=(-machine "q35,smm=on" -cpu max)
	firmware=(-global "driver=cfi.pflash01,property=secure,value=on"
		-drive "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
		-drive "if=pflash,unit=1,format=raw,file=$logs/variables")
fi

# A device file alone says little: where the processor shows no virtualisation,
# somebody emulates it, and not every instruction.
kvm_is_usable() {
	! is_arm64 "$kernel" || return 1
	[ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qwE 'svm|vmx' /proc/cpuinfo
}

# start_guest kvm|tcg|tcg,thread=single
start_guest() {
	echo "${1%%,*}" >"$logs/how"
	: >"$logs/guest.log"
	"$emulator" "${machine[@]}" -accel "$1" -smp "$cpus" -m "$memory" \
		${firmware[@]+"${firmware[@]}"} -nodefaults -display none -no-reboot \
		-serial "file:$logs/guest.log" \
		-kernel "$kernel/vmlinuz" -initrd "$initrd" \
		-append "console=$console quiet loglevel=4 panic=-1 no_timer_check oops=panic mitigations=off cryptomgr.notests log_buf_len=4M $append" \
		>"$logs/qemu.log" 2>&1 </dev/null &
	pid=$!
	guest_is_started
}

heavy_begin
# QEMU 7.2 that emulates two processors in two threads sometimes dies of a kernel that
# patches itself while it boots ("Oops: int3"), long before a module is loaded. One
# thread is slower, and does not.
ways=(tcg "tcg,thread=single")
! kvm_is_usable || ways=(kvm "${ways[@]}")
for way in "${ways[@]}"; do
	start_guest "$way"
	wait_for_guest && break
	end_process "$pid"
	note "  ... the guest did not boot with $way: $(tail -n 1 "$logs/qemu.log")"
done
expect_own_word
