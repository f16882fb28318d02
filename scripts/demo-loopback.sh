#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: demo-loopback.sh
#
# Boots a stock Debian kernel in a plain QEMU guest: no Hyper-V, no VMBus. Loads
# the library, the server of a model block device and its client, which talk
# over loopback. The client writes and reads the whole disk of the server, in
# memory that is cut into pieces of every shape, and checks each byte; the
# server completes out of order. Then both are unloaded, idle and under load,
# client first and server first. Then a second pair does the like, which is written
# against Windows' names.
#
# Emulated if there is no KVM that works. What is missing is installed (as
# root) or fetched into the cache; nothing else is changed.
#
# Environment:
#   KERNEL      the guest's kernel: 6.1, 6.12 (default), 6.12-rt, newest, ...; arm64,
#               arm64-16k and arm64-64k, which is built first, are emulated in any case
#   OPERATIONS  reads, writes and flushes of the first round (20000)
#   DEPTH       requests in flight (32)
#   DEADLINE    seconds after which the guest is ended (180)
#
# Prints operations, bytes checked and losses, and writes them to
# build/demo-loopback.json; the console is in build/demo-loopback/. Exits 0
# only if the guest said that everything was right, and nothing was lost.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"

version=${KERNEL:-6.12}
operations=${OPERATIONS:-20000}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/demo-loopback
began=$(date +%s)
rm -rf "$VMB_BUILD/demo-loopback.json" "$logs"
mkdir -p "$logs"

stage "our modules for Linux $version"
need_packages python3
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "the guest: load, verify, unload"
work=
scratch_dir work
echo "operations=$operations depth=${DEPTH:-32}" >"$work/client-parameters"
"$guest/l2-initramfs.sh" "$kernel" "$work/initrd" "$guest/loopback-guest.sh" \
	"$modules"/{vmbkmcl,vmb_block_server,vmb_block_client}.ko \
	"$modules"/{vmb_storage_server,vmb_storage_client}.ko "$work/client-parameters"
status=0
"$guest/plain.sh" --kernel "$kernel" --initrd "$work/initrd" --logs "$logs" \
	--deadline "${DEADLINE:-180}" || status=$?
stage_end

python3 "$guest/loopback_verdict.py" "$logs" "$VMB_BUILD/demo-loopback.json" \
	"$(cat "$kernel/release")" "$operations" "$(($(date +%s) - began))" || status=1
exit "$status"
