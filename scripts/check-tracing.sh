#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The commands of include/ABI/README.md for tracepoints, each as it stands there, in a
# plain guest in which a client and a server come and go over loopback: with the files
# of tracefs, perf, trace-cmd and bpftrace. And a picture of a channel's life, made
# from what such a guest has traced.
#
# usage: check-tracing.sh [--picture]
#
#   --picture   draw it into drivers/kmcl/life.svg, and check nothing
#
# Environment: KERNEL, as in demo.sh. Ends with the count.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
picture=
if [ "${1:-}" = --picture ]; then
	picture=$VMB_TOP/drivers/kmcl/life.svg
	shift
fi
no_arguments "$@"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/tracing
work=
scratch_dir work
rm -rf "$logs"
mkdir -p "$logs"

stage "our modules for Linux $version"
need_packages python3 python3-matplotlib
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

# with_libraries PROGRAM: the archive has it, and every library that it names.
with_libraries() {
	local path file

	path=$(command -v "$1")
	install -D "$path" "$work/root/bin/$1"
	ldd "$path" | grep -oE '/[^ ]+' | sort -u | while read -r file; do
		install -D "$file" "$work/root$file"
	done
}

# The second archive is unpacked over the first.
add_programs() {
	local file

	need_packages linux-perf trace-cmd bpftrace
	# perf is a script that looks for the one of the kernel that runs.
	for file in perf trace-cmd bpftrace; do
		with_libraries "$file"
	done
	file=$(find /usr/bin -name 'perf_[0-9]*' | sort -V | tail -n 1)
	if [ -n "$file" ]; then
		with_libraries "$(basename "$file")"
		mv "$work/root/bin/$(basename "$file")" "$work/root/bin/perf"
	fi
	(cd "$work/root" && find . | cpio --quiet -o -H newc -R 0:0) >>"$work/initrd"
}

stage "the guest"
touch "$work/commands"
[ -n "$picture" ] || python3 "$VMB_TOP/scripts/static/tracing_commands.py" >"$work/commands"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/tracing-guest.sh" \
	"$modules"/{vmbkmcl,vmb_block_server,vmb_block_client}.ko "$work/commands"
[ -n "$picture" ] || add_programs
ended=yes
"$guest/plain.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--memory 1536 --deadline "${DEADLINE:-900}" || ended=no
stage_end
tr -d '\r' <"$logs/guest.log" >"$work/log"
sed -n 's/^VMBGUEST-TRACE //p' "$work/log" >"$logs/trace"

if [ -n "$picture" ]; then
	[ "$ended" = yes ] || die "the guest did not run to its end" "look at $logs"
	/usr/bin/python3 "$VMB_TOP/scripts/vmbstat/picture.py" "$logs/trace" "$picture"
	note "$picture"
	exit
fi

# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

# says N PATTERN: the Nth command has printed it, and nothing of an error.
says() {
	sed -n "s/^VMBGUEST-OUTPUT $1 //p" "$work/log" >"$work/output"
	head -n 40 "$work/output"
	! grep -iE '^(error|stdin:)|not found|cannot|failed to|<not ' "$work/output" || return 1
	grep -qE -- "$2" "$work/output"
}

is_silent() {
	grep -q "^VMBGUEST-ENDED $1 0\$" "$work/log" && ! grep "^VMBGUEST-OUTPUT $1 " "$work/log"
}

# What a command has to have printed, by its first words and what it looks at.
number=0
while read -r command; do
	number=$((number + 1))
	name="$(echo "$command" | tr -s '\t ' ' ' | cut -c 1-70)"
	case $command in
	echo*) check "$name" is_silent $number ;;
	cat*) check "$name" says $number 'vmb_(fetch|write): [a-z0-9_]+ transaction=' ;;
	*'perf script') check "$name" says $number 'vmbkmcl:vmb_[a-z]+: ' ;;
	'perf trace'*) check "$name" says $number 'vmbkmcl:vmb_life' ;;
	'perf stat'*) check "$name" says $number '[0-9] +vmbkmcl:vmb_quota' ;;
	'trace-cmd record'*) check "$name" says $number 'CPU *[0-9]+ data|offset=' ;;
	'trace-cmd report') check "$name" says $number 'vmb_sent: ' ;;
	# Nobody here is refused anything: that the names are right it says itself.
	*vmb_refuse*) check "$name" says $number 'Attaching 1 probe' ;;
	bpftrace*) check "$name" says $number '^@us\[.*\]:' ;;
	*) failed "$name: nobody says what it is to print" ;;
	esac
done <"$work/commands"
check "a picture of a channel's life is drawn from the trace" \
	/usr/bin/python3 "$VMB_TOP/scripts/vmbstat/picture.py" "$logs/trace" \
	"$logs/life.svg"
check "the guest ran to its end" [ "$ended" = yes ]
checks_end
