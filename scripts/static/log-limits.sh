# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Log lines that nothing limits. To be sourced by bash after lib.sh; the caller has
# $scratch, with the list of the kernel's files in kernel-files.
# shellcheck disable=SC2154

# Log lines that no peer can cause often, each by its format, and why.
seldom=(
	# said at most once in ten seconds by who waits
	'drivers/kmcl/(close|gpadl|loopback_connection)\.c: .*(waits for the driver to complete|is deleted when|waiting for the server)'
	# once a remove, once a hibernation, once a life of the channel
	'drivers/kmcl/close\.c: .*going on without them'
	'drivers/kmcl/life(_pm)?\.c: .*(no hibernation|does not quiesce)'
	'drivers/kmcl/watchdog\.c: .*further times are only counted'
	# what a module of this kernel does wrong when it registers, or enables
	'drivers/kmcl/registry\.c: .*(build it again|needs name|cannot be registered)'
	'drivers/kmcl/loopback_(client|server)\.c: .*(needs a target|own kernel only|nothing to offer|another server offers)'
	'drivers/kmcl/loopback_bus\.c: .*has no device'
	# the examples: once a run, or once a bind
	'drivers/clients/block/block_(client|load)\.c: .*(cannot go on|operations, |status page is lost|do not end|server has counted)'
	'drivers/clients/block/block_provoke\.c: .*a request that is wrong'
	'drivers/clients/(echo|source)/[a-z_]+\.c: .*(sub-channels, error|packets accepted)'
	'drivers/clients/storage/storage_client_main\.c: .*requests, .* bytes checked'
)

# unlimited FILE...: log lines without a limit of their own, as FILE: CALL FORMAT.
unlimited() {
	awk '
		FNR == 1 { call = "" }
		/(^|[^A-Za-z_])((dev|netdev|pr)_(emerg|alert|crit|err|warn|notice|info)|printk|WARN|WARN_ON)\(/ { call = $0 }
		call != "" {
			if (call != $0)
				call = call " " $0
			if ($0 ~ /;[ \t]*$|\{[ \t]*$|\)[ \t]*\|\|$/) {
				gsub(/[ \t]+/, " ", call)
				print FILENAME ": " call
				call = ""
			}
		}
	' "$@"
}

# The peer chooses how often: what it causes is limited, or said why it is not.
log_is_limited() {
	mapfile -t files < <(grep -E '^drivers/.*\.[ch]$' "$scratch/kernel-files")
	unlimited "${files[@]}" >"$scratch/unlimited"
	test -s "$scratch/unlimited"
	! grep -vE "^($(IFS='|'; echo "${seldom[*]}"))" "$scratch/unlimited" || false
}

# Each exception excuses something, or it would one day excuse what is new.
log_exceptions_are_used() {
	local exception unused=0

	for exception in "${seldom[@]}"; do
		grep -qE "^$exception" "$scratch/unlimited" || {
			echo "excuses nothing: $exception"
			unused=1
		}
	done
	test "$unused" -eq 0
}

unlimited_sees() {
	mkdir -p "$scratch/planted"
	cat >"$scratch/planted/log.c" <<-'END'
		void vmb_wrong(struct device *dev)
		{
			dev_err_ratelimited(dev, "limited\n");
			WARN_ONCE(1, "once\n");
			if (dev)
				dev_err(dev,
					"planted: %d\n",
					1);
		}
	END
	unlimited "$scratch/planted/log.c" | tee "$scratch/planted/log"
	test "$(wc -l <"$scratch/planted/log")" -eq 1
	grep -q 'dev_err.*planted' "$scratch/planted/log"
}
