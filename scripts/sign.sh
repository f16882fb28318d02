#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make sign": signs the built modules, for machines with Secure Boot, where the
# kernel otherwise says "Key was rejected by service". DKMS signs by itself.
#
# From the environment: KEY and CERT, the private key and its certificate; by
# default those of DKMS, /var/lib/dkms/mok.key and mok.pub. KDIR, KVER: whose
# sign-file. KBUILD_SIGN_PIN: the key's pass phrase.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
KVER=${KVER:-$(uname -r)}
KDIR=${KDIR:-/lib/modules/$KVER/build}
KEY=${KEY:-/var/lib/dkms/mok.key}
CERT=${CERT:-/var/lib/dkms/mok.pub}

die() {
	printf 'sign.sh: error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'sign.sh: try: %s\n' "$2" >&2
	exit 1
}

case ${1:-} in
'') ;;
-h | --help)
	echo "usage: [KEY=] [CERT=] [KDIR=] sign.sh [MODULE...]	(default: all that are built)"
	exit 0
	;;
-*)
	die "no such option: $1" "$0 --help"
	;;
esac

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
	cd "$top"
	mapfile -t modules < <(find . -name '*.ko' -not -path './build/*')
	[ ${#modules[@]} -gt 0 ] || die "no module is built" "make modules KDIR=$KDIR"
	set -- "${modules[@]}"
fi
for module; do
	"$sign_file" sha512 "$KEY" "$CERT" "$module"
	signer=$(modinfo -F signer "$module")
	[ -n "$signer" ] || die "$module has no signature after $sign_file"
	echo "$module: signed by $signer"
done
echo "The firmware must know the certificate. Once: mokutil --import $CERT, reboot,"
echo "and say yes on the console. Then mokutil --test-key $CERT tells it is enrolled."
