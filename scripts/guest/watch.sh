# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Waiting for a guest, whichever QEMU it runs in. To be sourced by bash after
# lib.sh. The caller sets logs, the folder with guest.log and perhaps others;
# deadline and BOOT_SECONDS; and pid, once QEMU runs. And, if it wants to, SILENT_SECONDS.
# shellcheck disable=SC2034,SC2154

SILENT_SECONDS=0

# A process that is to be waited for has just been started.
guest_is_started() {
	on_exit end_process "$pid"
	began=$(date +%s)
	told=$began
	heard=$began
	consoles=
	why=
}

show_consoles() {
	local log

	for log in qemu l1 host guest; do
		[ -s "$logs/$log.log" ] || continue
		printf -- '--- the last lines of %s\n' "$logs/$log.log" >&2
		tail -n 25 "$logs/$log.log" | tr -d '\r' >&2
	done
}

has_booted() {
	grep -q '^VMBGUEST-BOOTED' "$logs/guest.log"
}

# Has nobody said anything for SILENT_SECONDS? 0: that is nobody's business.
is_silent() {
	local sizes

	[ "$SILENT_SECONDS" -gt 0 ] || return
	sizes=$(stat -c %s "$logs/guest.log" "$logs/host.log" 2>/dev/null || true)
	if [ "$sizes" != "$consoles" ]; then
		consoles=$sizes
		heard=$1
	fi
	[ $(($1 - heard)) -ge "$SILENT_SECONDS" ]
}

# Until it is over. False if it never booted, or is silent; says why.
wait_for_guest() {
	local now

	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$(date +%s)
		if [ $((now - began)) -ge "$BOOT_SECONDS" ] && ! has_booted; then
			why="did not boot within $BOOT_SECONDS s"
			return 1
		fi
		if has_booted && is_silent "$now"; then
			why="stood still for $SILENT_SECONDS s after: $(tail -n 1 "$logs/guest.log")"
			return 1
		fi
		if [ $((now - began)) -ge "$deadline" ]; then
			show_consoles
			die "the guest did not end within $deadline s and was ended" \
			    "look at $logs, or give it longer"
		fi
		if [ $((now - told)) -ge 10 ]; then
			told=$now
			note "  ... guest for $((now - began)) s: $(tail -n 1 "$logs/guest.log" |
				tr -cd '[:print:]' | cut -c 1-60)"
		fi
	done
	why="ended before it had booted"
	has_booted
}

# Whatever the exit status was: only the guest's own word counts.
expect_own_word() {
	wait "$pid" || true
	tr -d '\r' <"$logs/guest.log" | grep -q '^VMBGUEST-END 0$' && return
	show_consoles
	die "the guest did not say that it succeeded" "look at $logs"
}
