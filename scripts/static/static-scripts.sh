# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What check-static.sh asks of the scripts. To be sourced by it: scratch is its
# folder, $scratch/files the list of what is ours, linux has the kernel's tools.
# shellcheck disable=SC2154

shell_files() {
	while read -r name; do
		case $name in
		*.sh) echo "$name" ;;
		*.*) ;;
		*) ! head -n 1 "$name" | grep -aqE '^#!.*\b(ba)?sh\b' || echo "$name" ;;
		esac
	done <"$scratch/files"
}

shellcheck_all() {
	shell_files >"$scratch/shell-files"
	test -s "$scratch/shell-files"
	xargs shellcheck -x <"$scratch/shell-files"
}

scripts_strict() {
	local name bad=0

	while read -r name; do
		# Sourced ones leave it to who sources them; what runs as a guest's
		# first process must not end at the first failure.
		head -n 1 "$name" | grep -qE '^#!/bin/(ba)?sh' || continue
		grep -qE '^set -eux?$' "$name" || {
			echo "$name has no set -eu"
			bad=1
		}
		test -x "$name" || {
			echo "$name is not executable"
			bad=1
		}
	done <"$scratch/shell-files"
	test "$bad" -eq 0
}

# What a user starts: not what is the first process of a guest, or sourced.
user_scripts() {
	local name

	while read -r name; do
		[ ! -x "$name" ] || ! head -n 1 "$name" | grep -qE '^#!.*(/bin/(ba)?sh|python3)' ||
			echo "$name"
	done < <(grep '^scripts/' "$scratch/files")
}

# run_bare COMMAND...: where nothing can be installed, fetched, built or made,
# what tries to is told in done.
run_bare() {
	local name

	if [ ! -d "$scratch/bare" ]; then
		mkdir -p "$scratch/bare"
		for name in apt-get dpkg-query make gcc clang mkdir mktemp curl debootstrap \
			    unshare dkms depmod flock cp openssl; do
			printf '#!/bin/sh\necho "%s $*" >>"%s"\n' "$name" "$scratch/done" \
				>"$scratch/bare/$name"
			case $name in
			mkdir | mktemp | cp) echo "exec $(command -v "$name") \"\$@\"" ;;
			*) echo 'exit 1' ;;
			esac >>"$scratch/bare/$name"
		done
		chmod +x "$scratch/bare"/*
	fi
	: >"$scratch/done"
	timeout 20 env -u MAKEFLAGS PATH="$scratch/bare:$PATH" \
		XDG_CACHE_HOME="$scratch/nowhere" VMB_BUILD="$scratch/nowhere/build" \
		"$@" >"$scratch/output" 2>"$scratch/errors" </dev/null
}

help_does_nothing_else() {
	local name status bad=0

	user_scripts >"$scratch/user-scripts"
	test "$(wc -l <"$scratch/user-scripts")" -gt 25
	while read -r name; do
		status=0
		run_bare "$name" --help || status=$?
		if [ $status -ne 0 ] || [ -s "$scratch/done" ] || [ -s "$scratch/errors" ] ||
		   ! grep -q 'usage:' "$scratch/output"; then
			echo "$name --help: status $status"
			cat "$scratch/done" "$scratch/errors"
			bad=1
		fi
	done <"$scratch/user-scripts"
	test "$bad" -eq 0
	test ! -e "$scratch/nowhere"
}

# The error is the first line, and the remedy comes with it.
unknown_options() {
	local name status bad=0

	user_scripts >"$scratch/user-scripts"
	while read -r name; do
		status=0
		run_bare "$name" --bogus || status=$?
		if [ $status -eq 0 ] || grep -qE '^(apt-get|make|gcc|curl|debootstrap|dkms)' "$scratch/done" ||
		   ! head -n 1 "$scratch/errors" | grep -q 'error:' ||
		   ! grep -q -e 'try' -e '--help' "$scratch/errors"; then
			echo "$name --bogus: status $status"
			cat "$scratch/done" "$scratch/errors"
			bad=1
		fi
	done <"$scratch/user-scripts"
	test "$bad" -eq 0
}

# What the parts of check.sh print: with a pass, a skip and a failure.
ktap_is_parsed() {
	cat >"$scratch/ktap.sh" <<-'END'
		set -eu
		. "$1/scripts/lib/lib.sh"
		. "$1/scripts/lib/checks.sh"
		why() { echo "not here"; return 4; }
		check "one" true
		check "two: with a name, of several words" why
		check "three" false
		checks_end
	END
	bash "$scratch/ktap.sh" "$VMB_TOP" >"$scratch/ktap" 2>/dev/null || true
	cat "$scratch/ktap"
	test "$(head -n 1 "$scratch/ktap")" = "KTAP version 1"
	timeout 60 python3 "$linux/tools/testing/kunit/kunit.py" parse "$scratch/ktap" \
		>"$scratch/parsed" 2>&1 || true
	cat "$scratch/parsed"
	grep 'Ran 3 tests: passed: 1, failed: 1, skipped: 1' "$scratch/parsed"
}

python_compiles() {
	grep '\.py$' "$scratch/files" >"$scratch/python-files" || return 0
	while read -r name; do
		python3 -W error -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$name"
	done <"$scratch/python-files"
}
