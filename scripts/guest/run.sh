#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot a Linux guest on Hyper-V as QEMU and KVM implement it, with the host's
# ends of our clients' channels in it, and wait until it is over.
#
# usage: run.sh [option...]
#	--kernel DIRECTORY	the guest's kernel, as kernel.sh prints it
#	--initrd FILE		its initramfs, as l2-initramfs.sh makes it
#	--device PROPERTIES	of the echo client's host, such as inband=1000,modes=endless
#				none: there is no such host
#	--source PROPERTIES	of the source client's host; without it there is none
#	--object FILE		the host's ends are this object's, as build-host-device.sh
#				makes it of a user's file, and none of ours
#	--qemu ROOT		the guest's QEMU is that of this root file system, as
#				chroot.sh makes it; it has host's ends of ours only if
#				--device says of what kind
#	--option TEXT		more for the guest's QEMU; may be given again
#	--host SCRIPT		runs beside it, for its monitor and a word with the
#				guest: see the head of balloon-host.sh
#	--append PARAMETERS	more for the guest's kernel
#	--trace EVENT		of its QEMU, that goes to host.log, such as
#				vmbus_close_channel; may be given again
#	--timer KIND		synthetic, or local: the processor's own; the
#				synthetic ones do not survive a hibernation here,
#				nor the load on a PREEMPT_RT kernel
#	--clock KIND		real; or instructions: where it is emulated, each takes
#				a nanosecond, whatever else this machine does
#	--plugin OPTIONS	for the QEMU that emulates it, which sees each instruction
#	--cpus N		of the guest (2)
#	--memory MIB		of the guest (512)
#	--boot SECONDS		after which one that has not booted is started anew
#				(100)
#	--deadline SECONDS	after which it is ended (180)
#	--logs DIRECTORY	where the consoles go (build/guest)
#
# Status 0 only if the guest said "VMBGUEST-END 0" itself. In the directory:
# guest.log, its console; host.log, what the host's end said; l1.log, the
# console of the machine in the middle where one was needed; how, "direct" or
# "nested".
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=scripts/guest/watch.sh
. "$VMB_TOP/scripts/guest/watch.sh"

kernel='' initrd='' device='' source='' object='' qemu='' host='' append='' trace='' timer=,hv-stimer cpus=2 memory=512
# Some 20 s on an idle machine.
BOOT_SECONDS=100
deadline=180 logs=$VMB_BUILD/guest more=() clock=() plugin=()
while [ $# -gt 1 ]; do
	case $1 in
	--kernel) kernel=$2 ;;
	--initrd) initrd=$2 ;;
	--device) device=$2 ;;
	--source) source=$2 ;;
	--object) object=$2 ;;
	--qemu) qemu=$2 ;;
	--option) more+=("$2") ;;
	--host) host=$2 ;;
	--append) append=$2 ;;
	--trace) trace+=" $2" ;;
	--timer)
		case $2 in
		synthetic) ;;
		local) timer='' ;;
		*) die "no such timer: $2" "--timer synthetic, or --timer local" ;;
		esac
		;;
	--clock)
		case $2 in
		real) ;;
		instructions) clock=(-icount "shift=0,sleep=off") ;;
		*) die "no such clock: $2" "--clock real, or --clock instructions" ;;
		esac
		;;
	--plugin) plugin=(-plugin "$2") ;;
	--cpus) cpus=$2 ;;
	--memory) memory=$2 ;;
	--boot) BOOT_SECONDS=$2 ;;
	--deadline) deadline=$2 ;;
	--logs) logs=$2 ;;
	*) die "unknown option $1" "$0 --help" ;;
	esac
	shift 2
done
if [ $# -gt 0 ] || [ ! -e "$kernel/vmlinuz" ] || [ ! -e "$initrd" ]; then
	die "$0 needs --kernel and --initrd" "$0 --help"
fi

here=$VMB_TOP/scripts/guest
ends=()
[ "$device" = none ] || ends+=(-device "vmb-echo-host${device:+,$device}")
[ -z "$source" ] || ends+=(-device "vmb-source-host,$source")
if [ -n "$object" ]; then
	# The verdict goes to the guest's second serial port.
	ends=(-device vmb-client-host -chardev "null,id=verdict" -serial chardev:verdict)
elif [ -n "$qemu" ] && [ -z "$device" ]; then
	ends=()
elif [ -n "$qemu" ]; then
	object=$("$here/build-host-device.sh" --qemu "$qemu")
else
	object=$("$here/build-host-device.sh")
fi
work=
scratch_dir work
mkdir -p "$logs"
rm -f "$logs"/{guest,host,l1}.log "$logs/how"
touch "$logs/guest.log" "$logs/host.log"

# guest_options DIRECTORY [FEATURES]: for QEMU, one option a line.
guest_options() {
	local directory=$1 processor=${2:-} event

	# The devices in this order: the bus has to be there first.
	printf '%s\n' \
		-machine q35,kernel-irqchip=on -accel kvm \
		-cpu host,kvm=off,hv-relaxed,hv-vpindex,hv-synic,hv-runtime,hv-time,hv-reset"$timer$processor" \
		-smp "$cpus" -m "$memory" -nodefaults -display none -no-reboot \
		-serial stdio -device vmbus-bridge \
		-kernel "$directory/vmlinuz" -initrd "$directory/initrd" \
		-append "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off cryptomgr.notests log_buf_len=4M $append"
	[ ${#ends[@]} -eq 0 ] || printf '%s\n' "${ends[@]}"
	[ ${#more[@]} -eq 0 ] || printf '%s\n' "${more[@]}"
	[ -z "$host" ] || printf '%s\n' \
		-chardev "pipe,id=monitor,path=$directory/monitor" \
		-mon chardev=monitor,mode=control \
		-chardev "pipe,id=talk,path=$directory/talk" -serial chardev:talk \
		-D "$directory/trace"
	for event in $trace; do
		printf '%s\n' -trace "$event"
	done
}

# The device file says nothing: ask whether KVM implements Hyper-V's SynIC.
kvm_has_synic() {
	need_packages python3
	python3 - 2>/dev/null <<-END
		import fcntl, os, sys
		KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2 = 0xAE03, 148
		kvm = os.open("/dev/kvm", os.O_RDWR)
		sys.exit(fcntl.ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) <= 0)
	END
}

run_direct() {
	local options

	echo direct >"$logs/how"
	ln -sf "$kernel/vmlinuz" "$work/vmlinuz"
	ln -sf "$initrd" "$work/initrd"
	mapfile -t options < <(guest_options "$work")
	if [ -n "$host" ]; then
		rm -f "$work"/{monitor,talk}.{in,out}
		mkfifo "$work"/{monitor,talk}.{in,out}
		"$host" "$work" >>"$logs/host.log" &
	fi
	if [ -n "$qemu" ]; then
		"$qemu/lib64/ld-linux-x86-64.so.2" ${object:+--preload "$object"} \
			--library-path "$qemu/usr/lib/x86_64-linux-gnu" \
			"$qemu/usr/bin/qemu-system-x86_64" -L "$qemu/usr/share/qemu" \
			-L "$qemu/usr/share/seabios" "${options[@]}" \
			>"$logs/guest.log" 2>>"$logs/host.log" </dev/null &
	else
		LD_PRELOAD=$object qemu-system-x86_64 "${options[@]}" \
			>"$logs/guest.log" 2>>"$logs/host.log" </dev/null &
	fi
}

run_nested() {
	local middle image interrupts

	echo nested >"$logs/how"
	middle=$("$here/kernel.sh" 6.12)
	# Without it an interrupt comes twice now and then, and the guest stands still.
	interrupts=$("$here/build-host-device.sh" --nested)
	image=$("$here/l1-initramfs.sh" "$middle" ${qemu:+"$qemu"})
	mkdir -p "$work/l2"
	cp "$kernel/vmlinuz" "$work/l2/vmlinuz"
	cp "$initrd" "$work/l2/initrd"
	[ -z "$object" ] || cp "$object" "$work/l2/host.so"
	[ -z "$host" ] || cp "$host" "$work/l2/host"
	# The emulated processor offers half of XSAVE, which Linux 7 dies of.
	guest_options /l2 ,-xsave >"$work/l2/options"
	# The kernel unpacks archives one behind the other.
	(cat "$image" && cd "$work" && find l2 | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
	rm -f "$work/keyboard"
	mkfifo "$work/keyboard"
	# One processor: with two, QEMU resets the machine in some runs.
	LD_PRELOAD=$interrupts qemu-system-x86_64 -machine q35 -accel tcg -cpu EPYC,+svm,+npt -smp 1 -m 1536 \
		-nodefaults -display none -no-reboot -qmp stdio ${clock[@]+"${clock[@]}"} \
		${plugin[@]+"${plugin[@]}"} -serial "file:$logs/l1.log" -serial "file:$logs/guest.log" \
		-serial "file:$logs/host.log" \
		-kernel "$middle/vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nowatchdog cryptomgr.notests" \
		<"$work/keyboard" >/dev/null 2>"$logs/qemu.log" &
}

# press_keys PID: as long as it runs, for the machine in the middle. The emulated
# processor loses an interrupt now and then: when QEMU's SVM enters or leaves a
# guest it changes the word of those that are pending, and takes no lock for it.
# If that was the timer's, all stands still, for only its handler sets it anew, and
# the guest that ran at that moment keeps the processor. Any other interrupt brings
# what was lost.
press_keys() {
	echo '{"execute": "qmp_capabilities"}'
	while kill -0 "$1" 2>/dev/null; do
		sleep 0.2
		echo '{"execute": "send-key", "arguments": {"hold-time": 10,
			"keys": [{"type": "qcode", "data": "shift"}]}}'
	done
}

start_guest() {
	if kvm_has_synic; then
		[ ${#plugin[@]} -eq 0 ] ||
			die "a plugin sees nothing of a guest that is not emulated" \
			    "a machine without KVM's SynIC, or none of --plugin"
		run_direct
		pid=$!
	else
		run_nested
		pid=$!
		press_keys "$pid" >"$work/keyboard" 2>/dev/null &
	fi
	guest_is_started
}

heavy_begin
# Emulation in emulation: now and then a guest does not come up. Nothing of ours
# runs before it says that it has booted, so trying again hides nothing.
for try in 1 2 3; do
	start_guest
	wait_for_guest && break
	end_process "$pid"
	note "  ... the guest did not boot within $BOOT_SECONDS s (try $try of 3)"
done
expect_own_word
