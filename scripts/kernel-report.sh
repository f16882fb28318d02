#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the modules lean on in hv_vmbus and in the kernel, against kernels, without
# booting one: every symbol that they import, every member of a struct of hv_vmbus that
# the transport uses, every function of hv_vmbus that it calls. What a new kernel has
# taken away, moved or changed is told in minutes.
#
# usage: kernel-report.sh [KERNEL...]	(default: 6.1 6.12 newest)
#
# KERNEL is what guest/kernel.sh takes. scripts/kernel-report/expected is the table of
# what the code copes with; what it has of members is compared with what the compiler
# says that the sources use.
#
# Leaves build/kernel-report/: KERNEL.json, which is what each has, and differences,
# a table of where they differ. Ends with 'N passed, N failed, N skipped'.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_options "$@"
[ $# -gt 0 ] || set -- 6.1 6.12 newest
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"
# A kernel and a compiler for it may have to be fetched first.
VMB_CHECK_SECONDS=1800

parts=$VMB_TOP/scripts/kernel-report
out=$VMB_BUILD/kernel-report
# The compiler of this one is in Debian 12 itself.
probe=6.12
mkdir -p "$out"
scratch=
scratch_dir scratch

# gather KERNEL: builds the modules for it, and looks.
gather() {
	local kernel

	rm -f "$out/$1.json"
	kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$1")
	"$VMB_TOP/scripts/guest/build-modules.sh" "$1" "$out/$1/modules"
	"$parts/layout.py" "$kernel" "$out/$1/modules" "$parts/expected" >"$scratch/$1.json"
	mv "$scratch/$1.json" "$out/$1.json"
}

table_is_of_the_sources() {
	local kernel

	kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$probe")
	need_packages make "$(cat "$kernel/compiler")"
	"$VMB_TOP/scripts/copy-sources.sh" "$scratch/sources"
	"$parts/fields.py" "$(cat "$kernel/kdir")" "$scratch/sources" >"$scratch/used"
	"$parts/report.py" used "$parts/expected" "$scratch/used"
}

need_packages python3 pahole binutils kmod zstd lz4 xz-utils
stage "what the sources use"
check "kernel-report: planted changes are found" "$parts/report.py" --self-test
check "kernel-report: the table has the members that the sources use, and no other" \
	table_is_of_the_sources
seen=()
for kernel; do
	stage "Linux $kernel"
	check "kernel-report: the modules build for Linux $kernel" gather "$kernel"
	[ "$vmb_last" = ok ] || continue
	release=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["release"])' \
		"$out/$kernel.json")
	seen+=("$out/$kernel.json")
	check "kernel-report: $release exports every symbol that the modules import" \
		"$parts/report.py" symbols "$parts/expected" "$out/$kernel.json"
	check "kernel-report: $release has every member that is used, of a known type" \
		"$parts/report.py" fields "$parts/expected" "$out/$kernel.json"
	check "kernel-report: $release has them where the modules look for them" \
		"$parts/report.py" built "$parts/expected" "$out/$kernel.json"
	check "kernel-report: $release has every function of hv_vmbus, of a known type" \
		"$parts/report.py" functions "$parts/expected" "$out/$kernel.json"
done
stage_end
if [ ${#seen[@]} -gt 1 ]; then
	"$parts/report.py" differences "${seen[@]}" >"$out/differences"
	echo
	echo "# where the kernels differ ($out/differences):"
	sed 's/^/# /' "$out/differences"
	echo
fi
checks_end
