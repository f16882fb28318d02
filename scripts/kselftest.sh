#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots a Hyper-V guest and runs the kselftests in it (scripts/kselftest): load,
# bind by modalias, new_id and driver_override, traffic, unbind and unload under
# traffic, broken rings, a client from outside of the tree; and the same with a
# client that sends, to a host that reads slowly or not at all; then a second
# guest, with sub-channels and a host that takes back its offers, a third, which
# hibernates under traffic, a fourth, in which another kernel takes over, and which
# is powered off, both under traffic, and a fifth, in which channels come and go
# hundreds of times; one more, on a kernel that can do that, in which allocations
# fail, and one with a host that is hostile; and before those a few short ones, one for
# each version of VMBus that QEMU speaks, in which the kernel's own hv_utils is on the
# bus, too. Prints KTAP, and 'N passed, N failed, N skipped' at the end. The guest's
# tests say what Linux saw; behind them come the host's, one for each open of the
# channel, or for many that were for the same.
#
# usage: kselftest.sh [main | versions | sub-channels | hibernation | kexec | faults | hostile |
#			storm]...
#
# Without a name it is all of them.
#
# Environment: KERNEL, as in demo.sh, or debug, for one that looks for what does
# not show (guest/built-kernel.sh); ROUNDS of each kind in the fifth guest (200);
# HOSTILE_ROUNDS, opens with a hostile host (12), and the SEED of the hosts (1): what was
# said with a hostile host's seed and number of opens is done again with both.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

guests="main versions sub-channels hibernation kexec faults hostile storm"
for name; do
	case " $guests " in
	*" $name "*) ;;
	*) die "there is no guest $name" "one of $guests, or $0 --help" ;;
	esac
done
wanted=${*:-$guests}
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/kselftest
limits=(--deadline "${DEADLINE:-400}")
rounds=${ROUNDS:-200}
hostile_rounds=${HOSTILE_ROUNDS:-12}
seed=${SEED:-1}
warm_up=$((rounds / 20))
tracking=slub_debug=U
# A kernel that looks for more takes more of everything. It has kmemleak; and KASAN
# keeps what was freed for a while, so counting it tells nothing. There lockdep waits
# for RCU whenever a piece of a module goes: RCU is to make haste. In emulation in
# emulation the synthetic timer's interrupt comes in the middle of itself now and then,
# with interrupts off, which lockdep does not forgive: it has the processor's own.
if [ "$version" = debug ]; then
	limits=(--memory 768 --timer local --boot 300 --deadline "${DEADLINE:-1200}")
	tracking=rcupdate.rcu_expedited=1
	# Where memory is not compared it has to work once.
	warm_up=2
fi
# What the channel's opens are for, in the order of kselftest/main.sh.
# shellcheck disable=SC2034
client_opens=(finite endless endless finite
	framing-length-short framing-length-zero framing-length-beyond
	framing-offset-short framing-offset-beyond
	framing-index-range framing-index-unaligned framing-index-huge
	framing-index-ours
	finite mirror mirror)
# shellcheck disable=SC2034
sender_opens=(finite endless endless deaf finite)
# Of the two devices of which a client has both: again when it is bound anew; and when
# the host has offered the second anew, or somebody has unbound it.
pair_first_opens=(mirror-endless mirror-endless)
pair_second_opens=(mirror-rescind mirror-rescind mirror-rescind
	mirror-endless mirror-endless mirror-endless)
# And of kselftest/versions.sh, for echo and source alike; and the versions.
# shellcheck disable=SC2034
version_opens=(finite)
versions=(4.0 3.0 2.4)
# And in that of kselftest/sub-channels.sh.
# shellcheck disable=SC2034
offered_opens=(endless endless)
for _ in {1..10}; do
	offered_opens+=(rescind)
done
offered_opens+=(rescind-sub fewer)
# And in that of kselftest/hibernation.sh: once, and after each hibernation.
# shellcheck disable=SC2034
resumed_opens=(endless endless endless)
# And of the client that keeps the machine from hibernating.
# shellcheck disable=SC2034
refusing_opens=(endless endless)
# And of kselftest/kexec.sh, for each kernel one.
# shellcheck disable=SC2034
kexec_opens=(endless endless)
# And of kselftest/faults.sh: nobody can tell how many there will be.
# shellcheck disable=SC2034
faults_opens=(endless+)
# And of kselftest/hostile.sh.
# shellcheck disable=SC2034
hostile_opens=("hostile*$hostile_rounds" places finite)
# And in that of kselftest/storm.sh: a few so that everything was done once, then
# each storm, and at last as many as there happen to be.
storms=("endless*$((2 * warm_up + 4))" "endless*$((rounds + 1))"
	"endless*$rounds" "endless*$((rounds / 20))")
# shellcheck disable=SC2034
storm_opens=("${storms[@]}" "exchange*$((rounds + warm_up + 3))" "exchange+")
# shellcheck disable=SC2034
storm_sender_opens=("${storms[@]}" endless)
# shellcheck disable=SC2034
no_opens=()
# What else than modules is to be in the guest.
files=()
hold_every=1000
rest=0
stall=20000
# That kernel hibernates once more. And two of the storm's client, which does, too.
[ "$version" != debug ] || resumed_opens+=(endless)
resumed_opens+=(exchange exchange)

stage "Linux $version, our modules, clients from outside of the tree"
need_packages python3 gcc libc6-dev
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"
"$VMB_TOP/scripts/lib/build-client.sh" --client "$VMB_TOP/scripts/out-of-tree-client" \
	--client "$VMB_TOP/scripts/kselftest/life" \
	--client "$VMB_TOP/scripts/kselftest/pair" \
	--client "$VMB_TOP/scripts/kselftest/places" "$version" "$VMB_BUILD/client/$version"
"$guest/build-host-device.sh" >/dev/null

work=
scratch_dir work

# has_stock MODULE: whether the kernel has it, or has it built in.
has_stock() {
	modprobe -d "$kernel/root" -S "$(cat "$kernel/release")" --show-depends "$1" \
		>/dev/null 2>&1
}

# The echo device goes to the kernel's own driver for user space, if there is one, and
# then back to our client.
main_files=()
if has_stock uio_hv_generic; then
	gcc -O2 -Wall -Wextra -static -o "$work/uio_mirror" "$guest/uio_mirror.c"
	main_files=(stock:uio_hv_generic "$work/uio_mirror")
	client_opens+=(mirror finite)
fi

# results WHO: of what comes in, a line each, "ok NAME", "not ok NAME" or "skip NAME".
results() {
	local result

	while read -r result; do
		case $result in
		ok\ *) passed "$1: ${result#ok }" ;;
		skip\ *) skipped "$1: ${result#skip }" "not on this kernel" ;;
		*) failed "$1: ${result#not ok }" ;;
		esac
	done
}

# judge PROGRAM ARGUMENTS...: of kselftest/, which prints such lines.
judge() {
	results host < <(python3 "$VMB_TOP/scripts/kselftest/$1" "${@:2}" ||
		echo "not ok $1 has died")
}

# join MODES...: one for each open, with colons.
join() {
	local mode count

	for mode; do
		count=${mode#*\*}
		[ "$count" != "$mode" ] || count=1
		mode=${mode%%\**}
		while [ "$count" -gt 0 ]; do
			printf '%s\n' "${mode%+}"
			count=$((count - 1))
		done
	done | paste -s -d :
}

# run_guest LOGS SCRIPT ECHO_OPENS SUB_CHANNELS SOURCE_OPENS [OPTION...]: boots it,
# and counts what the script said, and what the host did of each open. The opens
# are names of arrays.
run_guest() {
	local logs=$1 script=$2 sub_channels=$4 ended=yes
	local -n echo_opens=$3 source_opens=$5
	local source=

	shift 5
	[ ${#source_opens[@]} -eq 0 ] || source=modes=$(join "${source_opens[@]}"),sends=20000,rest-ms=$rest,stall-ms=$stall
	"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$VMB_TOP/scripts/kselftest/$script" \
		"$VMB_TOP/scripts/kselftest/client-lib.sh" \
		"$modules"/*.ko "$VMB_BUILD/client/$version"/*.ko ${files[@]+"${files[@]}"}
	"$guest/run.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
		"${limits[@]}" "$@" \
		--device "modes=$(join "${echo_opens[@]}"),inband=3000,external=300,hold-every=$hold_every,rest-ms=$rest,stall-ms=$stall,sub-channels=$sub_channels,seed=$seed" \
		--source "$source" || ended=no
	results guest < <(tr -d '\r' <"$logs/guest.log" | sed -n 's/^VMBGUEST-TEST //p')
	judge opens.py "$logs/host.log" echo "$sub_channels" "${echo_opens[@]}"
	judge opens.py "$logs/host.log" source 0 "${source_opens[@]}"
	check "the guest ran to its end" [ "$ended" = yes ]
}

# refute PATTERN FILE: it is not to be found there.
refute() {
	! grep -a -e "$1" "$2"
}

# vmbstat_shows FILE: what its guest's echo channel has done, as if it had been run there.
vmbstat_shows() {
	tr -d '\r' <"$1" | sed -n 's/^VMBGUEST-SEEN //p' >"$work/recorded"
	"$VMB_TOP/scripts/vmbstat/recorded.py" "$work/recorded" "$work/seen"
	"$VMB_TOP/scripts/vmbstat/live.py" --echo "$work/seen"
}

# heartbeats_are_right FILE: hv_utils, ours, and hv_utils once more.
heartbeats_are_right() {
	grep '^VMBHOST-HEARTBEAT' "$1"
	[ "$(grep -c '^VMBHOST-HEARTBEAT.*"negotiated": true.*"wrong": 0, "no_room": 0' "$1")" -eq 3 ]
}

# begins NAME: whether this guest is wanted; a stage begins.
begins() {
	[[ " $wanted " == *" $1 "* ]] && stage "the guest: $1"
}

if begins main; then
	files=(${main_files[@]+"${main_files[@]}"})
	VMB_KICKS=5000 run_guest "$logs" main.sh client_opens 0 sender_opens \
		--option -device \
		--option "vmb-pair-host-first,hold-every=0,modes=$(join "${pair_first_opens[@]}")" \
		--option -device \
		--option "vmb-pair-host-second,hold-every=0,modes=$(join "${pair_second_opens[@]}")"
	if [ "$(cat "$logs/how")" = nested ]; then
		check "host: no interrupt that was injected came a second time" \
			grep '^nested_interrupts: [1-9]' "$logs/qemu.log"
	fi
	check "vmbstat shows what the channel has done, in every output" \
		vmbstat_shows "$logs/guest.log"
	judge opens.py "$logs/host.log" pair-first 0 "${pair_first_opens[@]}"
	judge opens.py "$logs/host.log" pair-second 0 "${pair_second_opens[@]}"
	files=()
fi

# QEMU refuses what is newer than 4.0, and Linux asks for nothing older than 2.4.
if begins versions; then
	has_stock hv_utils || versions=()
	[ ${#versions[@]} -gt 0 ] || skipped "guest: versions" "this kernel has no hv_utils"
	files=(stock:hv_utils)
	for name in ${versions[@]+"${versions[@]}"}; do
		run_guest "$logs/versions-$name" versions.sh version_opens 0 version_opens \
			--option -device --option vmb-heartbeat-host --append \
			"hv_vmbus.max_version=$((${name%.*} << 16 | ${name#*.})) VMB_VERSION=$name"
		check "host: $name: each heartbeat was answered, of either driver" \
			heartbeats_are_right "$logs/versions-$name/host.log"
	done
	files=()
fi

if begins sub-channels; then
	run_guest "$logs/sub-channels" sub-channels.sh offered_opens 4 no_opens
fi

# To hibernate, a third of the memory is allocated page by page, and to start another
# kernel it is read and summed up: that takes minutes where each page takes a
# millisecond and packets all the time.
[ "$version" != debug ] || rest=200
# Nor does anything else run on that processor meanwhile, on any kernel.
stall=90000
if begins hibernation; then
	run_guest "$logs/hibernation" hibernation.sh resumed_opens 4 refusing_opens --timer local
fi

if begins kexec; then
	gcc -O2 -Wall -Wextra -static -o "$work/next_kernel" \
		"$VMB_TOP/scripts/kselftest/kexec/next_kernel.c"
	"$guest/l2-initramfs.sh" "$kernel" "$work/initramfs" \
		"$VMB_TOP/scripts/kselftest/kexec.sh" \
		"$VMB_TOP/scripts/kselftest/client-lib.sh" "$modules"/*.ko
	files=("$work/next_kernel" "$work/initramfs" "$kernel/vmlinuz")
	# The bus unbinds its synthetic timers first, and dies of a late tick.
	run_guest "$logs/kexec" kexec.sh kexec_opens 4 kexec_opens --timer local \
		--append watchdog_thresh=60 \
		--trace vmbus_process_incoming_message \
		--trace vmbus_gpadl_created --trace vmbus_gpadl_torndown
	judge closed_first.py "$logs/kexec/host.log" 6
	check "guest: kexec: no driver kept the machine up, and nothing was wrong" \
		refute 'does not quiesce\|WARNING:\|BUG:' "$logs/kexec/guest.log"
	files=()
fi
rest=0
stall=20000

# A close waits for a host that does not read.
hold_every=0
if begins faults; then
	if [ "$version" = debug ]; then
		run_guest "$logs/faults" faults.sh faults_opens 4 faults_opens
	else
		skipped "guest: faults" "this kernel cannot make allocations fail"
	fi
fi

# What the host did in each of these opens, and that nothing changed by it which was
# never shared.
hostile_is_survived() {
	sed -n 's/^VMBHOST-HOSTILE /  hostile: /p' "$1" >&2
	[ "$(grep -c '^VMBHOST-HOSTILE.*"untouched": true' "$1")" -eq "$hostile_rounds" ] &&
		grep '^VMBHOST-PLACES [1-9]' "$1" && refute VMBHOST-WRONG "$1"
}

if begins hostile; then
	run_guest "$logs/hostile" hostile.sh hostile_opens 0 faults_opens \
		--append "VMB_ROUNDS=$hostile_rounds" --deadline "${DEADLINE:-1200}"
	check "host: hostile: what was not shared did not change" \
		hostile_is_survived "$logs/hostile/host.log"
fi

if begins storm; then
	run_guest "$logs/storm" storm.sh storm_opens 0 storm_sender_opens \
		--append "VMB_ROUNDS=$rounds VMB_WARM_UP=$warm_up $tracking" --deadline "${DEADLINE:-1200}"
	judge balance.py "$logs/storm"/{guest,host}.log
fi
checks_end
