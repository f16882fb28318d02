#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The library as a patch series for a kernel tree: drivers/vmbkmcl, its headers in
# include/linux, Kconfig, Makefile, an entry in MAINTAINERS, KUnit suites,
# documentation; a patch a floor. Apply it with "git am build/patch/*.patch".
#
# usage: patch.sh [--check]
#
#   --check  then see that checkpatch finds nothing, that git applies the series to a
#            tree without it, and that the folder compiles there, configured as the
#            KUnit kernel is, without a warning of W=1. Ends with 'N passed, N failed,
#            N skipped'.
#
# It is made for the sources of Debian's Linux 6.12. Who runs it signs off: git's
# user.name and user.email. Leaves build/patch/.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

SERIES=6.12
check_it=
for argument; do
	case $argument in
	--check) check_it=yes ;;
	*) die "unknown option $argument" "$0 --help" ;;
	esac
done
need_packages git python3
name=$(git config user.name || true)
email=$(git config user.email || true)
if [ -n "$check_it" ]; then
	# Whose patches they are is not what is checked.
	: "${name:=vmbkmcl developers}" "${email:=vmbkmcl@localhost.localdomain}"
fi
if [ -z "$name" ] || [ -z "$email" ]; then
	die "git does not know who signs off" "git config user.name NAME; git config user.email ADDRESS"
fi
source_dir=$("$VMB_TOP/scripts/lib/linux-source.sh" "$SERIES")
out=$VMB_BUILD/patch
scratch=
scratch_dir scratch

# What the series changes; kunit.sh may have put our folder in.
touched=(MAINTAINERS drivers/Kconfig drivers/Makefile Documentation/driver-api/index.rst)

# tree FOLDER: a repository with what the series changes, as Debian has it.
tree() {
	mkdir -p "$1"
	(cd "$source_dir" && cp --parents "${touched[@]}" "$1/")
	sed -i '/vmbkmcl/d' "$1/drivers/Kconfig" "$1/drivers/Makefile"
	git -C "$1" -c init.defaultBranch=master init -q
	git -C "$1" config user.name "$name"
	git -C "$1" config user.email "$email"
	git -C "$1" config commit.gpgSign false
	git -C "$1" add -A
	git -C "$1" commit -q --no-verify -m "Linux $SERIES"
}

stage "the patches for Linux $SERIES"
tree "$scratch/made"
"$VMB_TOP/scripts/patch/series.py" "$VMB_TOP" "$scratch/made"
rm -rf "$out"
# No cover letter: git am would stop at it.
git -C "$scratch/made" format-patch -q -o "$out" \
	"$(git -C "$scratch/made" rev-list --max-parents=0 HEAD)"
stage_end
ls "$out"/*.patch
[ -n "$check_it" ] || exit 0

# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"
# shellcheck source=scripts/static/excused.sh
. "$VMB_TOP/scripts/static/excused.sh"

# A mistake, in a patch of its own.
planted() {
	cat <<-'END'
		From: A <a@localhost.localdomain>
		Subject: [PATCH] vmbkmcl: a mistake

		For whoever is to find it.

		Signed-off-by: A <a@localhost.localdomain>
		---
		diff --git a/drivers/vmbkmcl/planted.h b/drivers/vmbkmcl/planted.h
		new file mode 100644
		--- /dev/null
		+++ b/drivers/vmbkmcl/planted.h
		@@ -0,0 +1,2 @@
		+/* SPDX-License-Identifier: GPL-2.0 */
		+    int planted;
	END
}

checkpatch_is_silent() {
	local half i patches=("$out"/*.patch) these

	cd "$scratch"
	planted >planted.patch
	# It is slow, and knows no jobs. What it does not find in the last patch it may
	# not have found in the others either.
	for half in 0 1; do
		these=()
		for ((i = half; i < ${#patches[@]}; i += 2)); do
			these+=("${patches[i]}")
		done
		"$source_dir/scripts/checkpatch.pl" --root="$source_dir" --strict --terse \
			--show-types --no-summary --showfile --ignore FILE_PATH_CHANGES \
			"${these[@]}" planted.patch >"said.$half" 2>&1 &
	done
	wait
	grep '^drivers/vmbkmcl/planted\.h:.*LEADING_SPACE' said.0
	grep '^drivers/vmbkmcl/planted\.h:.*LEADING_SPACE' said.1
	cat said.0 said.1 | grep -v '^drivers/vmbkmcl/planted\.h:' >checkpatch || true
	# By their names here.
	sed -E -e 's#^drivers/vmbkmcl/clients/#drivers/clients/#' \
		-e 's#^drivers/vmbkmcl/kunit/#kunit/#' -e 's#^drivers/vmbkmcl/#drivers/kmcl/#' \
		-e 's#^include/linux/#include/#' checkpatch >checkpatch.ours
	vmb_not_excused checkpatch.ours
}

applies() {
	tree "$scratch/applied"
	git -C "$scratch/applied" am -q "$out"/*.patch
}

# kernel_tree FOLDER: Debian's tree with what was applied. Links to all that is not
# changed, so that it costs nothing; folders that get something are no links.
kernel_tree() {
	local folder

	rm -rf "$1"
	mkdir -p "$1"
	for folder in . drivers include include/linux include/trace include/trace/events \
		      Documentation Documentation/driver-api Documentation/ABI \
		      Documentation/ABI/testing; do
		[ ! -L "$1/$folder" ] || rm "$1/$folder"
		mkdir -p "$1/$folder"
		ln -s "$source_dir/$folder"/* "$1/$folder/"
	done
	rm -f "$1/drivers/vmbkmcl"
	(cd "$scratch/applied" && git ls-files) >"$scratch/files"
	# Not into what a link leads to.
	(cd "$1" && xargs rm -f) <"$scratch/files"
	(cd "$scratch/applied" && xargs cp --parents -t "$1") <"$scratch/files"
}

# As the KUnit kernel is configured; the kernel itself is not built.
compiles() {
	local linux=$VMB_CACHE/patch/linux objects=$VMB_CACHE/patch/objects

	mkdir -p "$objects"
	exec 9>"$VMB_CACHE/patch/lock"
	flock -w 1800 9
	kernel_tree "$linux"
	rm -rf "$objects/drivers/vmbkmcl"
	cd "$linux"
	{
		cat "$VMB_TOP/kunit/.kunitconfig" "$VMB_TOP/kunit/faults.config"
		# And all that this configuration leaves out of ours.
		sed -nE 's/^config (VMBKMCL_[A-Z]+)$/CONFIG_\1=y/p' drivers/vmbkmcl/Kconfig
	} >"$objects/.config"
	make O="$objects" olddefconfig
	grep -x 'CONFIG_VMBKMCL_KUNIT_TEST=y' "$objects/.config"
	make O="$objects" -j "$(nproc)" prepare
	make O="$objects" -j "$(nproc)" W=1 drivers/vmbkmcl/ 2>&1 | tee "$scratch/build"
	! grep -iE 'warning|error:' "$scratch/build" || false
	# Built in, as the suites want it, so there are no modules.
	test -s "$objects/drivers/vmbkmcl/built-in.a"
	# Every object that the tree's own build has.
	test "$(find "$objects/drivers/vmbkmcl" -name '*.o' | wc -l)" -ge \
		"$(git -C "$scratch/applied" ls-files 'drivers/vmbkmcl/*.c' | wc -l)"
}

VMB_CHECK_SECONDS=2400
need_packages perl gcc make flex bison bc libelf-dev libssl-dev
stage "the series"
check "patch: git applies the series" applies
if [ "$vmb_last" = ok ]; then
	check "patch: the folder compiles in the kernel's tree, W=1, no warning" compiles
fi
check "patch: checkpatch finds a planted mistake, and nothing else" checkpatch_is_silent
checks_end
