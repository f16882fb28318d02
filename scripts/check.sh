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
# and kmemleak; and beside them:
#
#   storm       kselftest.sh: those of its guests that take long
#
# The parts go in two lanes, side by side: those that compile, in the background, and those
# that boot, for a guest in emulation keeps one processor busy, and is to have it. Their
# output comes in the order above; what parts of a lane but the first build is in a folder
# of build that is called as the lane.
#
# A part passes if its own last line counts what it did, nothing in it failed
# and it ended with 0. Anything else is a failure: a part that died, that ran
# out of time, or that counted nothing.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

# Name, lane, script, the seconds it may take when nothing is in the cache, and what
# the script is told.
parts=(
	"static background check-static.sh 3000"
	"dkms background check-dkms.sh 1500"
	"install background check-install.sh 3600"
	"secure-boot background check-secure-boot.sh 900"
	"kunit first kunit.sh 3600"
	"loopback first check-loopback.sh 900"
	"kit first check-kit.sh 1800"
	"kselftest first kselftest.sh 3600"
	"peers first check-peers.sh 2400"
)
count_file=$VMB_BUILD/check.count
if [ "${1:-}" = --debug ]; then
	shift
	parts=(
		"kunit first kunit.sh 4200 --debug"
		"loopback first check-loopback.sh 3000"
		"kselftest first kselftest.sh 3600 main sub-channels hibernation faults hostile"
		"storm beside kselftest.sh 3600 kexec storm"
	)
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

# Gives way to others: a number of nice's, then a command. Where each session has a share
# of its own of the processors, what it is nice by counts among its own alone.
# shellcheck disable=SC2016
of_session='renice -n "$1" -p $$ >/dev/null
[ ! -w /proc/self/autogroup ] || echo "$1" >/proc/self/autogroup
shift
exec "$@"'
patience=0

# lane_part BUILD NAME SCRIPT SECONDS [ARGUMENT...]: runs a part, whose output goes to its
# log, and what it builds to BUILD; then says how it ended, and how long it took.
lane_part() {
	local log=$VMB_BUILD/check-$2 status=0 began pid

	began=$(date +%s)
	VMB_BUILD=$1 setsid bash -c "$of_session" - "$patience" \
		timeout --foreground --kill-after=30 "$4" \
		"$VMB_TOP/scripts/$3" "${@:5}" </dev/null >"$log.log" \
		2> >(tee "$log.errors" >&2) &
	pid=$!
	on_exit end_session "$pid"
	# Waiting, unlike a command in the foreground, lets a signal through.
	wait "$pid" || status=$?
	end_session "$pid"
	echo "$status $(($(date +%s) - began))" >"$log.ended.new"
	mv "$log.ended.new" "$log.ended"
}

# run_lane LANE BUILD: all of its parts, one behind the other.
run_lane() {
	local part

	# A guest has a clock, and gives up at some time; a compiler does not.
	[ "$1" != background ] || patience=10
	# A shell below another begins without what that one had caught.
	vmb_cleanups=()
	trap vmb_run_cleanups EXIT
	trap 'exit 143' TERM
	for part in "${chosen[@]}"; do
		read -ra part <<<"$part"
		[ "${part[1]}" != "$1" ] || lane_part "$2" "${part[0]}" "${part[@]:2}"
	done
}

# show_part NAME SECONDS: shows its output as it comes, counts.
show_part() {
	local log=$VMB_BUILD/check-$1.log status=0 took=0 count line shown verdict

	stage "$1"
	tail --sleep-interval=0.5 -n +1 -f "$log" &
	shown=$!
	on_exit end_process "$shown"
	until [ -e "$VMB_BUILD/check-$1.ended" ]; do
		# A lane that is gone will say nothing any more.
		jobs -rp | grep -qvx "$shown" || [ -e "$VMB_BUILD/check-$1.ended" ] ||
			die "nobody runs $1 any more" "see $VMB_BUILD/check-$1.errors"
		sleep 0.5
	done
	# What it has printed at last.
	sleep 1
	end_process "$shown"
	wait "$shown" 2>/dev/null || true
	read -r status took <"$VMB_BUILD/check-$1.ended"

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
		[ "$status" -ne 124 ] || verdict="FAILED: not done within $2 s"
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

chosen=()
for part in "${parts[@]}"; do
	! is_wanted "${part%% *}" "$@" || chosen+=("$part")
done
lanes=$(printf '%s\n' "${chosen[@]}" | awk '!seen[$2]++ { print $2 }')
# Both lanes would wait for the kernel, and on a machine of its own neither need wait for
# the other's builds and guests.
if [ -n "${KERNEL:-}" ]; then
	stage "the guests' kernel"
	heavy "$VMB_TOP/scripts/guest/kernel.sh" "$KERNEL" >/dev/null
fi
heavy_begin
for part in "${chosen[@]}"; do
	rm -f "$VMB_BUILD/check-${part%% *}".{ended,errors}
	: >"$VMB_BUILD/check-${part%% *}.log"
done
for lane in $lanes; do
	build=$VMB_BUILD
	[ "$lane" = first ] || build=$VMB_BUILD/$lane
	mkdir -p "$build"
	run_lane "$lane" "$build" &
	on_exit end_process $!
done
for part in "${chosen[@]}"; do
	read -ra part <<<"$part"
	show_part "${part[0]}" "${part[3]}"
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
