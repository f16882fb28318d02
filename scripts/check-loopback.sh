#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The loopback demo as tests: each step of the guest is one, and so is each thing
# that the numbers have to say. Prints KTAP, and 'N passed, N failed, N skipped'
# at the end.
#
# usage: check-loopback.sh
#
# Environment: as demo-loopback.sh.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

scratch=
scratch_dir scratch

stage "the loopback demo"
status=0
"$VMB_TOP/scripts/demo-loopback.sh" >"$VMB_BUILD/demo-loopback.txt" || status=$?
sed 's/^/# /' "$VMB_BUILD/demo-loopback.txt"

# In the guest's own words; what it did not come to is missed by the last test.
while read -r result; do
	case $result in
	ok\ *) passed "guest: ${result#ok }" ;;
	*) failed "guest: ${result#not ok }" ;;
	esac
done < <(tr -d '\r' <"$VMB_BUILD/demo-loopback/guest.log" | sed -n 's/^VMBGUEST-TEST //p')
# As if it had been run there, which has no Python.
vmbstat_sees_both() {
	tr -d '\r' <"$VMB_BUILD/demo-loopback/guest.log" | sed -n 's/^VMBGUEST-SEEN //p' \
		>"$scratch/recorded"
	"$VMB_TOP/scripts/vmbstat/recorded.py" "$scratch/recorded" "$scratch/root"
	"$VMB_TOP/scripts/vmbstat/live.py" "$scratch/root"
}

check "vmbstat shows what both channels have done, in every output" vmbstat_sees_both
check "the demo is content: all rounds, all bytes, nothing lost" [ "$status" = 0 ]
checks_end
