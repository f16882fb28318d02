#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make sign": signs the built modules, for machines with Secure Boot. DKMS signs
# by itself. scripts/secure-boot.md has the whole of it.
#
# usage: [KEY=] [CERT=] [KDIR=] [KVER=] sign.sh [MODULE...]
#
# Without MODULE all that are built. KEY and CERT are the private key and its
# certificate, by default those that DKMS signs with. KDIR, KVER: whose sign-file.
# KBUILD_SIGN_PIN: the key's pass phrase.
set -eu

case ${1:-} in
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,11p' "$0"
	exit 0
	;;
-*)
	echo "sign.sh: error: no such option: $1" >&2
	echo "sign.sh: try: $0 --help" >&2
	exit 2
	;;
esac
# shellcheck source=scripts/kernel-lib.sh
. "$(dirname "$0")/kernel-lib.sh"
dkms_keys
KEY=${KEY:-$mok_key}
CERT=${CERT:-$mok_certificate}

sign_file=
for try in "$KDIR/scripts/sign-file" /usr/lib/linux-kbuild-*/scripts/sign-file; do
	[ ! -x "$try" ] || { sign_file=$try; break; }
done
[ -n "$sign_file" ] || die "there is no sign-file for $KDIR" \
	"apt-get install linux-headers-$KVER"
for file in "$KEY" "$CERT"; do
	case $file in pkcs11:*) continue ;; esac
	[ -r "$file" ] || die "cannot read $file" \
		"openssl req -new -x509 -nodes -days 3650 -newkey rsa:2048 -subj '/CN=module signing' -keyout $KEY -outform DER -out $CERT"
done

if [ $# -eq 0 ]; then
	cd "$vmb_top"
	mapfile -t modules < <(find . -name '*.ko' -not -path './build/*')
	[ ${#modules[@]} -gt 0 ] || die "no module is built" "make modules KDIR=$KDIR"
	set -- "${modules[@]}"
fi
for module; do
	# Not later: what is stripped has lost its signature.
	strip --strip-debug "$module"
	"$sign_file" sha512 "$KEY" "$CERT" "$module"
	signer=$(modinfo -F signer "$module")
	[ -n "$signer" ] || die "$module has no signature after $sign_file"
	echo "$module: signed by $signer"
done
echo "With Secure Boot the firmware has to know the certificate. Once:"
echo "  mokutil --import $CERT"
echo "and reboot; in Azure see scripts/secure-boot.md."
