#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every kernel that we say we support: builds all modules without a warning
# against each, with the compiler it was built with; boots the demo on the oldest,
# on Debian 12's newer one, on PREEMPT_RT, and on the newest; on the oldest and the
# newest our clients of devices that every Hyper-V machine has, against others' peers, and
# all of them beside the kernel's own drivers; runs what the documents say of perf and the
# like, the loopback demo on PREEMPT_RT, and on arm64 with pages of 4, 16 and 64 KiB; and
# the KUnit suites on arm64, with pages of 4 and 64 KiB, on PREEMPT_RT with lockdep, with
# KCSAN and KMSAN, and on what clang builds, with kCFI, FORTIFY and UBSAN's traps. And the report of
# what the modules lean on in the oldest kernel, 6.12 and the newest.
#
# usage: matrix.sh [--no-boot] [--keep] [CELL...]	(cells are listed by --list)
#
#   --keep   what is known by now becomes kunit/matrix.tsv, the table of kunit/README.md,
#            if nothing failed
#
# Ends with a table, a kernel a line, and 'N passed, N failed, N skipped'. What each cell
# came to stands in build/matrix.tsv: with CELLs only theirs are made anew, and the table
# has those of earlier runs, too.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

# Name, suite, series, flavour of the headers; why the cell is here.
cells=(
	"6.1          bookworm         6.1    amd64     oldest supported: no cleanup.h, remove() returns int"
	"6.1-rt       bookworm         6.1    rt-amd64  sleeping spinlocks, the bus in softirq"
	"6.12-gcc12   bookworm         6.12   amd64     Debian 12's newer kernel"
	"6.12-gcc14   trixie           6.12   amd64     Debian 13's kernel and compiler"
	"6.12-rt      trixie           6.12   rt-amd64  sleeping spinlocks, the bus in a thread"
	"newest       -                newest amd64     HYPERV_VMBUS built in, no MODVERSIONS, UBSAN_BOUNDS"
	"arm64        -                6.12   arm64     weak ordering, 4 KiB pages"
	"arm64-16k    trixie           6.12   arm64-16k a page is not a Hyper-V page"
)
boots=(6.1 6.12 6.12-rt newest)
# make check has 6.12's, with more cycles.
peers=(6.1 newest)
peers_cycles=10
# Without Hyper-V, over loopback.
loopbacks=(6.12-rt arm64 arm64-16k arm64-64k)
kunits=(arm64 arm64-64k rt clang kcsan kmsan)
# A root file system, a kernel or a QEMU may have to be fetched first.
: "${VMB_CHECK_SECONDS:=1500}"
# A kernel may have to be built first, and the suites are emulated, twice.
long_seconds=12000

all_cells() {
	printf '%s\n' "${cells[@]}" "${boots[@]/#/boot-}" "${peers[@]/#/peers-}" \
		report neighbours tracing "${loopbacks[@]/#/loopback-}" "${kunits[@]/#/kunit-}"
}

boot=yes
keep=
wanted=()
while [ $# -gt 0 ]; do
	case $1 in
	--no-boot) boot= ;;
	--keep) keep=yes ;;
	--list)
		all_cells
		exit 0
		;;
	-*) die "no such option: $1" "$0 --help" ;;
	*)
		all_cells | grep -q "^$1\( \|$\)" ||
			die "no such cell: $1" "$0 --list"
		wanted+=("$1")
		;;
	esac
	shift
done

# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

wants() {
	[ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]
}

# runs CELL WHAT: is it to be run? Then its stage begins.
runs() {
	[ -n "$boot" ] && wants "$1" || return 1
	stage "$1: $2"
}

mapfile -t modules < <(vmb_modules | sed 's/$/.ko/')
scratch=
scratch_dir scratch
results=$VMB_BUILD/matrix.tsv
# Of a whole run nothing is left of those before.
[ ${#wanted[@]} -gt 0 ] || rm -f "$results"
touch "$results"

# The suite that has the newest kernel of all: kernels reach unstable first, and
# from there the backports of stable.
newest_suite() {
	local suite

	for suite in trixie-backports sid; do
		printf '%s %s\n' "$suite" \
			"$(cat "$("$VMB_TOP/scripts/lib/headers.sh" "$suite" newest amd64)/release")"
	done | sort -V -k 2 | tail -n 1 | cut -d ' ' -f 1
}

# What an interrupted build left in a root file system goes with the script.
on_chroot() {
	echo "$1" >>"$scratch/roots"
}

clean_roots() {
	local root

	[ ! -e "$scratch/roots" ] || while read -r root; do
		rm -rf "${root:?}$scratch"
	done <"$scratch/roots"
}
on_exit clean_roots

# build SUITE SERIES FLAVOUR TREE: natively if this machine is of that suite, in
# a root file system of it otherwise. Leaves TREE.log and TREE/*.ko.
build() {
	local base=${1%-backports} headers kdir compiler built=0 root='' packages into=()

	headers=$("$VMB_TOP/scripts/lib/headers.sh" "$1" "$2" "$3")
	kdir=$(cat "$headers/kdir")
	compiler=$(cat "$headers/compiler")
	# W=1 runs kernel-doc, which is Perl in older kernels, Python in newer ones.
	packages=(make "$compiler" pahole kmod perl python3)
	case $3 in
	*arm64*) packages+=("$compiler-aarch64-linux-gnu") ;;
	esac
	cp "$headers/release" "$4.release"
	echo "$compiler" >"$4.compiler"
	if [ "$base" = "$(vmb_own_suite)" ]; then
		need_packages "${packages[@]}" libelf-dev
	else
		root=$("$VMB_TOP/scripts/lib/chroot.sh" "$base" "${packages[@]}")
		into=(env -u APT_CONFIG LC_ALL=C chroot "$root")
		# The headers are seen under their own name in there. Links to
		# them cost nothing, and their times stay.
		on_chroot "$root"
		rm -rf "$root$headers"
		mkdir -p "$root$headers"
		cp -al "$headers/root" "$root$headers/"
	fi
	# The same path here and in there.
	"$VMB_TOP/scripts/copy-sources.sh" "$root$4.src"
	${into[@]+"${into[@]}"} make -C "$kdir" M="$4.src" -j "$(nproc)" EXAMPLES=y W=1 \
		modules \
		>"$4.log" 2>&1 || built=$?
	cat "$4.log"
	mkdir "$4"
	for module in "${modules[@]}"; do
		mv "$root$4.src/$module" "$4/"
	done
	rm -rf "$root$4.src"
	test "$built" -eq 0
	! grep -iE 'warning|error:' "$4.log" || false
	for module in "$4"/*.ko; do
		modinfo -F vermagic "$module" | grep -F "$(cat "$4.release") "
	done
}

# check_long NAME COMMAND...: as check, with more time.
check_long() {
	local most=$((VMB_CHECK_SECONDS > long_seconds ? VMB_CHECK_SECONDS : long_seconds))
	local VMB_CHECK_SECONDS=$most

	check "$@"
}

# json_kernel NAME: the kernel that a demo reports.
json_kernel() {
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["kernel"])' \
		"$VMB_BUILD/$1.json" 2>/dev/null || echo ?

}

# The suites' own last line is not that of the matrix.
kunit_on() {
	local how=("--$1")

	[[ $1 != arm64* ]] || how=(--arch "$1")
	VMB_BUILD=$VMB_BUILD/kunit-$1 "$VMB_TOP/scripts/kunit.sh" "${how[@]}"
}

# result CELL KERNEL RELEASE COLUMN CONFIG: what the table has of the last check. What
# another run had of the cell goes; of this one there may be several.
fresh=' '
result() {
	[[ $fresh == *" $1 "* ]] || {
		awk -F '\t' -v cell="$1" '$1 != cell' "$results" >"$results.new"
		mv "$results.new" "$results"
		fresh+="$1 "
	}
	# shellcheck disable=SC2154
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$5" "$4" "$vmb_last" \
		"$(date +%F)" >>"$results"
}

# Guests and peers are of the flavour of Debian 12's that is for clouds.
row_of() {
	case $1 in
	6.12) echo 6.12-gcc12 ;;
	*) echo "$1" ;;
	esac
}

for cell in "${cells[@]}"; do
	read -r name suite series flavour why <<<"$cell"
	wants "$name" || continue
	stage "$name: $why"
	case $name in
	newest) suite=$(newest_suite) ;;
	esac
	[ "$suite" != - ] || suite=$(vmb_own_suite)
	check "matrix: $name builds without a warning" \
		build "$suite" "$series" "$flavour" "$scratch/$name"
	result "$name" "$name" \
		"$(cat "$scratch/$name.release" 2>/dev/null || echo "$series of $suite")" built \
		"$(cat "$scratch/$name.compiler" 2>/dev/null || echo ?), ${why%%:*}"
done

for version in "${boots[@]}"; do
	runs "boot-$version" "the demo's guest" || continue
	check "matrix: the demo runs on Linux $version" \
		env KERNEL="$version" "$VMB_TOP/scripts/demo.sh"
	result "boot-$version" "$(row_of "$version")" "$(json_kernel demo)" guest "Debian's"
done

for version in "${peers[@]}"; do
	runs "peers-$version" "QEMU's Dynamic Memory, and hv_utils' heartbeat" || continue
	check "matrix: QEMU's hv-balloon, $peers_cycles cycles, on Linux $version" \
		env KERNEL="$version" CYCLES="$peers_cycles" "$VMB_TOP/scripts/demo-balloon.sh"
	result "peers-$version" "$(row_of "$version")" "$(json_kernel balloon)" guest "Debian's"
	check "matrix: heartbeat, hv_utils and ours, on Linux $version" \
		env KERNEL="$version" "$VMB_TOP/scripts/demo-heartbeat.sh"
	result "peers-$version" "$(row_of "$version")" - guest "Debian's"
done

# part CELL SCRIPT WHAT [COLUMN]: a script that counts for itself; the table has it of
# Linux 6.12.
part() {
	runs "$1" "$3" || return 0
	check "matrix: $3" env VMB_BUILD="$VMB_BUILD/$1" "$VMB_TOP/scripts/$2"
	[ -z "${4:-}" ] || result "$1" "$(row_of 6.12)" - "$4" "Debian's"
}
part report kernel-report.sh "what the modules lean on, in 6.1, 6.12 and the newest kernel"
part neighbours check-neighbours.sh "our clients beside hv_balloon and hv_utils" guest
part tracing check-tracing.sh "perf, trace-cmd and bpftrace, as documented" loopback

for version in "${loopbacks[@]}"; do
	runs "loopback-$version" "both ends in one kernel" || continue
	check_long "matrix: the loopback demo runs on $version" \
		env KERNEL="$version" DEADLINE=600 OPERATIONS=5000 \
		"$VMB_TOP/scripts/demo-loopback.sh"
	result "loopback-$version" "$version" "$(json_kernel demo-loopback)" loopback \
		"$([ "$version" = arm64-64k ] && echo "built for it" || echo "Debian's")"
done

for kernel in "${kunits[@]}"; do
	runs "kunit-$kernel" "the KUnit suites" || continue
	check_long "matrix: the KUnit suites pass on $kernel" kunit_on "$kernel"
	case $kernel in
	arm64*) result "kunit-$kernel" "6.12 --arch $kernel" 6.12 KUnit "built for it" ;;
	*) result "kunit-$kernel" "6.12 --$kernel" 6.12 KUnit "kunit/$kernel.config" ;;
	esac
done
stage_end

echo
"$VMB_TOP/scripts/lib/matrix_table.py" "$results"
echo
# shellcheck disable=SC2154
if [ -n "$keep" ]; then
	if [ "$vmb_failed" -gt 0 ] || grep -q FAILED "$results"; then
		note "kunit/matrix.tsv stays as it is, for something failed"
	else
		sed '/^#/d' "$results" | cat <(echo '# SPDX-License-Identifier: GPL-2.0') - \
			>"$VMB_TOP/kunit/matrix.tsv"
	fi
fi
checks_end
