#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a client outside of this tree builds with: the public headers and the
# Module.symvers of the installed modules, one directory for each kernel:
#
#   /usr/src/vmbkmcl/<kernel>/include/vmbkmcl.h, include/vmbkmcl/
#   /usr/src/vmbkmcl/<kernel>/include/vmbkmcl_windows.h, include/vmbkmcl_windows/
#   /usr/src/vmbkmcl/<kernel>/Module.symvers
#   /usr/src/vmbkmcl/<kernel>/version, owner
#
# Called by "make install" and by the hooks of dkms.conf, there with nothing
# but this folder around it: it needs a POSIX shell and no other file of
# scripts/.
set -eu

usage() {
	cat <<-'END'
	usage: dev-files.sh version
	       dev-files.sh describe
	       dev-files.sh free FOLDER
	       dev-files.sh keep SYMVERS DIR
	       dev-files.sh install DEV KERNEL SYMVERS OWNER
	       dev-files.sh remove DEV KERNEL OWNER

	version	prints the version in dkms.conf
	describe
		prints it as modinfo has it: in a clone of the sources, unless that is at
		the tag of this version, with how many commits it is past that, with its
		commit, and with "dirty" if something was changed since
	free	fails if "make install" has put modules into FOLDER
	keep	puts the Module.symvers of a build into DIR
	install	puts the header, Module.symvers and the version into DEV/KERNEL
	remove	takes them away again, unless another version or another OWNER, "DKMS" or
		"make install", put them there
	END
}

die() {
	echo "dev-files.sh: error: $1" >&2
	[ $# -lt 2 ] || echo "dev-files.sh: try: $2" >&2
	exit 1
}

# arguments COUNT WANTED
arguments() {
	[ "$1" -eq "$2" ] || die "$1 arguments are not what this verb takes" "$0 --help"
}

top=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$top/dkms.conf")
[ -n "$version" ] || die "$top/dkms.conf has no PACKAGE_VERSION"

case ${1:-} in
version)
	arguments $# 1
	echo "$version"
	;;
describe)
	arguments $# 1
	# A folder inside of another clone is not ours.
	git=
	[ ! -e "$top/.git" ] ||
		git=$(git -C "$top" describe --tags --always --dirty --abbrev=12 \
			--match "v$version" 2>/dev/null) || git=
	case $git in
	'' | "v$version") echo "$version" ;;
	"v$version-"*) echo "$version+${git#"v$version-"}" ;;
	*) echo "$version+g$git" ;;
	esac
	;;
free)
	arguments $# 2
	[ ! -d "$2" ] || die "\"make install\" owns vmbkmcl here ($2)" \
		"make uninstall in the tree that it was installed from, or rm -r $2"
	;;
keep)
	arguments $# 3
	[ -s "$2" ] || die "$2 is missing: was this module built?"
	mkdir -p "$3"
	cp "$2" "$3/Module.symvers"
	;;
install)
	arguments $# 5
	[ -s "$4" ] || die "$4 is missing" "build the modules first"
	rm -rf "${2:?}/${3:?}"
	for header in vmbkmcl vmbkmcl_windows; do
		mkdir -p "$2/$3/include/$header"
		cp "$top/include/$header.h" "$2/$3/include/"
		cp "$top/include/$header"/*.h "$2/$3/include/$header/"
	done
	cp "$4" "$2/$3/Module.symvers"
	echo "$version" >"$2/$3/version"
	echo "$5" >"$2/$3/owner"
	chmod -R u=rwX,go=rX "$2/$3"
	echo "For clients outside of this tree: $2/$3"
	;;
remove)
	arguments $# 4
	[ "$(cat "$2/$3/version" 2>/dev/null)" = "$version" ] || exit 0
	[ "$(cat "$2/$3/owner" 2>/dev/null)" = "$4" ] || exit 0
	rm -rf "${2:?}/${3:?}"
	rmdir "$2" 2>/dev/null || true
	;;
-h | --help)
	usage
	;;
*)
	die "no such verb: ${1:-(none)}" "$0 --help"
	;;
esac
