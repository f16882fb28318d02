#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The one test command. Runs every part, whatever became of the ones before,
# and ends with the sum of their counts alone on the last line.
#
# usage: check.sh [--debug] [PART...]
#
#   static      check-static.sh: build without a warning, sparse, checkpatch, ...
#   dkms        check-dkms.sh: add, build, install, remove
#   install     check-install.sh: what a user does, in a clean Debian 12
#   secure-boot check-secure-boot.sh: modules signed and not, where the firmware asks
#   kunit       kunit.sh: the KUnit suites on a kernel of their own
#   loopback    check-loopback.sh: a server and a client in a plain guest
#   kit         check-kit.sh: a new client on loopback, and in make guest
#   kselftest   kselftest.sh: load, bind, traffic, unload in a Hyper-V guest
#   peers       check-peers.sh: QEMU's Dynamic Memory, and hv_utils' heartbeat
#
# With --debug kunit, loopback and kselftest, on kernels with KASAN, lockdep, object debugging
# and kmemleak; and beside them, for a guest in emulation keeps one processor busy:
#
#   storm       kselftest.sh: those of its guests that take long
#
# A part passes if its own last line counts what it did, nothing in it failed
# and it ended with 0. Anything else is a failure: a part that died, that ran
# out of time, or that counted nothing.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

# Name, script, the seconds it may take when nothing is in the cache, and what
# the script is told.
parts=(
	"static check-static.sh 1500"
	"dkms check-dkms.sh 900"
	"install check-install.sh 1800"
	"secure-boot check-secure-boot.sh 900"
	"kunit kunit.sh 2700"
	"loopback check-loopback.sh 600"
	"kit check-kit.sh 1800"
	"kselftest kselftest.sh 1800"
	"peers check-peers.sh 2400"
)
count_file=$VMB_BUILD/check.count
# The part that begins first, and whose output is shown when its turn comes.
beside=
if [ "${1:-}" = --debug ]; then
	shift
	parts=(
		"kunit kunit.sh 4200 --debug"
		"loopback check-loopback.sh 3000"
		"kselftest kselftest.sh 3600 main sub-channels hibernation faults hostile"
		"storm kselftest.sh 3600 kexec storm"
	)
	beside=storm
	export KERNEL=debug DEADLINE="${DEADLINE:-2300}"
	count_file=$VMB_BUILD/check-debug.count
fi

for wanted; do
	printf '%s\n' "${parts[@]}" | grep -q "^$wanted " ||
		die "no such part: $wanted" "$0 --help"
done

need_packages procps
rm -f "$count_file"
passed=0
failed=0
skipped=0
rows=()
failures=()

# Ends whatever is left of a part: it has a session of its own, which also those
# of its processes stay in that made themselves a process group.
end_session() {
	local signal left

	for signal in TERM TERM KILL; do
		left=$(ps -o pid= --sid "$1") || return 0
		# shellcheck disable=SC2086
		kill -$signal $left 2>/dev/null || true
		sleep 2
	done
}

# start_part BUILD NAME SCRIPT SECONDS [ARGUMENT...]: sets pid. Its output goes to
# its log, and what it builds to BUILD.
start_part() {
	: >"$VMB_BUILD/check-$2.log"
	: >"$VMB_BUILD/check-$2.errors"
	VMB_BUILD=$1 setsid timeout --foreground --kill-after=30 "$4" \
		"$VMB_TOP/scripts/$3" "${@:5}" </dev/null >"$VMB_BUILD/check-$2.log" \
		2> >(tee "$VMB_BUILD/check-$2.errors" >&2) &
	pid=$!
	on_exit end_session "$pid"
}

# run_part NAME SCRIPT SECONDS [ARGUMENT...]: shows its output as it comes, counts.
run_part() {
	local log=$VMB_BUILD/check-$1.log status=0 began took count line pid shown verdict

	stage "$1"
	began=$(date +%s)
	if [ "$1" = "$beside" ]; then
		pid=$beside_pid
		began=$beside_began
	else
		start_part "$VMB_BUILD" "$@"
	fi
	tail --pid="$pid" --sleep-interval=0.5 -n +1 -f "$log" &
	shown=$!
	# Waiting, unlike a command in the foreground, lets a signal through.
	wait "$pid" || status=$?
	wait "$shown" || true
	end_session "$pid"
	took=$(($(stat -c %Y "$log") - began))

	line=$(tail -n 1 "$log")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
		count=$line
		verdict=ok
		if [ "${BASH_REMATCH[2]}" -gt 0 ]; then
			verdict=FAILED
		elif [ "$status" -ne 0 ]; then
			verdict="FAILED: it counted no failure, and ended with $status"
			failed=$((failed + 1))
		elif [ "${BASH_REMATCH[1]}" -eq 0 ]; then
			verdict="FAILED: nothing passed"
			failed=$((failed + 1))
		fi
	else
		count="no count"
		verdict="FAILED: ended with $status"
		[ "$status" -ne 124 ] || verdict="FAILED: not done within $3 s"
		failed=$((failed + 1))
	fi
	rows+=("$(printf '%-11s %5d s  %-38s %s' "$1" "$took" "$count" "$verdict")")
	[ "$verdict" = ok ] || failures+=("$1")
}

# What a part said of each thing that failed: whoever has only the end of a long log
# is to know what it was.
list_failures() {
	local files=$VMB_BUILD/check-$1

	echo "$1: from $files.log and .errors"
	sed -n -E '/^not ok|\[FAILED\]|(EXPECTATION|ASSERTION) FAILED| error: / {s/^/  /; p}' \
		"$files.log" "$files.errors" | head -n 30
}

is_wanted() {
	[ $# -eq 1 ] || [[ " ${*:2} " == *" $1 "* ]]
}

# Never two builds of a kernel at once; then a machine of its own does not wait for
# the others' ones.
if [ -n "$beside" ] && is_wanted "$beside" "$@"; then
	stage "the kernel that looks for more"
	heavy "$VMB_TOP/scripts/guest/kernel.sh" "$KERNEL" >/dev/null
	heavy_begin
	for part in "${parts[@]}"; do
		read -ra part <<<"$part"
		[ "${part[0]}" = "$beside" ] || continue
		beside_began=$(date +%s)
		start_part "$VMB_BUILD/beside" "${part[@]}"
		beside_pid=$pid
	done
	note "  $beside goes on beside the others: $VMB_BUILD/check-$beside.log"
fi
for part in "${parts[@]}"; do
	read -ra part <<<"$part"
	! is_wanted "${part[0]}" "$@" || run_part "${part[@]}"
done
stage_end

for part in ${failures[@]+"${failures[@]}"}; do
	echo
	list_failures "$part"
done
echo
printf '%s\n' "${rows[@]}"
echo
echo "$passed passed, $failed failed, $skipped skipped" | tee "$count_file"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
