#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Makes the client of README.md from README.md alone, as a reader would: each file
# that it prints, by the name before it.
#
# usage: readme-client.sh FOLDER		(made if it is missing)
#
# Prints the commands that the README has for it.
set -eu

case ${1:-} in
-h | --help)
	sed -n 's/^# \{0,1\}//; 4,9p' "$0"
	exit 0
	;;
'' | -*)
	echo "readme-client.sh: error: not a folder: ${1:-(none)}" >&2
	echo "readme-client.sh: try: $0 --help" >&2
	exit 2
	;;
esac
mkdir -p "$1"

# A file is a fenced block after a line that is its name alone: `Kbuild`:
awk -v to="$1" '
	/^## / { ours = /^## A client in / }
	!ours { next }
	/^`[A-Za-z_.]+`:$/ { name = substr($0, 2, length($0) - 3); next }
	/^```/ {
		if (inside) {
			inside = 0
			name = ""
		} else {
			inside = 1
			commands = /^```sh/
		}
		next
	}
	inside && name { print > (to "/" name) }
	inside && commands { print }
' "$(dirname "$0")/../../README.md"
