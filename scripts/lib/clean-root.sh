# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A clean Debian to try things in: a root file system in the cache, under an
# overlay that goes away with the script, in a mount namespace of its own. Nothing
# of this machine is touched. To be sourced after lib.sh by a script that takes no
# arguments; it starts that again inside of the namespace.
# shellcheck disable=SC2154

no_arguments "$@"
[ "$(id -u)" -eq 0 ] || die "a root file system of its own needs root" "run this as root"
[ "${VMB_NAMESPACE:-}" = "$(readlink /proc/self/ns/mnt)" ] || {
	# shellcheck disable=SC2016
	exec unshare --mount --propagation private sh -c \
		'VMB_NAMESPACE=$(readlink /proc/self/ns/mnt) exec "$0"' "$0"
}
scratch=
scratch_dir scratch
root=$scratch/root
on_exit umount -R -l "$root"
# Where its shell is.
tree=/home/user/vmbkmcl

# clean_base SUITE PACKAGE...: sets base, and release, the kernel whose headers it has;
# of the kernel itself that what depmod and modprobe look at.
clean_base() {
	local suite=$1

	shift
	base=$("$VMB_TOP/scripts/lib/chroot.sh" "$suite" dkms make kmod openssl libelf-dev \
		pahole xz-utils linux-headers-cloud-amd64 ccache "$@")
	# The newest of them, which the last upgrade of the metapackage has brought.
	release=$(basename -a "$base"/lib/modules/*-cloud-amd64 | sort -V | tail -n 1)
	clean_kernel=$VMB_CACHE/kernel/clean-$release
	exec 8>"$VMB_CACHE/kernel/clean.lock"
	flock -w 900 8 || die "$VMB_CACHE/kernel/clean.lock is held by another" "wait for it to end"
	[ ! -e "$clean_kernel/root" ] || {
		exec 8>&-
		return 0
	}
	rm -rf "$clean_kernel"
	mkdir -p "$clean_kernel"
	(
		apt_suite "$suite"
		cd "$clean_kernel"
		quietly "$VMB_BUILD/kernel-fetch.log" 900 \
			apt-get download "linux-image-$release"
	) || die "could not fetch linux-image-$release, of which the headers are in $base" \
		"rm -rf $base, which may be older than what the mirror has; and see $VMB_BUILD/kernel-fetch.log"
	dpkg -x "$clean_kernel"/linux-image-*.deb "$clean_kernel/new"
	rm "$clean_kernel"/linux-image-*.deb
	mv "$clean_kernel/new" "$clean_kernel/root"
	exec 8>&-
}

# As it was before anything was installed. The kernel that "runs" there is the one
# of its headers. The same sources are compiled there a dozen times, by ccache but for
# the first.
fresh_root() {
	local modules compiler

	umount -R -l "$root" 2>/dev/null || true
	rm -rf "$scratch/upper" "$scratch/work"
	mkdir -p "$root" "$scratch/upper" "$scratch/work"
	mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
	mount -t proc proc "$root/proc"
	mkdir -p "$root/shims" "$root$tree" "$root/lib/modules/$release/kernel"
	printf '#!/bin/sh\n[ "$*" != -r ] || exec echo %s\nexec /bin/uname "$@"\n' "$release" \
		>"$root/shims/uname"
	chmod +x "$root/shims/uname"
	mkdir -p "$VMB_CACHE/ccache" "$root/ccache"
	mount --bind "$VMB_CACHE/ccache" "$root/ccache"
	for compiler in "$base"/usr/bin/gcc{,-[0-9]*}; do
		[ ! -e "$compiler" ] || ln -s /usr/bin/ccache "$root/shims/${compiler##*/}"
	done
	modules=$(find "$clean_kernel/root" -type d -path "*/modules/$release")
	cp "$modules"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$release/"
	cp -r "$modules/kernel/drivers/hv" "$root/lib/modules/$release/kernel/"
}

# inside COMMAND...: a line for the shell in there; what it said is for says.
inside() {
	chroot "$root" env -i HOME=/root PATH=/shims:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive KVER="$release" \
		CCACHE_DIR=/ccache CCACHE_MAXSIZE=500M \
		bash -c "cd $tree; $*" </dev/null 2>&1 | tee "$scratch/said"
	return "${PIPESTATUS[0]}"
}

says() {
	grep -qE -- "$1" "$scratch/said" || {
		echo "it does not say: $1"
		return 1
	}
}

says_not() {
	! grep -E -- "$1" "$scratch/said" || {
		echo "it says: $1"
		return 1
	}
}

# refused LINE: fails, with the reason and the remedy.
refused() {
	if inside "$1"; then
		echo "it was not refused"
		return 1
	fi
	says '(error:|PROBLEM) .{20}'
	says 'try: '
}
