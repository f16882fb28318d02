#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a small kernel with our suites in it and runs them in QEMU, by the
# kernel's own kunit.py. The kernel is kept: later runs build our objects only.
#
# usage: kunit.sh [--filter GLOB] [--bounce] [--arch ARCH | --debug | --rt | --clang |
#		  --kcsan | --kmsan] [--newest] [--soak PACKETS] [--seed SEED] [--kernel]
#		  [--bench]
#
#   --filter GLOB  only the suites, or suite.case, that match (default: vmbkmcl*,
#                  and then what has to do with memory, with swiotlb=force)
#   --bounce       only with swiotlb=force
#   --arch ARCH    x86_64; or arm64 or arm64-64k, compiled for and emulated: pages
#                  of 4 KiB, or of 64 KiB, which no page of Hyper-V's is
#   --debug        on a kernel with KASAN, UBSAN, lockdep, object debugging and
#                  kmemleak (first time: some 12 minutes); what they
#                  report fails
#   --rt           on a PREEMPT_RT kernel with lockdep, whose reports fail, too
#   --clang        on a kernel that clang has built, with kCFI, FORTIFY and UBSAN's
#                  traps
#   --kcsan        on a kernel with KCSAN: two accesses at the same time, a write among
#                  them, of which one is not marked, fail if one is in our code
#   --kmsan        on a kernel with KMSAN, built by clang: what nobody has written must
#                  not be decided on, nor shown to a peer
#   --newest       on the newest kernel of Debian's unstable, instead of 6.12
#   --soak PACKETS so many packets over each transport with a hostile peer; only the
#                  suites that have one, unless --filter says which
#   --seed SEED    of the first run with a hostile peer, each of some thousand packets;
#                  the next has the next (default: 1). What fails names its own
#   --kernel       only build; prints the path of the build folder, which
#                  holds arch/x86/boot/bzImage and Module.symvers
#   --bench        only build, the kernel that make bench counts on
#
# Leaves build/kunit.ktap, build/kunit.json and build/kunit.log, and the same of a
# run with swiotlb=force under kunit-bounce. Ends with 'N passed, N failed, N
# skipped', where what passed in either run was not skipped; 0 if none failed and
# some ran.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

SERIES=6.12
# The first that has kCFI.
CLANG=16
arch=x86_64
# What a machine that bounces all DMA is to show, on a run of its own.
BOUNCE_FILTER='vmbkmcl_*memory'
JOBS=2
# Some 6 minutes, and several times that where others build, too.
BUILD_SECONDS=4800
TEST_SECONDS=600

# At least so many of a hostile peer's packets a second, where all is checked.
SOAK_SPEED=200

filter=
soak=
hostile=
bounce=
only_build=
extra=faults
debug=
variant=
configs=("$VMB_TOP/kunit/.kunitconfig")
while [ $# -gt 0 ]; do
	case $1 in
	--filter)
		[ $# -gt 1 ] || die "--filter wants a glob" "scripts/kunit.sh --help"
		filter=$2
		shift
		;;
	--debug | --rt | --clang | --kcsan | --kmsan)
		[ -z "$variant" ] || die "$1 beside $variant" "one of them"
		variant=$1
		;;
	--newest) SERIES=newest ;;
	--bounce) bounce=1 ;;
	--soak | --seed)
		[[ ${2-} =~ ^[1-9][0-9]*$ ]] || die "$1 wants a number" "scripts/kunit.sh --help"
		if [ "$1" = --soak ]; then
			soak=$2
			hostile+=" vmbkmcl.hostile_packets=$2"
		else
			hostile+=" vmbkmcl.hostile_seed=$2"
		fi
		shift
		;;
	--arch)
		[ $# -gt 1 ] || die "--arch wants a name" "scripts/kunit.sh --help"
		arch=$2
		shift
		;;
	--kernel) only_build=1 ;;
	--bench)
		only_build=1
		extra=bench
		;;
	*) die "unknown option $1" "scripts/kunit.sh --help" ;;
	esac
	shift
done

configs+=("$VMB_TOP/kunit/$extra.config")

source_dir=$("$VMB_TOP/scripts/lib/linux-source.sh" "$SERIES")
compiler=gcc
kunit_arch=$arch
machine='-smp 2'
how=()
case $variant in
--debug)
	debug=1
	TEST_SECONDS=1500
	;;
--rt | --kcsan) TEST_SECONDS=1800 ;;
--clang | --kmsan)
	need_packages "clang-$CLANG" "lld-$CLANG" "llvm-$CLANG"
	compiler=clang-$CLANG
	how=("--make_options=LLVM=-$CLANG")
	# Three times the memory, and each access is accounted for.
	[ "$variant" = --clang ] || {
		machine+=' -m 4096'
		TEST_SECONDS=3600
	}
	;;
esac
[ -z "$variant" ] || configs+=("$VMB_TOP/kunit/${variant#--}.config")
case $arch in
x86_64) need_packages python3 qemu-system-x86 ;;
arm64 | arm64-64k)
	[ -z "$variant" ] || die "$variant is for x86_64" "it without --arch"
	need_packages python3 qemu-system-arm gcc-aarch64-linux-gnu
	compiler=aarch64-linux-gnu-gcc
	kunit_arch=arm64
	how=(--cross_compile=aarch64-linux-gnu-)
	[ "$arch" = arm64 ] || configs+=("$VMB_TOP/kunit/$arch.config")
	TEST_SECONDS=3000
	;;
*) die "unknown architecture $arch" "x86_64, arm64 or arm64-64k" ;;
esac
version=${source_dir##*/source-}
config=$(sed "/^#/d" "${configs[@]}" | sha256sum | cut -c 1-8)
[ "$arch" = x86_64 ] || version+=-$arch
built_by=gcc
[ "$compiler" = gcc ] || [ "$arch" != x86_64 ] || built_by=clang
build_dir=$VMB_CACHE/kunit/$version-$built_by$("$compiler" -dumpversion)-$config
mkdir -p "$build_dir"
if [ "$arch" != x86_64 ]; then
	# What only x86 has is there for Hyper-V.
	sed '/^#/d; /^CONFIG_HYPERVISOR_GUEST=/d' "${configs[@]}" >"$build_dir/kunitconfig"
	configs=("$build_dir/kunitconfig")
fi

# lock FD FILE: until the script ends, or closes it.
lock() {
	flock -n "$1" || {
		note "waiting for another run of the KUnit suites"
		flock -w 3600 "$1" || die "$2 was held for an hour" \
			"see who holds it: fuser -v $2"
	}
}

# One run at a time in one build folder, and one build at a time of the sources,
# which our folder is put into.
exec 6>"$build_dir/lock" 7>"$source_dir.lock"
lock 6 "$build_dir/lock"
lock 7 "$source_dir.lock"

# Our folder inside the kernel's tree: a copy that changes only where the text
# did. A link would bring objects of other builds along, which make would find
# there, and going from one clone to another would leave newer objects of older
# files behind.
graft() {
	local graft=$source_dir/drivers/vmbkmcl file

	mkdir -p "$graft"
	(
		cd "$VMB_TOP"
		find Kbuild Kconfig include drivers kunit -type f \
			\( -name '*.[ch]' -o -name 'Kbuild' -o -name 'Kconfig' \)
	) | sort >"$build_dir/files"
	while read -r file; do
		cmp -s "$VMB_TOP/$file" "$graft/$file" && continue
		mkdir -p "$graft/$(dirname "$file")"
		cp "$VMB_TOP/$file" "$graft/$file"
	done <"$build_dir/files"
	(cd "$graft" && find . -type f | sed 's|^\./||' | sort) |
		comm -13 "$build_dir/files" - |
		while read -r file; do
			rm -f "$graft/$file"
		done
	grep -q vmbkmcl "$source_dir/drivers/Makefile" ||
		echo 'obj-y += vmbkmcl/' >>"$source_dir/drivers/Makefile"
	grep -q vmbkmcl "$source_dir/drivers/Kconfig" ||
		echo 'source "drivers/vmbkmcl/Kconfig"' >>"$source_dir/drivers/Kconfig"
}

kunit() {
	local verb=$1

	shift
	"${run[@]}" python3 "$source_dir/tools/testing/kunit/kunit.py" "$verb" \
		--arch="$kunit_arch" --build_dir="$build_dir" \
		${how[@]+"${how[@]}"} "$@" 6>&- 7>&-
}

# What a user space does behind the suites: kmemleak scans when it is asked.
initramfs() {
	local root=$1/root guest=$VMB_TOP/scripts/guest

	need_packages busybox-static cpio
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,test}
	cp /bin/busybox "$root/bin/busybox"
	install -m 755 "$guest/l2-init" "$root/init"
	install -m 755 "$guest/kunit-guest.sh" "$root/test/main"
	cp "$guest/guest-lib.sh" "$VMB_TOP/scripts/kselftest/client-lib.sh" "$root/test/"
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$1/initrd"
}

graft

stage "building the kernel with the suites (first time: some 6 minutes)"
cd "$source_dir"
run=(heavy quietly "$VMB_BUILD/kunit.log" "$BUILD_SECONDS")
kunit build "${configs[@]/#/--kunitconfig=}" --jobs=$JOBS ||
	die "the kernel with the suites does not build" "see $VMB_BUILD/kunit.log"
exec 7>&-
if [ -n "$only_build" ]; then
	stage_end
	echo "$build_dir"
	exit 0
fi

work=
scratch_dir work
# What the checkers say. Process 1 is the one that waits for each case.
reported='BUG: |possible (circular|recursive) locking|inconsistent lock state|lock inversion'
reported+='|invalid wait context|held lock freed|suspicious RCU|ODEBUG: '
reported+='|:([2-9]|1[0-9])[0-9]* blocked for more than'
reported+='|CFI failure|UBSAN: |detected buffer overflow|field-spanning write'
[ -z "$debug" ] || initramfs "$work"

# Where the head of a subtest and its name do not follow each other, kunit.py loses its
# way; a line of the kernel's own, about its clock or a mouse, may come in between.
# shellcheck disable=SC2016
tidy='/^ *KTAP version 1$/ { if (head != "") print head; head = $0; next }
head != "" && !/^ *(# Subtest:|1[.][.][0-9])/ { print; next }
head != "" { print head; head = "" }
{ print }
END { if (head != "") print head }'

# kcsan_reports FILE: those in which a function of ours takes part. The kernel has races of
# its own, which are not ours to mark.
# shellcheck disable=SC2016
kcsan_reports() {
	find "$build_dir/drivers/vmbkmcl" -name '*.o' -exec nm {} + 2>/dev/null |
		awk 'NF == 3 && tolower($2) == "t" { print $3 }' | sort -u >"$work/functions"
	sed 's/^\[[ 0-9.]*\] *//' "$1" | awk -v functions="$work/functions" '
	BEGIN { while ((getline name < functions) > 0) ours[name] = 1 }
	/BUG: KCSAN: / { title = $0; for (i = 1; i <= NF; i++) if ($i in ours) told = 1 }
	told { print }
	/^=====/ && title != "" { title = ""; told = 0 }'
}

# run_suites NAME GLOB [PARAMETERS]: of the guest's kernel. What there is to count
# goes to $work/runs.
run_suites() {
	local glob=$2 parameters=panic=-1 status=0 reports=0 answers=0 machine=$machine
	local log=$VMB_BUILD/$1.log ktap=$VMB_BUILD/$1.ktap json=$VMB_BUILD/$1.json

	stage "running the suites $glob${3:+ with $3}"
	# Where the emulator has to wait for a CPU, the kernel takes the timer for broken.
	[ "$arch" != x86_64 ] || parameters+=' no_timer_check'
	parameters+=${3:+ $3}
	rm -f "$build_dir/test.log" "$ktap" "$json"
	run=(timeout --kill-after=10 $((TEST_SECONDS + 60)))
	if [ -n "$debug" ]; then
		machine+=" -initrd $work/initrd"
		# The last -append counts: kunit.py's would end the machine with the suites.
		machine+=" -append 'console=ttyS0 kunit.filter_glob=$glob $parameters'"
	fi
	kunit exec --timeout=$TEST_SECONDS --qemu_args="$machine" \
		--kernel_args="$parameters" --raw_output=all "$glob" \
		>"$log" 2>&1 </dev/null || status=$?
	stage_end
	if [ -e "$build_dir/test.log" ]; then
		awk "$tidy" "$build_dir/test.log" >"$ktap"
		python3 "$source_dir/tools/testing/kunit/kunit.py" parse --json="$json" \
			"$ktap" >"$log.parsed" 2>&1 </dev/null || status=$?
		# What QEMU or kunit.py said of a run that broke off is at its end.
		[ "$status" -eq 0 ] || tail -n 20 "$log" >&2
		mv "$log.parsed" "$log"
	fi

	# A report does not fail a case. Cases that misuse the library on purpose cause
	# warnings of its own, which are not meant. Behind the suites comes what user
	# space asked.
	case $variant in
	'') ;;
	--kcsan)
		kcsan_reports "$ktap" >"$work/reports"
		reports=$(grep -c 'BUG: KCSAN' "$work/reports" || true)
		;;
	*)
		grep -E -A 30 "$reported" "$ktap" >"$work/reports" || true
		reports=$(grep -c -E "$reported" "$work/reports" || true)
		;;
	esac
	[ "$reports" -eq 0 ] || head -n 120 "$work/reports" >&2
	if [ -n "$debug" ]; then
		answers=$(grep -c '^VMBGUEST-TEST ok' "$ktap" || true)
		[ "$answers" -eq 2 ] || {
			sed -n '/^VMBGUEST-BOOTED/,$p' "$ktap" | head -n 120 >&2
			reports=$((reports + 2 - answers))
		}
	fi
	# Only what went wrong, and kunit.py's own count.
	grep -v -e 'PASSED\]' -e ' [0-9]* tests\? passed\|========' "$log" >&2 || true
	printf '%s\t' "$log" "$json" "$status" "$reports" "$answers" >>"$work/runs"
	echo >>"$work/runs"
}

if [ -n "$soak" ]; then
	: "${filter:=vmbkmcl_hostile*}"
	TEST_SECONDS=$((TEST_SECONDS + soak * 3 / SOAK_SPEED))
fi
[ -n "$bounce" ] || run_suites kunit "${filter:-vmbkmcl*}" "${hostile# }"
if [ -n "$bounce" ] || [ -z "$filter" ]; then
	run_suites kunit-bounce "${filter:-$BOUNCE_FILTER}" "swiotlb=force$hostile"
fi

python3 - "$work/runs" <<'END'
import json
import re
import sys


def cases(group, path=()):
    """Name and status of every case, and of every one of a case's parameters."""
    path += (group["name"],)
    for case in group["test_cases"]:
        yield path + (case["name"],), case["status"]
    for below in group["sub_groups"]:
        yield from cases(below, path)


passed = failed = 0
skipped, ran = set(), set()
for run in open(sys.argv[1]):
    log, results, status, reports, answers, _ = run.split("\t")
    text = re.sub(r"\x1b\[[0-9;]*m", "", open(log, errors="replace").read())
    line = re.findall(r"Testing complete\. Ran (\d+) tests:?(.*)", text)
    count = dict.fromkeys(("passed", "failed", "crashed", "skipped", "errors"), 0)
    if line:
        count.update((k, int(v)) for k, v in re.findall(r"(\w+): (\d+)", line[-1][1]))
        for name, verdict in cases(json.load(open(results))):
            (skipped if verdict == "SKIP" else ran).add(name)
    bad = count["failed"] + count["crashed"] + count["errors"] + int(reports)
    # A run that broke off, or that ran nothing, is a failure too.
    if not bad and (int(status) or not count["passed"]):
        bad = 1
    passed += count["passed"] + int(answers)
    failed += bad
print(f"{passed} passed, {failed} failed, {len(skipped - ran)} skipped")
sys.exit(1 if failed else 0)
END
