#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Our clients of devices that every Hyper-V machine has, against peers that others
# wrote: QEMU's Dynamic Memory, and a heartbeat that the kernel's own driver answers
# first. Ends with the count.
#
# usage: check-peers.sh
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

VMB_CHECK_SECONDS=1200
check "QEMU's hv-balloon: 50 cycles, each size as asked, unbind, unload, reboot" \
	"$VMB_TOP/scripts/demo-balloon.sh"
check "heartbeat: hv_utils, our client, hv_utils again, no answer wrong" \
	"$VMB_TOP/scripts/demo-heartbeat.sh"
checks_end
