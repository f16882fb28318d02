#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# DKMS from end to end in a scratch tree, against the headers of real kernels:
# add, build, install, a client outside of the tree, remove; and the gate, which
# skips a kernel that is not ours to build for. The machine's own DKMS tree, its
# /usr/src and its /lib/modules are not touched.
#
# usage: check-dkms.sh [VERSION...]	(default: 6.1 and 6.12)
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

case ${1:-} in
-*)
	die "no such option: $1" "$0 --help"
	;;
esac
[ $# -gt 0 ] || set -- 6.1 6.12
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

# shellcheck source=dkms.conf
. "$VMB_TOP/dkms.conf"
modules=("${BUILT_MODULE_NAME[@]}")
version=$("$VMB_TOP/scripts/dev-files.sh" version)
arch=$(uname -m)
scratch=
scratch_dir scratch

stage "packages for DKMS"
need_packages dkms make kmod openssl libelf-dev pahole

# run_dkms VERB [ARGUMENT...]: DKMS in the scratch tree. No depmod: it would
# want the kernel in the machine's own /lib/modules.
run_dkms() {
	timeout --kill-after=10 300 env TMPDIR="$scratch" \
		sign_file="$kdir/scripts/sign-file" \
		mok_signing_key="$scratch/mok.key" mok_certificate="$scratch/mok.pub" \
		dkms "$@" -m vmbkmcl -v "$version" --no-depmod \
		--dkmstree "$scratch/dkms" --sourcetree "$scratch/src" \
		--installtree "$scratch/root/lib/modules"
}

# The installed file of a module, compressed or not.
installed() {
	find "$scratch/root/lib/modules/$release/updates" -name "$1.ko*"
}

add() {
	mkdir -p "$scratch/dkms" "$scratch/src"
	"$VMB_TOP/scripts/copy-sources.sh" "$scratch/src/vmbkmcl-$version"
	run_dkms add
	test -L "$scratch/dkms/vmbkmcl/$version/source"
}

build() {
	run_dkms build -k "$release" --kernelsourcedir "$kdir" || {
		cat "$scratch/dkms/vmbkmcl/$version/build/make.log"
		return 1
	}
	for module in "${modules[@]}"; do
		test -s "$scratch/dkms/vmbkmcl/$version/$release/$arch/module/$module.ko" ||
			ls "$scratch/dkms/vmbkmcl/$version/$release/$arch/module/$module.ko".*
	done
}

no_warning() {
	local log=$scratch/dkms/vmbkmcl/$version/$release/$arch/log/make.log

	test -s "$log"
	! grep -i warning "$log" || false
}

install() {
	mkdir -p "$scratch/root/lib/modules/$release"
	cp "$kernel/root/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} \
		"$scratch/root/lib/modules/$release/"
	run_dkms install -k "$release" --kernelsourcedir "$kdir"
	for module in "${modules[@]}"; do
		test -s "$(installed "$module")"
	done
}

status() {
	run_dkms status
	run_dkms status | grep -q "$version, $release, $arch: installed"
}

versions_agree() {
	for module in "${modules[@]}"; do
		modinfo "$(installed "$module")"
		test "$(modinfo -F version "$(installed "$module")")" = "$version"
	done
}

signed() {
	test -x "$kdir/scripts/sign-file" || {
		echo "the headers of $release have no sign-file"
		return 4
	}
	for module in "${modules[@]}"; do
		test -n "$(modinfo -F signer "$(installed "$module")")"
	done
}

found_by_alias() {
	local alias

	alias=$(modinfo -F alias "$scratch/client/vmb_hello.ko")
	echo "alias: $alias"
	cp "$scratch/client/vmb_hello.ko" "$scratch/root/lib/modules/$release/updates/"
	depmod -b "$scratch/root" "$release"
	modprobe -d "$scratch/root" -S "$release" --show-depends "$alias" |
		grep '/vmbkmcl_hv\.ko'
	rm "$scratch/root/lib/modules/$release/updates/vmb_hello.ko"
}

client() {
	"$VMB_TOP/scripts/lib/build-client.sh" "$1" "$scratch/client" \
		"$scratch/src/vmbkmcl/$release"
	test "$(modinfo -F depends "$scratch/client/vmb_hello.ko")" = vmbkmcl
}

removed() {
	run_dkms status | grep -q ': installed'
	run_dkms remove --all
	find "$scratch/root" "$scratch/dkms" "$scratch/src" -name '*.ko*' -o \
		-name vmbkmcl.h -o -name Module.symvers -o -name version |
		grep -v "^$scratch/src/vmbkmcl-$version/" >"$scratch/left" || true
	cat "$scratch/left"
	test ! -s "$scratch/left"
	test ! -e "$scratch/src/vmbkmcl"
	test ! -e "$scratch/dkms/vmbkmcl/$version"
}

# Likewise one that includes Windows' names: both ends of the storage device.
windows_client() {
	local end folder=$scratch/windows

	rm -rf "$folder"
	cp -r "$VMB_TOP/drivers/clients/storage" "$folder"
	cp "$VMB_TOP/scripts/out-of-tree-client/Makefile" "$folder/"
	{
		grep -v '^obj-m' "$VMB_TOP/scripts/out-of-tree-client/Kbuild"
		echo "ccflags-y += -DVMB_VERSION='\"0\"'"
		for end in server client; do
			echo "obj-m += vmb_storage_$end.o"
			sed -n "s|^\(vmb_storage_$end-y .*= \)drivers/clients/storage/|\1|p" \
				"$VMB_TOP/Kbuild"
		done
	} >"$folder/Kbuild"
	"$VMB_TOP/scripts/lib/build-client.sh" --client "$folder" "$1" "$scratch/client" \
		"$scratch/src/vmbkmcl/$release"
	test "$(modinfo -F depends "$scratch/client/vmb_storage_client.ko")" = vmbkmcl
	test "$(modinfo -F depends "$scratch/client/vmb_storage_server.ko")" = vmbkmcl
}

# gated RELEASE KDIR: DKMS must neither build nor fail.
gated() {
	local status=0

	run_dkms build -k "$1" --kernelsourcedir "$2" || status=$?
	echo "exit status $status"
	test "$status" -eq 77
}

out_of_tree_install() {
	"$VMB_TOP/scripts/lib/build-client.sh" "$1" "$scratch/client2"
	test "$(modinfo -F depends "$scratch/client2/vmb_hello.ko")" = vmbkmcl
}

install_and_uninstall() {
	"$VMB_TOP/scripts/copy-sources.sh" "$scratch/tree"
	make -C "$scratch/tree" KDIR="$kdir" DESTDIR="$scratch/dest" modules install
	for module in "${modules[@]}"; do
		find "$scratch/dest/lib/modules/$release/updates" -name "$module.ko*" |
			grep .
	done
	"$scratch/dest/usr/local/bin/vmbstat" --help | grep -- --prometheus
	make -C "$scratch/tree" KDIR="$kdir" DESTDIR="$scratch/dest" uninstall
	find "$scratch/dest" -type f >"$scratch/left"
	cat "$scratch/left"
	test ! -s "$scratch/left"
}

for name; do
	stage "DKMS with Linux $name"
	kernel=$("$VMB_TOP/scripts/guest/kernel.sh" "$name")
	kdir=$(cat "$kernel/kdir")
	release=$(cat "$kernel/release")
	need_packages "$(cat "$kernel/compiler")"
	rm -rf "${scratch:?}"/*

	check "dkms: add" add
	check "dkms: build for $release" build
	check "dkms: build for $release gives no warning" no_warning
	check "dkms: install for $release" install
	check "dkms: status says installed for $release" status
	check "dkms: version of dkms.conf is in each module" versions_agree
	check "dkms: modules are signed" signed
	check "dkms: a client outside of the tree builds for $release" client "$name"
	check "dkms: so does one that has Windows' names for $release" windows_client "$name"
	check "dkms: the first client's alias loads vmbkmcl_hv, too" found_by_alias
	check "dkms: remove leaves nothing" removed
done

stage "the gate"
check "dkms: add after remove" add
check "dkms: Linux 5.10 is skipped, not failed" gated 5.10.0-30-amd64 "$kdir"
check "dkms: Linux 8.0 is skipped, not failed" gated 8.0.1-amd64 "$kdir"

stage "make install"
check "make install and uninstall with DESTDIR" install_and_uninstall
check "a client outside of the tree builds from make install" \
	out_of_tree_install "$name"
checks_end
