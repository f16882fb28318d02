#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compares a client of ours in a Hyper-V guest with one that is written by hand, on
# nothing but the kernel's own VMBus interface, and with one in user space, on the
# kernel's uio_hv_generic.
#
# usage: bench-guest.sh [--keep] [--profile]
#
#   --keep     what was measured becomes a part of kunit/bench-guest.json
#   --profile  not how long it takes, but where the instructions are, of each client in the
#              kernel that measures requests, by function: in the guest, in the machine that
#              it runs in, and in the host's end there. It tells them by a plugin for the
#              QEMU that emulates all of this (scripts/bench/profile_guest.c), whose header
#              apt has in QEMU's source
#
# All are bound in turn to the same devices of a host, in one boot of a stock kernel, and
# do the same there (scripts/bench-guest):
#
#   ping           a packet of the host's, 64 bytes, is answered as the echo client
#                  answers it; one at a time
#   echo           the same, 64 at a time
#   send           requests of the guest's, 64 bytes; 64 at a time
#   external       the same with 64 KiB of external data out, in 16 pages; 16 at a time.
#                  Not from user space, which does not know where its memory is.
#   beside_flood   pings, while another channel of the same driver has echoes without end
#
# Times of ping and echo are the host's, those of requests the guest's. Either side is quiet
# until who has bound the driver sleeps (VMB_BENCH_QUIET). Then, measured by
# nobody, echoes with a host that is slow, so that rings are full and either side waits for
# the other, and requests that are stopped on the way. Then a channel is open and nothing is
# sent, while every call of a function of ours is counted.
#
# Without hardware virtualisation, where emulation would measure what else this machine
# does, the emulated machine has a clock of its own: each instruction, of guest and host
# alike, takes a nanosecond. So the numbers are instructions of a machine with one
# processor, in which the host takes its turns on the same one, and it costs no more to
# leave the guest than the instructions that it takes. They are not quite the same again in
# another turn: when an interrupt comes from outside is not a matter of instructions.
#
# Environment:
#   KERNEL     the guest's kernel: 6.1, 6.12 (default), newest, ...
#   TURNS      how often each has its turn (3); medians are shown
#   PINGS, ECHOES, SENDS, EXTERNALS
#              operations of each in a turn (500, 10000, 100000, 1000)
#   IDLE       seconds for which the channel is idle (10)
#   DEADLINE   seconds after which the guest is ended (900)
#
# Prints tables; build/bench.json gets "guest", or, for another kernel than the default,
# "guest_<KERNEL>", and keeps all else. The consoles are in build/bench-guest/. Fails if
# any answer was wrong or is missing, if the guest did not come to its end, if anything was
# measured less often than it was done, or if an idle channel is not idle. A goal that is
# missed is said, and no failure: kunit/README.md explains them.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

keep='' profile=''
for argument; do
	case $argument in
	--keep) keep=1 ;;
	--profile) profile=y ;;
	*) die "unknown option $argument" "scripts/bench-guest.sh --help" ;;
	esac
done
version=${KERNEL:-6.12}
name=guest
[ "$version" = 6.12 ] || name=guest_$version
guest=$VMB_TOP/scripts/guest
bench=$VMB_TOP/scripts/bench-guest
logs=$VMB_BUILD/bench-guest
work=
scratch_dir work
mkdir -p "$logs"

stage "Linux $version, our modules, and the clients by hand"
need_packages python3 gcc libc6-dev zlib1g-dev kmod
kernel=$("$guest/kernel.sh" "$version")
release=$(cat "$kernel/release")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"
"$VMB_TOP/scripts/dev-files.sh" install "$work/installed" "$release" \
	"$modules/Module.symvers" "make bench-guest" >/dev/null
mkdir "$work/sources"
cp "$bench"/{Kbuild,*.c,*.h} "$guest/bench_protocol.h" \
	"$VMB_TOP/drivers/clients/echo/echo_protocol.h" "$work/sources/"
"$VMB_TOP/scripts/lib/build-client.sh" --client "$work/sources" "$version" \
	"$work/client" "$work/installed/$release"
files=("$work/parameters" "$work/uio_bench")
gcc -O2 -Wall -Wextra -static -I "$VMB_TOP/drivers/clients/echo" \
	-o "$work/uio_bench" "$guest/uio_bench.c" -lz
! modprobe -d "$kernel/root" -S "$release" --show-depends uio_hv_generic >/dev/null 2>&1 ||
	files+=(stock:uio_hv_generic)
cat >"$work/parameters" <<-END
	turns=${TURNS:-3}
	sends=${SENDS:-100000}
	externals=${EXTERNALS:-1000}
	idle=${IDLE:-10}
	profile=$profile
END

stage "the host's ends of the channels, for this machine's QEMU"
"$guest/build-host-device.sh" >/dev/null

if [ -n "$profile" ]; then
	map=$("$guest/kernel-map.sh" "$kernel")
	"$VMB_TOP/scripts/bench/build-plugin.sh" profile_guest "$work/profile.so"
	need_packages binutils xz-utils
	find "$kernel/root" -name 'hv_vmbus.ko*' -exec cp -t "$work" {} +
	[ ! -e "$work/hv_vmbus.ko.xz" ] || xz -d "$work/hv_vmbus.ko.xz"
	how=(--plugin "$work/profile.so,out=$work/counts" --append "idle=halt nokaslr")
else
	how=(--append idle=halt)
fi

stage "the guest: each client in turn (some minutes)"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$bench/guest.sh" \
	"$modules"/{vmbkmcl,vmbkmcl_hv,vmb_echo}.ko "$work/client"/*.ko "${files[@]}"
# While a guest polls for something to do, its clock takes minutes.
devices=()
for device in "echo,pings=${PINGS:-500},echoes=${ECHOES:-10000}" "ping,pings=${PINGS:-500}" \
	"flood,depth=512" "full,echoes=20000,depth=4096,delay=10000" idle requests; do
	devices+=(--option -device --option "vmb-bench-$device")
done
"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--device none --clock instructions --cpus 1 --timer local "${how[@]}" --boot 400 \
	--deadline "${DEADLINE:-900}" "${devices[@]}"
stage_end

if [ -n "$profile" ]; then
	for result in "$VMB_BUILD/bench.json" ${keep:+"$VMB_TOP/kunit/bench-guest.json"}; do
		"$VMB_TOP/scripts/bench/profile_guest.py" "$logs/guest.log" "$work/counts" \
			"$map" "$result" "${name}_profile" "$work/hv_vmbus.ko" "$work/client/vmb_bench.ko" \
			"$modules"/vmbkmcl{,_hv}.ko \
			>"$logs/profile.txt"
	done
	cat "$logs/profile.txt"
	exit 0
fi

# What was wrong is said behind the tables, and once.
status=0
"$bench/judge.py" "$logs" "$VMB_BUILD/bench.json" "$name" "$release" || status=$?
[ -z "$keep" ] || [ "$status" -ne 0 ] || "$bench/judge.py" "$logs" \
	"$VMB_TOP/kunit/bench-guest.json" "$name" "$release" >/dev/null
exit "$status"
