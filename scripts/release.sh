#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes a release of what is committed. The version is PACKAGE_VERSION in dkms.conf, and
# nowhere else; this sees that whatever names it names the same one: CHANGELOG.md,
# Debian's changelog, and modinfo of modules that were built from the archive.
#
# usage: release.sh VERSION [--tag] [--modules FOLDER]
#
#   VERSION           x.y.z; CHANGELOG.md says which part moves when
#   --tag             make the tag vVERSION, too; without it nothing but build/ changes
#   --modules FOLDER  modules that were built from these sources before, in place of
#                     building them
#
# Before: set PACKAGE_VERSION, in CHANGELOG.md put the version and the date in place of
# "Not released", commit. Leaves build/release/vmbkmcl-VERSION.tar.gz, a file .sha256
# beside it, and the notes. After: git push origin vVERSION.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

version='' tag='' modules=''
while [ $# -gt 0 ]; do
	case $1 in
	--tag) tag=yes ;;
	--modules)
		[ $# -gt 1 ] || die "--modules wants a folder" "$0 --help"
		modules=$(realpath "$2")
		shift
		;;
	-*) die "no such option: $1" "$0 --help" ;;
	*)
		[ -z "$version" ] || die "one version is wanted, not $version and $1" "$0 --help"
		version=$1
		;;
	esac
	shift
done
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] ||
	die "a release has a version such as 1.2.3, not ${version:-none}" \
	    "make release VERSION=1.2.3"
cd "$VMB_TOP"
changelog=scripts/lib/changelog.py
out=$VMB_BUILD/release
name=vmbkmcl-$version
scratch=
scratch_dir scratch

stage "what names the version"
need_packages git python3 kmod
own=$(scripts/dev-files.sh version)
[ "$own" = "$version" ] || die "dkms.conf has version $own, not $version" \
	"PACKAGE_VERSION=\"$version\" in dkms.conf"
$changelog notes "$version" >"$scratch/notes" ||
	die "CHANGELOG.md says nothing of $version" \
	    "\"## $version ($(date +%F))\" in place of \"## Not released\""
[ -z "$($changelog pending)" ] ||
	die "CHANGELOG.md has entries that are not released" \
	    "move them below \"## $version\", or leave them out of this release"
$changelog debian "$version" "nobody <nobody@localhost>" "$(date -R)" >"$scratch/changelog"
debian=$(sed -nE '1s/^vmbkmcl \((.*)\) .*/\1/p' "$scratch/changelog")
[ "$debian" = "$version" ] || die "Debian's changelog has version $debian, not $version" \
	"see what $changelog prints"

stage "what is committed"
git rev-parse --git-dir >/dev/null 2>&1 || die "this is no clone, and has no history" \
	"release from a clone"
# Whoever commits meanwhile does not change what is released.
commit=$(git rev-parse HEAD)
changed=$(git status --porcelain)
[ -z "$changed" ] || die "not all is committed: $(head -n 1 <<<"$changed")" "git status"
if git rev-parse -q --verify "refs/tags/v$version" >/dev/null; then
	# A dry run of what was tagged may be repeated.
	if [ -n "$tag" ] ||
	   [ "$(git rev-parse "v$version^{commit}")" != "$commit" ]; then
		die "there is a tag v$version" \
		    "another version, or git tag -d v$version if it was not pushed"
	fi
fi
last=$(git tag -l 'v[0-9]*' | sed 's/^v//' | grep -vxF "$version" | sort -V | tail -n 1)
[ "$(printf '%s\n' "$last" "$version" | sort -V | tail -n 1)" = "$version" ] ||
	die "version $last was released, and $version is older" "a version above $last"

stage "the archive"
rm -rf "$out"
mkdir -p "$out"
# Of the same commit always the same bytes.
git archive --format=tar --prefix="$name/" "$commit" | gzip -9n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
cp "$scratch/notes" "$out/notes"
tar -xzf "$out/$name.tar.gz" -C "$scratch"
unpacked=$("$scratch/$name/scripts/dev-files.sh" describe 2>/dev/null) || unpacked=none
[ "$unpacked" = "$version" ] || die "the unpacked archive has version $unpacked, not $version" \
	"see what git leaves out: .gitattributes"

stage "modules from the archive"
if [ -z "$modules" ]; then
	modules=$scratch/modules
	VMB_BUILD=$scratch/build "$scratch/$name/scripts/guest/build-modules.sh" 6.12 "$modules" ||
		die "the archive does not build" "see above"
fi
for module in $(vmb_modules); do
	[ -e "$modules/$module.ko" ] || die "$modules has no $module.ko" "build with EXAMPLES=y"
	said=$(modinfo -F version "$modules/$module.ko")
	[ "$said" = "$version" ] || die "modinfo of $module.ko has version $said, not $version" \
		"see MODULE_VERSION, and VMB_VERSION in Kbuild"
done

if [ -n "$tag" ]; then
	stage "the tag"
	sign=-a
	[ -z "$(git config user.signingKey)" ] || sign=-s
	{ printf 'vmbkmcl %s\n\n' "$version"; cat "$out/notes"; } |
		git tag "$sign" --cleanup=verbatim -F - "v$version" "$commit"
fi
stage_end
cat "$out/$name.tar.gz.sha256"
if [ -n "$tag" ]; then
	echo "tagged v$version; git push origin v$version makes it known"
else
	echo "a dry run: with TAG=y the tag v$version is made"
fi
