# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Waiting for a guest, whichever QEMU it runs in. To be sourced by bash after
# lib.sh. The caller sets logs, the folder with guest.log and perhaps others;
# deadline and BOOT_SECONDS; and pid, once QEMU runs.
# shellcheck disable=SC2154

# A process that is to be waited for has just been started.
guest_is_started() {
	on_exit end_process "$pid"
	began=$(date +%s)
	told=$began
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

# Until it is over. False if it never booted.
wait_for_guest() {
	local now

	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$(date +%s)
		if [ $((now - began)) -ge "$BOOT_SECONDS" ] && ! has_booted; then
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
	has_booted
}

# Whatever the exit status was: only the guest's own word counts.
expect_own_word() {
	wait "$pid" || true
	tr -d '\r' <"$logs/guest.log" | grep -q '^VMBGUEST-END 0$' && return
	show_consoles
	die "the guest did not say that it succeeded" "look at $logs"
}
