#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything that can be told without running the modules.
#
# usage: check-static.sh [PART...]
#
#   build       all modules, W=1, no warning; against 6.1 and 6.12
#   modinfo     licence, version, aliases, dependencies of what was built
#   sparse      C=2 with endian checks, no finding
#   checkpatch  --strict, no finding
#   kernel-doc  no finding; every exported symbol has it
#   coccicheck  semantic patches of the kernel, no finding; and our own: a ring's memory is
#               for those files that check what they read, and no sum of two lengths that
#               may be past 32 bits is compared
#   analyze     gcc -fanalyzer and clang's analyser over the library in user space, no
#               finding but those that scripts/static/analyzer-known.tsv gives a reason for
#   shell       shellcheck, and Python files compile
#   litmus      each barrier of the ring is needed, and is enough
#   observe     include/ABI against the code, vmbstat and vmbkmcl doctor on recorded
#               trees
#   source      SPDX lines, where kernel versions may be asked for, file sizes,
#               log lines that nobody limits or explains, indices that a peer wrote,
#               what the documents show of the sources
#   release     what a release has to agree on, by planted mistakes; git in modinfo
#   floors      no include and no call of the library goes up; files of clients, of
#               the hosts' ends and of the fuzzer do not call in circles
#
# Without PART all of them. Each is a numbered result; the last line counts.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

all="build modinfo sparse checkpatch kernel-doc coccicheck analyze shell litmus observe source release floors"
for part; do
	case " $all " in
	*" $part "*) ;;
	*) die "no such part: $part" "one of: $all" ;;
	esac
done
[ $# -gt 0 ] || eval "set -- $all"
wanted=" $* "
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

cd "$VMB_TOP"
# shellcheck source=dkms.conf
. ./dkms.conf
mapfile -t modules < <(vmb_modules)
scratch=
scratch_dir scratch

# What is ours: in the index or about to be, never what is ignored. A tarball
# has no index; then everything counts but what is built.
if git rev-parse --git-dir >/dev/null 2>&1; then
	git ls-files -co --exclude-standard
else
	find . -type f -not -path './build/*' -not -path './.git/*' \
		-not -path '*/__pycache__/*' -printf '%P\n'
fi | sort -u | while read -r name; do [ ! -e "$name" ] || echo "$name"; done >"$scratch/files"
grep -E '\.[ch]$' "$scratch/files" >"$scratch/c-files" || true
# Not kernel code: the host's end of the channel and the profile are parts of QEMU, in
# QEMU's types; the fuzzer is a program.
grep -vE '^scripts/(guest|fuzz|bench|mutants)/' "$scratch/c-files" >"$scratch/kernel-files" || true

wants() {
	case $wanted in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# Sets kdir and release to a kernel's, from the cache.
use_kernel() {
	local kernel

	kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$1")
	kdir=$(cat "$kernel/kdir")
	release=$(cat "$kernel/release")
	need_packages make "$(cat "$kernel/compiler")" libelf-dev pahole kmod
}

# Sets linux to a folder with the scripts of the kernel's sources: those of the
# KUnit kernel, or only what is needed here.
use_linux_scripts() {
	local version

	need_packages linux-source-6.12 xz-utils perl
	version=$(dpkg-query -W -f '${Version}' linux-source-6.12)
	linux=$VMB_CACHE/linux/source-$version
	[ ! -e "$linux/Makefile" ] || return 0
	linux=$VMB_CACHE/linux/checkers-$version
	[ ! -e "$linux" ] || return 0
	rm -rf "$linux.part"
	mkdir -p "$linux.part"
	quietly "$VMB_BUILD/linux-scripts.log" 600 tar -C "$linux.part" \
		--strip-components=1 -xf /usr/src/linux-source-6.12.tar.xz \
		--wildcards 'linux-source-*/scripts' \
		'linux-source-*/tools/testing/kunit' ||
		die "the kernel's scripts cannot be unpacked" \
		    "apt-get install --reinstall linux-source-6.12"
	mv "$linux.part" "$linux"
}

# build_into FOLDER [ARGUMENT...]: a clean copy, built.
build_into() {
	local tree=$1

	shift
	rm -rf "$tree"
	scripts/copy-sources.sh "$tree"
	make -C "$kdir" M="$tree" -j "$(nproc)" EXAMPLES=y "$@" modules
}

# ----------------------------------------------------------------------------

built() {
	build_into "$scratch/$1" W=1 >"$scratch/$1.log" 2>&1 || {
		cat "$scratch/$1.log"
		return 1
	}
	for i in "${!modules[@]}"; do
		test -s "$scratch/$1/${modules[i]}.ko"
	done
}

no_warning() {
	test -s "$scratch/$1.log"
	! grep -iE -A 6 'warning|error:' "$scratch/$1.log" || false
}

module() {
	local i

	for i in "${!modules[@]}"; do
		[ "${modules[i]}" != "$2" ] ||
			echo "$scratch/$1/$2.ko"
	done
}

# field KERNEL MODULE FIELD PATTERN: a line of modinfo matches the expression.
field() {
	modinfo "$(module "$1" "$2")"
	modinfo -F "$3" "$(module "$1" "$2")" | grep -qE "$4"
}

# The library must load where there is no Hyper-V.
no_hyperv_symbol() {
	nm -u "$(module "$1" vmbkmcl)" >"$scratch/undefined"
	! grep -E ' (vmbus_|__vmbus_|hv_)' "$scratch/undefined" || false
	! modinfo -F depends "$(module "$1" vmbkmcl)" | grep hv_vmbus || false
}

only_gpl_exports() {
	nm "$(module "$1" vmbkmcl)" | sed -n 's/.* __export_symbol_//p' >"$scratch/exports"
	! grep -rnE '\bEXPORT_SYMBOL(_NS)?\(' drivers || false
}

# ----------------------------------------------------------------------------

sparse_runs() {
	local tree=$scratch/sparse objects checked

	build_into "$tree" C=2 CF=-D__CHECK_ENDIAN__ >"$scratch/sparse.log" 2>&1 || {
		cat "$scratch/sparse.log"
		return 1
	}
	objects=$(find "$tree" -name '*.o' ! -name '*.mod.o' ! -name '.*' |
		sed 's/o$/c/' | xargs ls 2>/dev/null | wc -l)
	checked=$(grep -cE "^ *CHECK .*$tree/.*\.c$" "$scratch/sparse.log" || true)
	echo "$objects files compiled, $checked of them given to sparse"
	test "$objects" -gt 0
	test "$checked" -ge "$objects"
}

# A tool that finds nothing must be seen to find something.
sparse_sees() {
	mkdir -p "$scratch/planted"
	cat >"$scratch/planted/planted.c" <<-'END'
		#include <linux/types.h>
		__le32 vmb_planted;
		u32 vmb_wrong(void);
		u32 vmb_wrong(void) { return vmb_planted; }
	END
	echo 'obj-m := planted.o' >"$scratch/planted/Kbuild"
	make -C "$kdir" M="$scratch/planted" C=2 CF=-D__CHECK_ENDIAN__ planted.o 2>&1 |
		tee "$scratch/planted.log"
	grep -q 'planted.c.*incorrect type' "$scratch/planted.log"
}

# What sparse says about the kernel's own headers is not ours to mend.
sparse_silent() {
	! grep -E "^$scratch/sparse/.*: (warning|error)" "$scratch/sparse.log" || false
}

# shellcheck source=scripts/static/excused.sh
. "$VMB_TOP/scripts/static/excused.sh"

kernel_doc() {
	xargs "$linux/scripts/kernel-doc" -none -Wall -Werror \
		< <(grep -E '^(include/.*\.h|drivers/.*\.[ch])$' "$scratch/kernel-files")
}

exports_documented() {
	local symbol without=0 count=0

	grep -E '^(drivers|include)/' "$scratch/kernel-files" >"$scratch/documented"
	while read -r symbol; do
		count=$((count + 1))
		xargs grep -qE "^ \* $symbol\(\) - " <"$scratch/documented" || {
			echo "$symbol is exported and has no kernel-doc"
			without=1
		}
	done < <(xargs sed -nE 's/^EXPORT_SYMBOL(_NS)?(_GPL)?\((\w+).*/\3/p' \
		<"$scratch/kernel-files")
	echo "$count exported symbols"
	test "$count" -gt 0
	test "$without" -eq 0
}

# Everything that the public header declares must be there to link with.
header_is_exported() {
	local without=0 symbol

	sed -nE 's/^[a-z].*[ *](__)?(vmb_\w+)\(.*/\1\2/p' include/vmbkmcl.h include/vmbkmcl/*.h |
		grep -v '_init$' | sort -u >"$scratch/declared"
	test -s "$scratch/declared"
	while read -r symbol; do
		grep -qE "static inline .*\b$symbol\(|^$symbol\(" \
			include/vmbkmcl.h include/vmbkmcl/*.h && continue
		grep -qrE "^EXPORT_SYMBOL(_NS)?_GPL\($symbol\b" drivers || {
			echo "$symbol is declared in vmbkmcl.h and exported nowhere"
			without=1
		}
	done <"$scratch/declared"
	test "$without" -eq 0
}

# ----------------------------------------------------------------------------

# shellcheck source=scripts/static/static-kernel.sh
. "$VMB_TOP/scripts/static/static-kernel.sh"
# shellcheck source=scripts/static/static-scripts.sh
. "$VMB_TOP/scripts/static/static-scripts.sh"

spdx() {
	local name bad=0

	while read -r name; do
		# JSON has no comments.
		case $name in COPYING | *.json) continue ;; esac
		[ -s "$name" ] || continue
		head -n 3 "$name" | grep -aq 'SPDX-License-Identifier: GPL-2.0' || {
			echo "$name has no SPDX line"
			bad=1
		}
	done <"$scratch/files"
	test "$bad" -eq 0
}

version_asked_in_one_place() {
	xargs grep -lE 'LINUX_VERSION_CODE|KERNEL_VERSION\(|linux/version\.h' \
		<"$scratch/kernel-files" | tee "$scratch/asks" || true
	! grep -vxF drivers/kmcl/compat.h "$scratch/asks" || false
}

clients_see_no_channel() {
	! grep -rnE 'vmbus_channel|linux/hyperv\.h|drivers/kmcl/' drivers/clients || false
}

# The example for those who come from Windows uses the library's names in no call.
storage_has_windows_names() {
	! grep -rnE '\bvmb_(channel|packet|client_channel|server_channel)_' \
		drivers/clients/storage || false
}

# Who cannot read a file in one sitting cannot judge it.
sizes() {
	local name lines bad=0

	while read -r name; do
		lines=$(wc -l <"$name")
		[ "$lines" -le 600 ] || {
			echo "$name has $lines lines"
			bad=1
		}
	done <"$scratch/c-files"
	test "$bad" -eq 0
}

# The README's client is the one that is built, loaded and run; all but its head.
readme_client() {
	local name

	scripts/static/readme-client.sh "$scratch/readme" >"$scratch/commands"
	test -s "$scratch/commands"
	for name in vmb_hello.c Kbuild; do
		grep -v SPDX "scripts/out-of-tree-client/$name" |
			sed '1 { /^\/\*.*\*\/$/d }' | diff "$scratch/readme/$name" -
	done
}

# "By hand" loads what a module needs before it, and names every parameter.
loaded_by_hand() {
	local name loaded=" " need

	sed -n '/^## By hand/,/^## Unloading/p' scripts/installing.md >"$scratch/by-hand"
	grep -oE '(modprobe|insmod) [^ ]+' "$scratch/by-hand" | sed 's/.* //; s#.*/##; s/\.ko//' \
		>"$scratch/order"
	cat "$scratch/order"
	test "$(wc -l <"$scratch/order")" -ge 4
	while read -r name; do
		for need in $(modinfo -F depends "$(module 6.12 "$name")" 2>/dev/null | tr , ' '); do
			[[ $loaded == *" $need "* ]] || {
				echo "$name needs $need first"
				return 1
			}
		done
		loaded+="$name "
	done <"$scratch/order"
	for name in vmbkmcl vmbkmcl_hv; do
		modinfo -F parm "$(module 6.12 "$name")" | sed 's/:.*//' >"$scratch/parameters"
		while read -r need; do
			grep -q "\`$need" scripts/installing.md || {
				echo "installing.md has not the parameter $need of $name"
				return 1
			}
		done <"$scratch/parameters"
	done
}

# kconfig NAME SYMBOLS: what VMBKMCL_HV is in a kernel whose drivers/hv/Kconfig has
# these symbols, each NAME=TYPE=VALUE.
kconfig() {
	local folder=$scratch/kconfig-$1 symbol

	mkdir -p "$folder/drivers/hv"
	cp Kconfig "$folder/drivers/Kconfig.vmbkmcl"
	for symbol in $2; do
		IFS='=' read -r name type value <<<"$symbol"
		printf 'config %s\n\t%s\n\tdefault %s\n' "$name" "$type" "$value"
	done >"$folder/drivers/hv/Kconfig"
	cat >"$folder/Kconfig" <<-'END'
		if-success = $(shell,{ $(1); } >/dev/null 2>&1 && echo "$(2)" || echo "$(3)")
		success = $(if-success,$(1),y,n)
		config MODULES
			bool
			modules
			default y
		source "drivers/hv/Kconfig"
		source "drivers/Kconfig.vmbkmcl"
	END
	echo CONFIG_VMBKMCL=m >"$folder/.config"
	(cd "$folder" && srctree=$folder KCONFIG_CONFIG=$folder/.config \
		"$kdir/scripts/kconfig/conf" --olddefconfig Kconfig) >&2
	sed -n 's/^CONFIG_VMBKMCL_HV=//p' "$folder/.config"
}

kconfig_knows_the_bus() {
	test "$(kconfig old HYPERV=tristate=m)" = m
	test "$(kconfig none HYPERV=tristate=n)" = ''
	test "$(kconfig new 'HYPERV=bool=y HYPERV_VMBUS=tristate=m')" = m
	test "$(kconfig without 'HYPERV=bool=y HYPERV_VMBUS=tristate=n')" = ''
}

# With two objects exchanged in the list, the lower one calls up.
floors_see() {
	scripts/copy-sources.sh "$scratch/floors"
	mkdir -p "$scratch/floors/scripts/static"
	cp scripts/static/floors.py "$scratch/floors/scripts/static/"
	sed -i -e 's|kmcl/send\.o|kmcl/SWAP.o|' -e 's|kmcl/outbound\.o|kmcl/send.o|' \
		-e 's|kmcl/SWAP\.o|kmcl/outbound.o|' "$scratch/floors/Kbuild"
	! "$scratch/floors/scripts/static/floors.py" --check "$scratch/6.12/drivers/kmcl" \
		>"$scratch/floors.log" || false
	cat "$scratch/floors.log"
	grep -q '^send.c calls up: .* of outbound.c$' "$scratch/floors.log"
}

no_marker() {
	! xargs grep -nwE 'TODO|FIXME|XXX' < <(grep -v '^scripts/check-static\.sh$' "$scratch/files") || false
}

# ----------------------------------------------------------------------------

if wants build || wants modinfo || wants floors; then
	for name in 6.1 6.12; do
		stage "build for Linux $name"
		use_kernel "$name"
		check "build: every module for $release, W=1" built "$name"
		check "build: no warning for $release" no_warning "$name"
	done
fi

if wants modinfo; then
	stage "modinfo"
	for name in "${modules[@]}"; do
		check "modinfo: $name has the licence GPL" field 6.12 "$name" license '^GPL( v2)?$'
		check "modinfo: $name has the version of dkms.conf" \
			field 6.12 "$name" version "^${PACKAGE_VERSION//./\\.}$"
		check "modinfo: $name has a description" field 6.12 "$name" description ...
	done
	check "modinfo: vmbkmcl has no symbol of Hyper-V's" no_hyperv_symbol 6.12
	check "modinfo: vmbkmcl_hv depends on vmbkmcl and hv_vmbus" \
		field 6.12 vmbkmcl_hv depends '^(hv_vmbus,vmbkmcl|vmbkmcl,hv_vmbus)$'
	for name in vmb_echo vmb_source; do
		check "modinfo: $name depends on vmbkmcl alone" \
			field 6.12 "$name" depends '^vmbkmcl$'
		check "modinfo: $name has an alias of the bus" \
			field 6.12 "$name" alias '^vmbus:[0-9a-f]{32}$'
		check "modinfo: $name has modprobe load the transport" \
			field 6.12 "$name" softdep '^pre: vmbkmcl_hv$'
	done
	for name in vmb_block_server vmb_block_client vmb_storage_server vmb_storage_client; do
		check "modinfo: $name depends on vmbkmcl alone" \
			field 6.12 "$name" depends '^vmbkmcl$'
	done
	check "modinfo: exports are GPL only" only_gpl_exports 6.12
	check "modinfo: \"By hand\" of installing.md loads in order, and has the parameters" \
		loaded_by_hand
fi

if wants sparse; then
	stage "sparse"
	need_packages sparse
	use_kernel 6.12
	check "sparse: reports a planted endian bug" sparse_sees
	check "sparse: runs over every file" sparse_runs
	check "sparse: nothing to report" sparse_silent
fi

if wants checkpatch || wants kernel-doc || wants coccicheck || wants shell; then
	stage "the kernel's own checkers"
	use_linux_scripts
fi
if wants checkpatch; then
	# Some two minutes, and several times that where others compile, too.
	VMB_CHECK_SECONDS=1200 check "checkpatch: runs over every file" checkpatch_runs
	while read -r name; do
		check "checkpatch: $name" checkpatch "$name"
	done <"$scratch/kernel-files"
fi
if wants kernel-doc; then
	check "kernel-doc: no finding" kernel_doc
	check "kernel-doc: every exported symbol has it" exports_documented
	check "kernel-doc: what vmbkmcl.h declares is exported" header_is_exported
	check "kernel-doc: the header says in which context, and what is returned" \
		scripts/static/header-doc.py
	check "kernel-doc: that is seen to be missing" scripts/static/header-doc.py --self-test
fi
if wants coccicheck; then
	need_packages coccinelle python3
	# spatch loads it by name, its package does not ask for it.
	need_packages "$(python3 -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])')"
	check "coccicheck: finds a planted bug" cocci_sees
	check "coccicheck: a planted touch of a ring's memory is found" ring_rules_see
	check "coccicheck: nobody touches a ring's memory but its files" \
		ring_rules drivers/kmcl/*.c
	check "coccicheck: a planted sum and product of lengths are found" length_rule_sees
	check "coccicheck: no length that may be past 32 bits is compared" \
		length_rule drivers/kmcl/*.c
	for name in free locks null tests iterators misc; do
		# Those with scripts in OCaml would want its compiler.
		mapfile -t patches < <(cd "$linux/scripts/coccinelle" &&
			grep -L 'script:ocaml' "$name"/*.cocci)
		check "coccicheck: $name (${#patches[@]} semantic patches)" cocci "${patches[@]}"
	done
fi

if wants analyze; then
	stage "gcc -fanalyzer and clang --analyze"
	check "analyze: a planted leak and a planted NULL are found by both" \
		scripts/static/analyze.py --self-test
	check "analyze: no finding that is not explained" scripts/static/analyze.py
fi

if wants shell; then
	stage "scripts"
	need_packages shellcheck python3
	check "shell: shellcheck" shellcheck_all
	check "shell: set -eu, executable" scripts_strict
	check "shell: Python files compile" python_compiles
	check "shell: kunit's parser takes what checks print" ktap_is_parsed
	check "shell: --help of every script does nothing else" help_does_nothing_else
	check "shell: an unknown option is an error, with the remedy" unknown_options
fi

if wants litmus; then
	stage "litmus tests"
	need_packages python3
	check "litmus: the outcome is reached only without a barrier" scripts/static/litmus.py
fi

if wants observe; then
	stage "what user space sees"
	need_packages python3
	check "observe: planted changes of a kernel are found" \
		scripts/kernel-report/report.py --self-test
	check "observe: the table of make matrix shows what was recorded" \
		scripts/lib/matrix_table.py --self-test
	check "observe: include/ABI has what the code has" scripts/static/abi.py
	check "observe: planted differences are found" scripts/static/abi.py --self-test
	check "observe: vmbstat, every output" scripts/vmbstat/test.py
	check "observe: vmbkmcl doctor, what it says of recorded machines" scripts/doctor/test.py
fi

if wants source; then
	stage "sources"
	check "source: every file has an SPDX line" spdx
	check "source: the kernel's version is asked for in one header" version_asked_in_one_place
	check "source: clients know nothing of hv_vmbus" clients_see_no_channel
	check "source: the storage client has Windows' names alone" storage_has_windows_names
	check "source: no file is over 600 lines" sizes
	check "source: no TODO" no_marker
	check "source: a checker that misses what is planted is seen to" scripts/static/test.py
	check "source: no index of a peer's is guessed with" scripts/static/speculation.py
	check "source: planted guesses are found" scripts/static/speculation.py --self-test
	check "source: what can grow has a bound, a counter and a test, and limits.md has it" \
		scripts/static/limits.py
	check "source: planted differences from it are found" scripts/static/limits.py --self-test
	check "source: no log line that a peer can cause is without a limit" \
		scripts/static/log-limits.py
	check "source: planted log lines without a limit are found" \
		scripts/static/log-limits.py --self-test
	use_kernel 6.12
	check "source: the transport is offered where VMBus is, on old and new kernels" \
		kconfig_knows_the_bus
	check "source: the README shows the client that is tested" readme_client
	check "source: tables in README files are what their commands print" \
		scripts/static/doc-tables.py --check
	check "source: every function of KMCL's has its Windows name, or a reason why not" \
		scripts/static/windows-api.py
	check "source: planted differences from that are found" \
		scripts/static/windows-api.py --self-test
	check "source: the picture of the benchmark is of its numbers" \
		scripts/bench/plot.py --check
	check "source: a row of the benchmark that is dearer, and a missed target, are found" \
		scripts/bench/judge.py --self-test kunit/bench-baseline.json
	check "source: documents name what is there" scripts/static/doc-names.py
	check "source: planted names of what is not there are found" \
		scripts/static/doc-names.py --self-test
	check "source: troubleshooting.md has each line that is logged, and no other" \
		scripts/static/log-lines.py
	check "source: planted differences from it are found" scripts/static/log-lines.py --self-test
fi

if wants release; then
	stage "releases"
	use_kernel 6.12
	need_packages git python3
	[ -s "$scratch/6.12/vmbkmcl.ko" ] || check "release: the modules build" built 6.12
	check "release: planted mistakes are refused; a clone's modules name its commit" \
		scripts/static/release.sh "$scratch/6.12" "$kdir"
fi

if wants floors; then
	stage "floors"
	check "floors: a planted call upwards is seen" floors_see
	check "floors: no include and no call goes up" \
		scripts/static/floors.py --check "$scratch/6.12/drivers/kmcl"
	check "floors: clients have no circle, hosts' ends and the fuzzer no large one" \
		scripts/static/circles.py
	check "floors: planted circles are found" scripts/static/circles.py --self-test
fi
checks_end
