#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The wire code in user space, with ASan, UBSan and libFuzzer around it, and a
# peer that may change the shared memory between any two fetches.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Reasons that only the channel layer gives.
NOT_OF_THE_WIRE=" page_not_shared transfer_set_unknown"
NOT_OF_THE_WIRE+=" transfer_range_beyond_set completion_unexpected "

usage() {
	cat <<-END
		usage: scripts/fuzz.sh [FILE...]

		  FILE    an input of an earlier finding: only that is run
		  --help  this

		FUZZ_SECONDS (60) is how long to look. Prints executions, executions per
		second, and how often each reason to refuse was reached; one that never was
		fails the run, as does a finding, whose input is left in build/fuzz/.
	END
}

case ${1:-} in
--help | -h)
	usage
	exit 0
	;;
-*) die "unknown option $1" "scripts/fuzz.sh --help" ;;
esac

seconds=${FUZZ_SECONDS:-60}
case $seconds in
'' | *[!0-9]* | 0) die "FUZZ_SECONDS is '$seconds'" "a number of seconds, at least 1" ;;
esac

need_packages clang python3
need_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"

out=$VMB_BUILD/fuzz
corpus=$VMB_CACHE/fuzz/corpus
wire=$VMB_TOP/drivers/kmcl
here=$VMB_TOP/scripts/fuzz
mkdir -p "$out" "$corpus"

stage "building the wire code for user space"
quietly "$out/build.log" 300 clang -std=gnu11 -g -O1 -Wall -Wextra -Werror \
	-Wno-sign-compare -Wno-address-of-packed-member -Wno-pointer-arith \
	-Wno-unused-function \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-I"$here/shim" -I"$here" -I"$wire" \
	"$here"/*.c "$wire"/ring_reader.c "$wire"/ring_writer.c "$wire"/ranges.c \
	"$wire"/refusal.c -o "$out/wire"

if [ $# -gt 0 ]; then
	stage_end
	exec "$out/wire" "$@"
fi

rm -rf "$out/seeds" "$out/refusals"
python3 "$here/seeds.py" "$out/seeds"

stage "looking for $seconds s"
status=0
VMB_FUZZ_REFUSALS=$out/refusals timeout --kill-after=10 $((seconds + 120)) \
	"$out/wire" -max_total_time="$seconds" -max_len=2048 -timeout=10 \
	-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$out/" \
	"$corpus" "$out/seeds" >"$out/fuzz.log" 2>&1 </dev/null || status=$?
stage_end
if [ "$status" -ne 0 ] || [ ! -s "$out/refusals" ]; then
	grep -v -e '^#[0-9]' "$out/fuzz.log" | tail -n 40 >&2
	die "the fuzzer found something (status $status)" \
		"scripts/fuzz.sh with the input that it names; all of it: $out/fuzz.log"
fi

executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/fuzz.log")
per_second=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$out/fuzz.log")
echo "executions             $executions"
echo "executions per second  $per_second"
echo "refused because of"
never=
while read -r name count; do
	case $NOT_OF_THE_WIRE in
	*" $name "*) continue ;;
	esac
	printf '  %-26s %s\n' "$name" "$count"
	[ "$count" -gt 0 ] || never="$never $name"
done <"$out/refusals"
[ -z "$never" ] || die "never reached:$never" "a longer FUZZ_SECONDS, or a seed in seeds.py"
