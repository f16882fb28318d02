#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a small kernel with our suites in it and runs them in QEMU, by the
# kernel's own kunit.py. The kernel is kept: later runs build our objects only.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

SERIES=6.12
JOBS=2
BUILD_SECONDS=2400
TEST_SECONDS=300

usage() {
	cat <<-END
		usage: scripts/kunit.sh [--filter GLOB] [--debug] [--kernel]

		  --filter GLOB  only the suites, or suite.case, that match
		                 (default: vmbkmcl*)
		  --debug        on a kernel with KASAN, lockdep and object debugging
		                 (first time: some 12 minutes); what they report fails
		  --kernel       only build; prints the path of the build folder, which
		                 holds arch/x86/boot/bzImage and Module.symvers
		  --help         this

		Leaves build/kunit.ktap, build/kunit.json and build/kunit.log.
		Ends with 'N passed, N failed, N skipped'; 0 if none failed and some ran.
	END
}

filter='vmbkmcl*'
only_build=
debug=
configs=("$VMB_TOP/kunit/.kunitconfig")
while [ $# -gt 0 ]; do
	case $1 in
	--filter)
		[ $# -gt 1 ] || die "--filter wants a glob" "scripts/kunit.sh --help"
		filter=$2
		shift
		;;
	--debug)
		debug=1
		configs+=("$VMB_TOP/kunit/debug.config")
		TEST_SECONDS=1500
		;;
	--kernel) only_build=1 ;;
	--help | -h)
		usage
		exit 0
		;;
	*) die "unknown option $1" "scripts/kunit.sh --help" ;;
	esac
	shift
done

need_packages "linux-source-$SERIES" gcc make flex bison bc libelf-dev libssl-dev \
	xz-utils python3 qemu-system-x86

version=$(dpkg-query -W -f '${Version}' "linux-source-$SERIES")
source_dir=$VMB_CACHE/linux/source-$version
config=$(cat "${configs[@]}" | sha256sum | cut -c 1-8)
build_dir=$VMB_CACHE/kunit/$version-gcc$(gcc -dumpversion)-$config
mkdir -p "$VMB_CACHE/linux" "$build_dir"

# One run at a time in one build folder.
exec 7>"$VMB_CACHE/kunit/lock"
flock -n 7 || {
	note "waiting for another run of the KUnit suites"
	flock -w 3600 7 || die "$VMB_CACHE/kunit/lock was held for an hour" \
		"see who holds it: fuser -v $VMB_CACHE/kunit/lock"
}

# Puts the sources in place whole or not at all.
unpack() {
	[ -e "$source_dir/Makefile" ] && return
	stage "unpacking Linux $version"
	rm -rf "$source_dir.part"
	mkdir -p "$source_dir.part"
	quietly "$VMB_BUILD/kunit.log" 600 tar -xf "/usr/src/linux-source-$SERIES.tar.xz" \
		-C "$source_dir.part" --strip-components=1
	mv "$source_dir.part" "$source_dir"
}

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
		--arch=x86_64 --build_dir="$build_dir" "$@" 7>&-
}

unpack
graft

stage "building the kernel with the suites (first time: some 6 minutes)"
cd "$source_dir"
run=(heavy quietly "$VMB_BUILD/kunit.log" "$BUILD_SECONDS")
kunit build "${configs[@]/#/--kunitconfig=}" --jobs=$JOBS ||
	die "the kernel with the suites does not build" "see $VMB_BUILD/kunit.log"
if [ -n "$only_build" ]; then
	stage_end
	echo "$build_dir"
	exit 0
fi

stage "running the suites $filter"
rm -f "$build_dir/test.log" "$VMB_BUILD/kunit.ktap" "$VMB_BUILD/kunit.json"
run=(timeout --kill-after=10 $((TEST_SECONDS + 60)))
status=0
kunit exec --timeout=$TEST_SECONDS --qemu_args='-smp 2' \
	--json="$VMB_BUILD/kunit.json" "$filter" \
	>"$VMB_BUILD/kunit.log" 2>&1 </dev/null || status=$?
[ ! -e "$build_dir/test.log" ] || cp "$build_dir/test.log" "$VMB_BUILD/kunit.ktap"
stage_end

# What the checkers say does not fail a case. Cases that misuse the library on
# purpose cause warnings of its own, which are not meant.
reports=0
if [ -n "$debug" ]; then
	pattern='BUG: |possible (circular|recursive) locking|inconsistent lock state|ODEBUG: |blocked for more than'
	reports=$(grep -c -E "$pattern" "$VMB_BUILD/kunit.ktap" || true)
	grep -E -A 30 "$pattern" "$VMB_BUILD/kunit.ktap" | head -n 120 >&2 || true
fi

# Only what went wrong, and kunit.py's own count.
grep -v -e 'PASSED\]' -e ' [0-9]* tests\? passed\|========' "$VMB_BUILD/kunit.log" >&2 || true
python3 - "$VMB_BUILD/kunit.log" "$status" "$reports" <<'END'
import re
import sys

text = re.sub(r"\x1b\[[0-9;]*m", "", open(sys.argv[1], errors="replace").read())
line = re.findall(r"Testing complete\. Ran (\d+) tests:?(.*)", text)
count = dict.fromkeys(("passed", "failed", "crashed", "skipped", "errors"), 0)
if line:
    count.update((k, int(v)) for k, v in re.findall(r"(\w+): (\d+)", line[-1][1]))
failed = count["failed"] + count["crashed"] + count["errors"]
# A run that broke off, or that ran nothing, is a failure too.
failed += int(sys.argv[3])
if not failed and (int(sys.argv[2]) or not count["passed"]):
    failed = 1
print(f"{count['passed']} passed, {failed} failed, {count['skipped']} skipped")
sys.exit(1 if failed else 0)
END
