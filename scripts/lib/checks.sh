# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Numbered results in KTAP, and the count at the end. To be sourced by bash after
# lib.sh, when the arguments have been judged: the output begins.
#
# A check is a command; its name says what holds if it succeeds. Its output is
# shown only if it fails. Exit status 4 means "cannot be told here", a skip, as
# in kselftest; the command's last line says why.

echo "KTAP version 1"
vmb_passed=0
vmb_failed=0
vmb_skipped=0
vmb_check_log=$(mktemp "${TMPDIR:-/tmp}/vmbkmcl-check.XXXXXX")
on_exit rm -f "$vmb_check_log"
: "${VMB_CHECK_SECONDS:=600}"

# passed NAME, failed NAME, skipped NAME WHY: one result; vmb_last is what it was.
passed() {
	# shellcheck disable=SC2034
	vmb_last=ok
	vmb_passed=$((vmb_passed + 1))
	echo "ok $((vmb_passed + vmb_failed + vmb_skipped)) $1"
}

failed() {
	# shellcheck disable=SC2034
	vmb_last=FAILED
	vmb_failed=$((vmb_failed + 1))
	echo "not ok $((vmb_passed + vmb_failed + vmb_skipped)) $1"
}

skipped() {
	# shellcheck disable=SC2034
	vmb_last=skipped
	vmb_skipped=$((vmb_skipped + 1))
	echo "ok $((vmb_passed + vmb_failed + vmb_skipped)) $1 # SKIP $2"
}

# Ends a job with all that it started.
vmb_end_group() {
	kill -- "-$1" 2>/dev/null || return 0
	sleep 1
	kill -9 -- "-$1" 2>/dev/null || true
}

# check NAME COMMAND...: COMMAND is a program or a function. A function runs in
# a shell of its own under "set -e", so its first failing command fails it; bash
# would ignore that "set -e" if check itself stood in a condition, hence it
# tells nothing by its status.
check() {
	local name=$1 status=0 began pid late='' waited said=0

	shift
	began=$(date +%s)
	# A job of its own, so that all it starts can be ended with it.
	set -m
	(set -e; "$@") >"$vmb_check_log" 2>&1 </dev/null &
	set +m
	pid=$!
	on_exit vmb_end_group "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		waited=$(($(date +%s) - began))
		if [ $((waited - said)) -ge 20 ]; then
			said=$waited
			note "  ... $name, $waited s so far, at most $VMB_CHECK_SECONDS"
		fi
		if [ "$waited" -ge "$VMB_CHECK_SECONDS" ]; then
			vmb_end_group "$pid"
			late="ended after $VMB_CHECK_SECONDS s"
			break
		fi
		sleep 0.1
	done
	wait "$pid" || status=$?
	[ -z "$late" ] || status=124
	unset 'vmb_cleanups[0]'
	vmb_cleanups=(${vmb_cleanups[@]+"${vmb_cleanups[@]}"})
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
		tail -n 60 "$vmb_check_log" | sed 's/^/# /'
		[ -z "$late" ] || echo "# $late"
		failed "$name"
		;;
	esac
}

# checks_end: prints the count, alone on the last line, and tells whether all
# went well. No result at all is not well. There is no plan: KTAP has one at the
# beginning only, where nobody knows it, and kunit's parser never ends at another.
checks_end() {
	stage_end
	echo "$vmb_passed passed, $vmb_failed failed, $vmb_skipped skipped"
	[ "$vmb_failed" -eq 0 ] && [ "$vmb_passed" -gt 0 ]
}
