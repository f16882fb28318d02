#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Secure Boot, for real: a stock Debian kernel in a guest whose firmware has it on, and
# in one with lockdown alone. What sign.sh has signed is loaded, all else refused, with
# the messages that scripts/secure-boot.md explains. Prints KTAP, and 'N passed, N
# failed, N skipped' at the end.
#
# usage: check-secure-boot.sh
#
# The firmware is OVMF, with variables that its package has for tests: their db holds
# a certificate whose key is public. The kernel is signed with it, too.
#
# Environment:
#   KERNEL      the guest's kernel: 6.1, 6.12 (default), newest, ...
#   DEADLINE    seconds after which the guest is ended (240)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

version=${KERNEL:-6.12}
guest=$VMB_TOP/scripts/guest
logs=$VMB_BUILD/secure-boot
scratch=
scratch_dir scratch

stage "our modules for Linux $version"
kernel=$("$guest/kernel.sh" "$version")
modules=$VMB_BUILD/modules/$version
"$guest/build-modules.sh" "$version" "$modules"

stage "keys, and what is signed with them"
need_packages ovmf sbsigntool openssl kmod
certificate=/usr/share/ovmf/PkKek-1-snakeoil.pem
openssl rsa -passin pass:snakeoil -in /usr/share/ovmf/PkKek-1-snakeoil.key \
	-out "$scratch/db.key" 2>/dev/null
openssl req -new -x509 -nodes -days 30 -newkey rsa:2048 -subj '/CN=nobody knows me' \
	-keyout "$scratch/stranger.key" -outform DER -out "$scratch/stranger.der" 2>/dev/null

# sign NAME KEY CERTIFICATE: as "make sign" does.
sign() {
	cp "$modules/vmbkmcl.ko" "$scratch/$1.ko"
	KDIR=$(cat "$kernel/kdir") KVER=$(cat "$kernel/release") KEY=$2 CERT=$3 \
		"$VMB_TOP/scripts/sign.sh" "$scratch/$1.ko" >"$scratch/$1.said"
	cp "$scratch/$1.ko" "$scratch/$1.module"
}

signs() {
	sign signed "$scratch/db.key" "$certificate"
	cat "$scratch/signed.said"
	grep -q 'signed by ' "$scratch/signed.said"
	grep -qF "mokutil --import $certificate" "$scratch/signed.said"
}

prepare() {
	cp "$modules/vmbkmcl.ko" "$scratch/unsigned.module"
	sign stranger "$scratch/stranger.key" "$scratch/stranger.der"
	# A letter of its description.
	LC_ALL=C sed 's/Kernel Mode Client/kernel Mode Client/' "$scratch/signed.module" \
		>"$scratch/changed.module"
	! cmp -s "$scratch/signed.module" "$scratch/changed.module" || false
	modinfo -F signer "$scratch/signed.ko" >"$scratch/signer"
	mkdir -p "$scratch/kernel"
	sbsign --key "$scratch/db.key" --cert "$certificate" \
		--output "$scratch/kernel/vmlinuz" "$kernel/vmlinuz"
}

# boots KIND PARAMETER...: of plain.sh. What the guest says is for told.
boots() {
	echo "$1" >"$scratch/kind"
	"$guest/l2-initramfs.sh" "$kernel" "$scratch/initrd" "$guest/secure-boot-guest.sh" \
		"$scratch"/{unsigned,stranger,changed,signed}.module "$scratch"/{signer,kind}
	# Another processor would only be more to emulate.
	"$guest/plain.sh" --initrd "$scratch/initrd" --logs "$logs/$1" --cpus 1 \
		--deadline "${DEADLINE:-240}" "${@:2}"
}

# In the guest's own words.
told() {
	local result

	while read -r result; do
		case $result in
		ok\ *) passed "guest: ${result#ok }" ;;
		*) failed "guest: ${result#not ok }" ;;
		esac
	done < <(tr -d '\r' <"$logs/$1/guest.log" | sed -n 's/^VMBGUEST-TEST //p')
}

rm -rf "$logs"
check "sign.sh signs, and names the certificate to enrol" signs
check "a kernel that the firmware takes, and modules of all kinds" prepare
stage "a guest with Secure Boot"
check "Secure Boot: the guest boots, and all was right" boots firmware \
	--kernel "$scratch/kernel" --secure-boot /usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd
told firmware
stage "a guest with lockdown alone"
check "lockdown: the guest boots, and all was right" boots lockdown \
	--kernel "$kernel" --append lockdown=integrity
told lockdown
checks_end
