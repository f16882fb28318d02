#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# What the guests do of check-secure-boot.sh: load the library unsigned, signed with a
# key that nobody has enrolled, changed after it was signed, and signed with one that
# the firmware knows. What is said then, by insmod and in the log, is what
# scripts/secure-boot.md explains. Which of them this one is stands in /test/kind:
# "firmware", which has Secure Boot on, or "lockdown", where the command line asks for
# that alone. Lines that begin with VMBGUEST- are for the caller:
#
#   VMBGUEST-TEST ok NAME	or "not ok NAME", after the reason

# shellcheck source=scripts/guest/guest-lib.sh
. ./guest-lib.sh

failed=0

# check NAME COMMAND...
check() {
	local name=$1

	shift
	before=$(dmesg | wc -l)
	if "$@" >said 2>&1; then
		echo "VMBGUEST-TEST ok $name"
	else
		failed=1
		cat said
		log_since "$before" | tail -n 40
		echo "VMBGUEST-TEST not ok $name"
	fi
}

lockdown_is_on() {
	mount -t securityfs none /sys/kernel/security
	cat /sys/kernel/security/lockdown
	grep -qF '[integrity]' /sys/kernel/security/lockdown
}

secure_boot_is_on() {
	dmesg | grep -iE 'secure ?boot'
	dmesg | grep -qi 'secure boot enabled' && lockdown_is_on
}

certificate_is_known() {
	dmesg | grep "Loaded X.509 cert" | grep -qF "$(cat signer)"
}

# refused FILE INSMOD LOG: with these words of insmod's and of the log's.
refused() {
	local words

	if words=$(insmod "$1" 2>&1); then
		echo "it was not refused"
		rmmod vmbkmcl
		return 1
	fi
	echo "$words"
	echo "$words" | grep -qE "$2" && { [ -z "$3" ] || log_since "$before" | grep -qE "$3"; }
}

loads() {
	insmod "$1" && grep -q '^vmbkmcl ' /proc/modules &&
		! log_since "$before" | grep 'module verification failed' &&
		! grep -q E /sys/module/vmbkmcl/taint && rmmod vmbkmcl
}

# rejected HOW: an unsigned module, and one whose key is not enrolled.
rejected() {
	check "$1: an unsigned module is rejected" refused unsigned.module \
		'Key was rejected by service' 'Loading of unsigned module is rejected'
	check "$1: so is one whose key is not enrolled" refused stranger.module \
		'Key was rejected by service' \
		'Loading of module with unavailable key is rejected'
}

# As rejected(), where lockdown alone asks for a signature.
locked_out() {
	check "lockdown: an unsigned module is not permitted" refused unsigned.module \
		'Operation not permitted' \
		'Lockdown: insmod: unsigned module loading is restricted'
	check "lockdown: nor is one whose key is not enrolled" refused stranger.module \
		'Operation not permitted' \
		'Lockdown: insmod: unsigned module loading is restricted'
}

if [ "$(cat kind)" = firmware ]; then
	check "Secure Boot is on, and with it lockdown" secure_boot_is_on
	check "the kernel has the certificate from the firmware's db" certificate_is_known
	rejected "Secure Boot"
	check "Secure Boot: what was changed after it was signed is rejected" refused \
		changed.module 'Key was rejected by service|Bad message' ''
	check "Secure Boot: what sign.sh signed with an enrolled key is loaded" loads \
		signed.module
else
	check "lockdown is on, without Secure Boot" lockdown_is_on
	locked_out
	echo 1 >/sys/module/module/parameters/sig_enforce
	rejected "module.sig_enforce"
fi
[ $failed -eq 0 ]
