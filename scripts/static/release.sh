#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Planted mistakes of a release are refused, each by name, and one without is made; and
# a clone says of itself which commit it is. In a clone of its own.
#
# usage: release.sh MODULES KDIR   modules of this tree, with the version of dkms.conf,
#                                  and the kernel that one more is built for
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
no_options "$@"

[ $# -eq 2 ] || die "usage: $0 MODULES KDIR" "$0 --help"
modules=$(realpath "$1")
kdir=$2
# Nothing of whoever runs this.
export GIT_CONFIG_GLOBAL=/dev/null
scratch=
scratch_dir scratch
clone=$scratch/clone
version=$("$VMB_TOP/scripts/dev-files.sh" version)
wrong=0

git_here() {
	git -C "$clone" -c user.name=nobody -c user.email=nobody@localhost \
		-c commit.gpgSign=false "$@"
}

commit() {
	git_here add -A
	git_here commit -q --no-verify -m "$1"
}

# The tree as it would be released: its entries are of this version.
begin() {
	rm -rf "$clone"
	cp -a "$scratch/begin" "$clone"
}

# A folder without a clone around it, and with its own one.
mkdir -p "$scratch/begin"
(cd "$VMB_TOP" && { git ls-files -co --exclude-standard 2>/dev/null ||
	find . -type f -not -path './build/*' -not -path './.git/*'; } |
	while read -r name; do [ ! -e "$name" ] || printf '%s\0' "$name"; done |
	xargs -0 tar -cf -) | tar -xf - -C "$scratch/begin"
sed -i "s/^## Not released$/## $version (2026-11-30)/" "$scratch/begin/CHANGELOG.md"
cp -a "$scratch/begin" "$clone"
git_here -c init.defaultBranch=main init -q
commit begin
rm -rf "$scratch/begin"
mv "$clone" "$scratch/begin"

release() {
	env -u VMB_BUILD GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@localhost \
		GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@localhost \
		"$clone/scripts/release.sh" --modules "$modules" "$@" >"$scratch/output" 2>&1
}

# refused ERROR ARGUMENT...
refused() {
	local error=$1

	shift
	if release "$@" || ! grep -qE "error: $error" "$scratch/output" ||
	   ! grep -q 'try: ' "$scratch/output"; then
		echo "not refused with: $error"
		cat "$scratch/output"
		wrong=1
	fi
	if [ -n "$(git_here tag -l "v$version")" ] && [ "$error" != "there is a tag" ]; then
		echo "refused, and tagged: $error"
		wrong=1
	fi
}

is() {
	[ "$1" = "$2" ] || {
		echo "$1 and not $2"
		wrong=1
	}
}

begin
release "$version" || { cat "$scratch/output"; wrong=1; }
is "$(git_here tag -l)" ""
(cd "$clone/build/release" && sha256sum -c --quiet "vmbkmcl-$version.tar.gz.sha256") || wrong=1
first=$(cat "$clone/build/release/vmbkmcl-$version.tar.gz.sha256")
release "$version" --tag || { cat "$scratch/output"; wrong=1; }
is "$(git_here describe)" "v$version"
is "$(cat "$clone/build/release/vmbkmcl-$version.tar.gz.sha256")" "$first"
refused "there is a tag" "$version" --tag

# What the clone says of itself: at the tag, changed, past it.
is "$("$clone/scripts/dev-files.sh" describe)" "$version"
echo >>"$clone/README.md"
is "$("$clone/scripts/dev-files.sh" describe)" "$version+dirty"
commit next
is "$("$clone/scripts/dev-files.sh" describe)" \
	"$version+1-g$(git_here rev-parse --short=12 HEAD)"
git_here tag -d "v$version" >/dev/null
is "$("$clone/scripts/dev-files.sh" describe)" "$version+g$(git_here rev-parse --short=12 HEAD)"
make -C "$kdir" M="$clone" drivers/kmcl/main.o >"$scratch/output" 2>&1 || cat "$scratch/output"
tr '\0' '\n' <"$clone/drivers/kmcl/main.o" | grep -a '^version=' >"$scratch/said" || true
is "$(cat "$scratch/said")" "version=$("$clone/scripts/dev-files.sh" describe)"
# An archive, and a folder inside of another clone, are what dkms.conf says.
mkdir -p "$clone/inside"
git_here archive HEAD | tar -xf - -C "$clone/inside"
is "$("$clone/inside/scripts/dev-files.sh" describe)" "$version"

begin
refused "a release has a version such as" 1.2
refused "dkms.conf has version $version, not 9.8.7" 9.8.7
git_here tag v99.0.0
refused "version 99.0.0 was released" "$version"

begin
echo "/* */" >>"$clone/drivers/kmcl/main.c"
refused "not all is committed" "$version"

begin
sed -i "s/^## $version .*/## 0.0.0/" "$clone/CHANGELOG.md"
commit planted
refused "CHANGELOG.md says nothing of $version" "$version"

begin
sed -i "s/^## $version .*/## Not released\n\n- Planted.\n\n&/" "$clone/CHANGELOG.md"
commit planted
refused "CHANGELOG.md has entries that are not released" "$version"

begin
sed -i 's/vmbkmcl ({version})/vmbkmcl (9.8.7)/' "$clone/scripts/lib/changelog.py"
commit planted
refused "Debian's changelog has version 9.8.7" "$version"

begin
echo "/dkms.conf export-ignore" >>"$clone/.gitattributes"
commit planted
refused "the unpacked archive has version none" "$version"

# Modules that were built with another version in dkms.conf.
begin
sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="9.8.7"/' "$clone/dkms.conf"
sed -i "s/^## $version .*/## 9.8.7/" "$clone/CHANGELOG.md"
commit planted
refused "modinfo of vmbkmcl.ko has version $version, not 9.8.7" 9.8.7
exit "$wrong"
