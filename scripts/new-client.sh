#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# usage: new-client.sh
#
# Writes a client of vmbkmcl into a new folder: the header of its protocol, the client,
# a server for loopback, a host's end for "make guest", a KUnit suite, Kbuild, Makefile,
# dkms.conf and a README.md that says how to build and run them. All of it works as it
# is; the protocol is there to be replaced.
#
# Environment, as make hands it on:
#   NAME   of the module, such as vmb_foo: small letters, digits and underscores
#   GUID   the type of its devices, or "random" (default), which makes a new one
#   DIR    the folder to be made (NAME)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"

name=${NAME:-}
guid=${GUID:-random}
directory=${DIR:-$name}
while [[ $directory == ?*/ ]]; do
	directory=${directory%/}
done
template=$VMB_TOP/scripts/new-client
template_guid=2f6c91d4-7a03-4be8-9d52-18c73fa064eb
example="make new-client NAME=vmb_foo GUID=random DIR=/tmp/vmb_foo"

# fields GUID: as in a protocol's header, in two lines of which the first goes on.
fields() {
	local IFS=- part=()

	read -ra part <<<"$1"
	printf '0x%s, 0x%s, 0x%s\n' "${part[@]:0:3}"
	sed -E 's/(..)/0x\1, /g; s/, $//' <<<"${part[3]}${part[4]}"
}

[ -n "$name" ] || die "NAME is missing: what the module is called" "$example"
# A name as long would make lines that are too long of those with it.
[[ $name =~ ^[a-z][a-z0-9_]{0,23}$ ]] ||
	die "NAME=$name is no name for a module here: at most 24 small letters, digits and underscores" \
	    "$example"
[[ " vmbkmcl vmbkmcl_hv hv_vmbus $(vmb_modules | paste -s -d ' ') " != *" $name "* ]] ||
	die "NAME=$name is the name of another module" "$example"
[ ! -e "$directory" ] || die "$directory exists" "DIR=<folder that is to be made>"
[ -d "$(dirname "$directory")" ] ||
	die "$(dirname "$directory") is no folder" "mkdir -p $(dirname "$directory")"
if [ "$guid" = random ]; then
	guid=$(cat /proc/sys/kernel/random/uuid)
fi
guid=${guid,,}
[[ $guid =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] ||
	die "GUID=$guid is no GUID" "GUID=random, or one such as $template_guid"
[[ ! $guid =~ ^[0-]*$ ]] || die "GUID=$guid is no device's" "GUID=random"
# In either form that a source has it in.
! grep -rqiF -e "$guid" -e "$(fields "$guid" | head -n 1)" "$VMB_TOP/drivers" "$template" ||
	die "GUID=$guid is another device's" "GUID=random"

upper=${name^^}
script=$(
	printf 's/vmb_template/%s/g\ns/VMB_TEMPLATE/%s/g\n' "$name" "$upper"
	printf 's/%s/%s/g\n' "$template_guid" "$guid"
	paste <(fields "$template_guid") <(fields "$guid") |
		sed -E 's,(.*)\t(.*),s/\1/\2/,'
)
made=$directory.part.$$
mkdir "$made"
on_exit rm -rf "$made"
for file in "$template"/*; do
	base=$(basename "$file")
	sed -e "$script" "$file" >"$made/${base/vmb_template/$name}"
done
mv -T "$made" "$directory"
cat <<-END
	$directory is a client for devices of the type $guid.
	Read $directory/README.md; now, or when you have changed it:
	  make guest CLIENT=$directory HOST=$directory/${name}_host.c
END
