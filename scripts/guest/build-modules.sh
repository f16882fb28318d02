#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build this repository's modules for one of Debian's kernels.
#
# usage: build-modules.sh VERSION OUTPUT [ARGUMENT...]	(for make, such as W=1)
#
# VERSION as kernel.sh takes it. OUTPUT gets the modules, Module.symvers and
# build.log, which is everything that make said; if they are there already, of
# these very sources, they stay. The repository itself is not
# built in: each kernel gets a copy of its own. A kernel whose compiler this
# release does not have is built for in a chroot of the release that has it.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=scripts/lib/kernel-compiler.sh
. "$VMB_TOP/scripts/lib/kernel-compiler.sh"
no_options "$@"

[ $# -ge 2 ] || die "usage: $0 VERSION OUTPUT [ARGUMENT...]" "$0 6.12 build/modules"
version=$1
output=$2
shift 2
mkdir -p "$output"
output=$(cd "$output" && pwd)

use_compiler "$version"
copy=
build_folder copy
"$VMB_TOP/scripts/copy-sources.sh" "$copy"

sources=$( (cat "$kernel/release" && echo "$compiler" "$@" && cd "$copy" &&
	find . -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum)
[ ! -e "$output/Module.symvers" ] ||
	[ "$(cat "$output/sources" 2>/dev/null)" != "$sources" ] || exit 0
rm -f "$output/sources"

make_modules "$output/build.log" 1200 "$copy" EXAMPLES=y "$@" ||
	die "the modules do not build for Linux $(cat "$kernel/release")" "see $output/build.log"
rm -f "$output"/*.ko
find "$copy" -name '*.ko' -exec cp {} "$output/" \;
cp "$copy/Module.symvers" "$output/"
[ -n "$(find "$output" -maxdepth 1 -name '*.ko')" ] ||
	die "the build for Linux $(cat "$kernel/release") made no module" "see $output/build.log"
echo "$sources" >"$output/sources"
