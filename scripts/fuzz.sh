#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The library in user space, with ASan, UBSan and libFuzzer around it: once its
# wire code, under a peer that may change the shared memory between any two
# fetches; once its channels, with all but the transports, over a kernel of a few
# hundred lines: under a hostile peer, as a fair pair, with sub-channels, restored.
#
# usage: fuzz.sh [FILE...]
#        fuzz.sh --coverage | --minimise | --soak | --commands
#
#   FILE    an input of an earlier finding, under the name it was given:
#           wire-* or channel-*; only that is run
#   --coverage  only the last part of a run: which lines of drivers/kmcl the
#           committed inputs reach, of each file, and whether those that they do not
#           are the ones that scripts/fuzz/never-reached.tsv gives a reason for
#   --minimise  write scripts/fuzz/corpus anew, of that and what runs here have found
#   --soak  for hours: SOAK_SECONDS (3600), with a line a minute and a table at the end;
#           nothing that is to be reached fails it, and it has no coverage
#   --commands  write the seeds, and print for each program its name, flags and
#           sources, for mutants.py
#
# FUZZ_SECONDS (60) is how long to look: at the wire and at the channels, both
# at once. Prints executions, those per second of a CPU, how often each reason to
# refuse was reached, and each outcome that a packet, a call or a life can
# have; one that never was fails the run, as does a finding, whose input is
# left in build/fuzz/. Then the coverage.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

# Reasons that only the channel layer gives.
NOT_OF_THE_WIRE=" page_not_shared transfer_set_unknown"
NOT_OF_THE_WIRE+=" transfer_range_beyond_set completion_unexpected pipe_header "
# What of the library needs a real kernel.
NOT_OF_THE_CHANNEL="hv_* loopback* main observe registry"

case ${1:-} in
--coverage | --minimise | --soak | --commands) ;;
-*) die "unknown option $1" "scripts/fuzz.sh --help" ;;
esac

seconds=${FUZZ_SECONDS:-60}
[ "${1:-}" != --soak ] || seconds=${SOAK_SECONDS:-3600}
case $seconds in
'' | *[!0-9]* | 0) die "that is no number of seconds: '$seconds'" "at least 1" ;;
esac

need_packages clang llvm python3
need_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"

only_commands=
covered=
out=$VMB_BUILD/fuzz
library=$VMB_TOP/drivers/kmcl
here=$VMB_TOP/scripts/fuzz
mkdir -p "$out"

# build NAME ARGUMENT...: or says how. Comparisons are not traced: a third of the time
# went there, and there is no word to guess.
build() {
	local name=$1

	shift
	set -- -std=gnu11 -g -O2 -Wall -Wextra -Werror \
		-Wno-sign-compare -Wno-address-of-packed-member -Wno-pointer-arith \
		-Wno-unused-function \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-fno-sanitize-coverage=trace-cmp,indirect-calls \
		-fsanitize-coverage-ignorelist="$here/uncounted.txt" \
		-I"$here/shim" -I"$here" -I"$library" "$@"
	[ -z "$covered" ] || set -- "$@" -O1 -fprofile-instr-generate -fcoverage-mapping
	if [ -n "$only_commands" ]; then
		(IFS=$'\t' && echo "$name	$*")
		return
	fi
	quietly "$out/$name-build.log" 300 clang "$@" -o "$out/$name$covered"
}

build_wire() {
	build wire "$here"/*.c "$library"/ring_reader.c "$library"/ring_writer.c \
		"$library"/ranges.c "$library"/refusal.c
}

# Every header of the kernel that the wire's shim does not have is kernel.h. What
# is left of the kernel's ways is allowed: callbacks that do not use all they are
# given, its own printk formats, and nothing added to a NULL.
build_channel() {
	local header name source sources=()

	rm -rf "$out/headers"
	grep -hoE '#include <(linux|trace)/[^>]+>' "$library"/*.[ch] \
		"$VMB_TOP"/include/*.h "$VMB_TOP"/include/trace/events/*.h |
		sed 's/.*<\(.*\)>/\1/' | sort -u | while read -r header; do
		if [ -e "$here/shim/$header" ] || [ -e "$VMB_TOP/include/$header" ]; then
			continue
		fi
		mkdir -p "$out/headers/${header%/*}"
		echo '#include "kernel.h"' >"$out/headers/$header"
	done
	for source in "$library"/*.c; do
		for name in $NOT_OF_THE_CHANNEL; do
			# shellcheck disable=SC2053 # a pattern
			[[ $(basename "$source" .c) != $name ]] || continue 2
		done
		sources+=("$source")
	done
	build channel -I"$here/kernel" -I"$out/headers" -I"$VMB_TOP/include" \
		-Wno-unused-parameter -Wno-missing-field-initializers -Wno-format \
		-fno-sanitize=pointer-overflow \
		"$here"/channel/*.c "$here"/{asan,shared_memory}.c "${sources[@]}"
}

# look NAME LENGTH CORPUS: inputs of so many bytes at most, with the seeds that were
# written for it. No entropic schedule: half of the time of a short run went there.
look() {
	local status=0 TIMEFORMAT='%U %S'

	mkdir -p "$3"
	{ time VMB_FUZZ_REACHED=$out/$1-reached timeout --kill-after=10 $((seconds + 120)) \
		"$out/$1" -max_total_time="$seconds" -max_len="$2" -entropic=0 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$out/$1-" \
		"$3" "$out/$1-seeds" >"$out/$1.log" 2>&1 </dev/null || status=$?; } \
		2>"$out/$1-cpu"
	echo "$status" >"$out/$1-status"
}

# report NAME: what was found, or what was reached.
report() {
	local log=$out/$1.log never='' status name count user system

	status=$(cat "$out/$1-status")
	if [ "$status" -ne 0 ] || [ ! -s "$out/$1-reached" ]; then
		grep -v -e '^#[0-9]' "$log" | tail -n 40 >&2
		die "the fuzzer found something in the $1 (status $status)" \
			"scripts/fuzz.sh with the input that it names; all of it: $log"
	fi
	echo "$1"
	read -r user system <"$out/$1-cpu"
	awk -v cpu="$user" -v more="$system" '/^stat::number_of_executed_units:/ {
		printf "  %-28s %s\n", "executions", $2
		printf "  %-28s %d\n", "executions per CPU second", $2 / (cpu + more) }' "$log"
	while read -r name count; do
		case $1,$NOT_OF_THE_WIRE in
		wire,*" ${name#refused:} "*) continue ;;
		esac
		printf '  %-28s %s\n' "$name" "$count"
		[ "$count" -gt 0 ] || never="$never $name"
	done <"$out/$1-reached"
	[ -z "$never" ] || [ -n "$soaks" ] || die "never reached in the $1:$never" \
		"a longer FUZZ_SECONDS, or a seed in scripts/fuzz"
}

write_seeds() {
	rm -rf "$out"/*-seeds
	python3 "$here/seeds.py" "$out/wire-seeds"
	python3 "$here/channel/seeds.py" "$out/channel-seeds"
	for name in wire channel; do
		python3 "$here/corpus.py" unpack "$here/corpus/$name.txt" "$out/$name-seeds"
	done
}

# The seeds one by one, in one order, so that it is the same every time.
coverage() {
	local name status=0 inputs

	stage "which lines the committed inputs reach"
	covered=-covered
	build_wire
	build_channel
	for name in wire channel; do
		mapfile -t inputs < <(find "$out/$name-seeds" -type f | LC_ALL=C sort)
		quietly "$out/$name-covered.log" 300 env LLVM_PROFILE_FILE="$out/$name.profraw" \
			"$out/$name-covered" "${inputs[@]}"
		llvm-profdata merge -sparse "$out/$name.profraw" -o "$out/$name.profdata"
	done
	stage_end
	"$here/coverage.py" $update_list "$library" "$here/never-reached.tsv" \
		"$out/wire-covered" "$out/wire.profdata" \
		"$out/channel-covered" "$out/channel.profdata" || status=$?
	[ "$status" -eq 0 ] || die "the list of lines that are never reached does not hold" \
		"a seed, a reason, or: UPDATE=y scripts/fuzz.sh --coverage"
}

# What reaches an edge that nothing before it did stays.
minimise() {
	local name

	for name in wire channel; do
		stage "the smallest inputs of $name"
		rm -rf "$out/$name-least"
		mkdir -p "$out/$name-least" "$VMB_CACHE/fuzz/$name"
		quietly "$out/$name-least.log" 1200 "$out/$name" -merge=1 -use_counters=0 \
			-max_len=384 "$out/$name-least" "$out/$name-seeds" \
			"$VMB_CACHE/fuzz/$name"
		python3 "$here/corpus.py" pack "$out/$name-least" "$here/corpus/$name.txt"
		stage_end
	done
}

# While it soaks: how far it is, once a minute.
progress() {
	local name

	while sleep 60; do
		for name in wire channel; do
			grep '^#[0-9]' "$out/$name.log" | tail -n 1 |
				sed "s/^/  $(date +%T) $name /; s/ L: .*//"
		done
	done
}

if [ "${1:-}" = --commands ]; then
	only_commands=1
	build_wire
	build_channel
	write_seeds
	exit 0
fi
update_list=
[ -z "${UPDATE:-}" ] || update_list=--update
if [ "${1:-}" = --coverage ]; then
	write_seeds
	coverage
	exit 0
fi

stage "building the wire code and the channels for user space"
build_wire
build_channel
write_seeds
if [ "${1:-}" = --minimise ]; then
	minimise
	exit 0
fi
soaks=
[ "${1:-}" != --soak ] || { soaks=y && shift; }

if [ $# -gt 0 ]; then
	stage_end
	# Who allocated, too, which costs too much while it looks.
	export ASAN_OPTIONS=malloc_context_size=30
	for file; do
		case ${file##*/} in
		wire-*) "$out/wire" "$file" ;;
		channel-*) "$out/channel" "$file" ;;
		*) die "whose input is $file?" "its name begins with wire- or channel-" ;;
		esac
	done
	exit 0
fi

rm -f "$out"/*-reached "$out"/*-status

stage "looking for $seconds s"
look wire 2048 "$VMB_CACHE/fuzz/wire" &
wire=$!
look channel 384 "$VMB_CACHE/fuzz/channel" &
channel=$!
if [ -n "$soaks" ]; then
	progress &
	on_exit end_process $!
fi
wait $wire $channel
stage_end
report wire
report channel
[ -n "$soaks" ] || coverage
