#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# "make deb": builds the Debian packages vmbkmcl-dkms and vmbkmcl-dev, and their
# source package, of what this tree has.
#
# usage: deb.sh
#
# The version is dkms.conf's; DEBFULLNAME and DEBEMAIL say who makes the packages.
# Leaves them in build/deb/.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
no_arguments "$@"

version=$("$VMB_TOP/scripts/dev-files.sh" version)
out=$VMB_BUILD/deb
name=$(sed -n 's/^M:[[:space:]]*//p' "$VMB_TOP/MAINTAINERS" | head -n 1)
maintainer="${DEBFULLNAME:-$name} <${DEBEMAIL:-root@$(hostname)}>"

stage "the packages of vmbkmcl $version"
need_packages debhelper dh-dkms dpkg-dev python3
rm -rf "$out"
tree=$out/vmbkmcl-$version
"$VMB_TOP/scripts/copy-sources.sh" "$tree"
cp -r "$VMB_TOP/scripts/debian" "$tree/debian"
rm "$tree"/debian/{vmbkmcl.8,vmbkmcl.mk,vmbstat.1}
cp -r "$VMB_TOP"/scripts/{debian,out-of-tree-client,copy-sources.sh,installing.md,secure-boot.md} "$tree/scripts/"
sed -i "s|@MAINTAINER@|$maintainer|" "$tree/debian/control"
# When the sources changed last: the same sources make the same packages.
date=$(git -C "$VMB_TOP" log -1 --format=%cD 2>/dev/null ||
	date -R -r "$VMB_TOP/dkms.conf")
"$VMB_TOP/scripts/lib/changelog.py" debian "$version" "$maintainer" "$date" \
	>"$tree/debian/changelog"
# Of these formats neither has comments, so they are made.
mkdir -p "$tree/debian/source"
echo '3.0 (native)' >"$tree/debian/source/format"
cat >"$tree/debian/copyright" <<-'END'
	Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
	Upstream-Name: vmbkmcl

	Files: *
	Copyright: 2026 The authors of vmbkmcl
	License: GPL-2

	License: GPL-2
	 This program is free software; you can redistribute it and/or modify it under the
	 terms of version 2 of the GNU General Public License as published by the Free
	 Software Foundation.
	 .
	 On Debian systems the text of that license is in /usr/share/common-licenses/GPL-2.
END
(cd "$tree" && quietly "$VMB_BUILD/deb.log" 300 dpkg-buildpackage -us -uc -d) ||
	die "the packages cannot be built" "see $VMB_BUILD/deb.log"
stage_end
ls "$out"/*.deb "$out"/*.dsc
