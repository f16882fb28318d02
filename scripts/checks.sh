# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Numbered results in the manner of KTAP, and the count at the end. To be
# sourced by bash after lib.sh.
#
# A check is a command; its name says what holds if it succeeds. Its output is
# shown only if it fails. Exit status 4 means "cannot be told here", a skip, as
# in kselftest; the command's last line says why.

vmb_passed=0
vmb_failed=0
vmb_skipped=0
vmb_check_log=$(mktemp "${TMPDIR:-/tmp}/vmbkmcl-check.XXXXXX")
on_exit rm -f "$vmb_check_log"
: "${VMB_CHECK_SECONDS:=600}"

# passed NAME, failed NAME, skipped NAME WHY: one result.
passed() {
	vmb_passed=$((vmb_passed + 1))
	echo "ok $((vmb_passed + vmb_failed + vmb_skipped)) $1"
}

failed() {
	vmb_failed=$((vmb_failed + 1))
	echo "not ok $((vmb_passed + vmb_failed + vmb_skipped)) $1"
}

skipped() {
	vmb_skipped=$((vmb_skipped + 1))
	echo "ok $((vmb_passed + vmb_failed + vmb_skipped)) $1 # SKIP $2"
}

# check NAME COMMAND...: a program, or a function, in a shell of its own. Tells
# by its status whether it passed.
check() {
	local name=$1 status=0 began

	shift
	began=$(date +%s)
	if [ "$(type -t "$1")" = function ]; then
		# In the background, as quietly() does it: "set -e" holds in there.
		(set -e; trap - EXIT; "$@") >"$vmb_check_log" 2>&1 </dev/null &
		wait $! || status=$?
	else
		timeout --kill-after=10 "$VMB_CHECK_SECONDS" "$@" \
			>"$vmb_check_log" 2>&1 </dev/null || status=$?
	fi
	[ $(($(date +%s) - began)) -lt 5 ] ||
		name="$name ($(($(date +%s) - began)) s)"
	case $status in
	0)
		passed "$name"
		;;
	4)
		skipped "$name" "$(tail -n 1 "$vmb_check_log")"
		;;
	*)
		[ "$status" -ne 124 ] ||
			echo "ended after $VMB_CHECK_SECONDS s" >>"$vmb_check_log"
		tail -n 60 "$vmb_check_log" | sed 's/^/# /'
		failed "$name"
		;;
	esac
	[ "$status" -eq 0 ] || [ "$status" -eq 4 ]
}

# checks_end: prints the count, alone on the last line, and tells whether all
# went well. No result at all is not well.
checks_end() {
	stage_end
	echo "1..$((vmb_passed + vmb_failed + vmb_skipped))"
	echo "$vmb_passed passed, $vmb_failed failed, $vmb_skipped skipped"
	[ "$vmb_failed" -eq 0 ] && [ "$vmb_passed" -gt 0 ]
}
