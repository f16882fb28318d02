#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a user does with this tree, in a clean Debian 12 of its own: make install,
# DKMS, both after one another, the README's client, Secure Boot's keys, kernels
# that are not as one would wish, uninstall. Each verb is run as it is documented.
#
# usage: check-install.sh
#
# Nothing of this machine is touched: it is a root file system in the cache, under
# an overlay that goes away with this script, in a mount namespace of its own.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"

# shellcheck source=scripts/lib/clean-root.sh
. "$VMB_TOP/scripts/lib/clean-root.sh"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"

stage "a clean Debian 12 with the headers of its kernel"
clean_base bookworm gcc-12

# Debian again, as it was before anything was installed, with this tree in it.
fresh() {
	fresh_root
	(cd "$VMB_TOP" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xf - -C "$root$tree"
	inside "! find . -name '*.o' -o -name '*.ko' | grep ."
}

# The installed file of a module.
installed() {
	find "$root/lib/modules/$release/updates" -name "$1.ko*" 2>/dev/null
}

left_over() {
	find "$root/lib/modules" -name 'vmb*.ko*' >"$scratch/left"
	find "$root/var/lib/dkms" "$root/usr/src" -name '*vmbkmcl*' >>"$scratch/left"
	cat "$scratch/left"
	test ! -s "$scratch/left"
}

# ---------------------------------------------------------------------------

install_in_parallel() {
	inside "make -j2 modules install"
	test -n "$(installed vmbkmcl)"
	test -n "$(installed vmbkmcl_hv)"
}

only_the_library() {
	test "$(find "$root/lib/modules/$release/updates" -name '*.ko*' | wc -l)" -eq 2
	inside "depmod $release"
	! grep 'alias vmbus:.* vmb_' "$root/lib/modules/$release/modules.alias" || false
}

is_stripped() {
	for name in vmbkmcl vmbkmcl_hv; do
		! readelf -SW "$(installed "$name")" | grep '\.debug_' || false
	done
}

tells_which_copy() {
	inside "make install"
	says "vmbkmcl +[0-9.]+ +unsigned"
	says "/lib/modules/$release/updates/vmbkmcl/vmbkmcl_hv\.ko"
}

# Another copy, which depmod prefers.
tells_wrong_copy() {
	mkdir -p "$root/lib/modules/$release/updates/aaa" "$root/etc/depmod.d"
	cp "$(installed vmbkmcl)" "$root/lib/modules/$release/updates/aaa/"
	printf 'override vmbkmcl * updates/aaa\n' >"$root/etc/depmod.d/vmb.conf"
	refused "make install" || return 1
	says 'PROBLEM .*updates/aaa/vmbkmcl\.ko'
	rm -r "$root/lib/modules/$release/updates/aaa" "$root/etc/depmod.d/vmb.conf"
	inside "depmod $release"
}

client_of_readme() {
	inside "scripts/static/readme-client.sh /home/user/hello >/home/user/commands"
	cat "$root/home/user/commands"
	inside "ls /home/user/hello && cat /home/user/commands" && says '^make .*modules$'
	inside "depmod() { command depmod $release; }
		modprobe() { command modprobe -S $release --show-depends \"\$@\"; }
		cd /home/user/hello; set -e; . /home/user/commands"
	says 'insmod .*/vmbkmcl_hv\.ko'
	says 'insmod .*/vmb_hello\.ko'
}

dkms_is_refused() {
	refused "make dkms-install"
	says 'error: .*make install.* owns'
	says 'try: make uninstall'
	inside "dkms status" && says_not vmbkmcl
	test ! -e "$root/usr/src/vmbkmcl-0.1.0"
}

# By hand, too.
dkms_by_hand_is_refused() {
	inside "scripts/copy-sources.sh /usr/src/vmbkmcl-9 && sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"9\"/' /usr/src/vmbkmcl-9/dkms.conf && dkms add vmbkmcl/9"
	if inside "dkms install vmbkmcl/9 -k $release"; then
		echo "it was not refused"
		return 1
	fi
	says 'error: .*make install.* owns'
	inside "dkms remove vmbkmcl/9 --all"
	rm -r "$root/usr/src/vmbkmcl-9"
	test -s "$root/usr/src/vmbkmcl/$release/Module.symvers"
}

uninstall_tells_first() {
	mkdir -p "$root/sys/module/vmbkmcl/holders" "$root/sys/module/vmbkmcl_hv/holders" \
		"$root/sys/module/vmb_hello/holders"
	ln -s ../../vmbkmcl_hv ../../vmb_hello "$root/sys/module/vmbkmcl/holders/"
	inside "make uninstall"
	says_not 'modprobe -r'
	says 'rmmod vmb_hello vmbkmcl_hv vmbkmcl'
	test "$(grep -n rmmod "$scratch/said" | cut -d: -f1)" -lt \
		"$(grep -n ^Removed "$scratch/said" | cut -d: -f1)"
	rm -r "$root/sys/module"
	rm -f "$root/lib/modules/$release/updates/vmb_hello.ko"
	find "$root/lib/modules" -name 'vmb_hello.ko*' -delete
	left_over
}

examples_on_demand() {
	inside "make EXAMPLES=y install"
	test -n "$(installed vmb_echo)"
	grep 'alias vmbus:.* vmb_echo' "$root/lib/modules/$release/modules.alias"
	inside "make install"
	test -z "$(installed vmb_echo)"
	inside "make uninstall"
}

# ---------------------------------------------------------------------------

# Headers that lie where no kernel has them.
dkms_honours_kdir() {
	mv "$root/lib/modules/$release/build" "$root/lib/modules/$release/build.off"
	inside "rm -rf /usr/src/elsewhere; cp -r /usr/src/linux-headers-$release /usr/src/elsewhere
		make dkms-install KDIR=/usr/src/elsewhere KVER="
	test -n "$(installed vmbkmcl)"
	mv "$root/lib/modules/$release/build.off" "$root/lib/modules/$release/build"
}

# The key is the one that DKMS was told to take.
names_the_key() {
	says 'Signed by DKMS with /etc/keys/site\.key'
	says 'mokutil --import /etc/keys/site\.der'
	says_not '/var/lib/dkms/mok'
	says 'vmbkmcl_hv +[0-9.]+ +signed by '
	says "/lib/modules/$release/updates/dkms/vmbkmcl\.ko"
}

own_key() {
	mkdir -p "$root/etc/keys"
	inside "openssl req -new -x509 -nodes -days 30 -subj '/CN=site key' -newkey rsa:2048 \
		-keyout /etc/keys/site.key -outform DER -out /etc/keys/site.der"
	mkdir -p "$root/etc/dkms/framework.conf.d"
	printf 'mok_signing_key="/etc/keys/site.key"\nmok_certificate="/etc/keys/site.der"\n' \
		>>"$root/etc/dkms/framework.conf"
}

make_is_refused() {
	refused "make install"
	says 'error: DKMS owns'
	says_not 'CC .M.'
	says 'try: make dkms-remove'
	test "$(find "$root/lib/modules/$release/updates" -name 'vmbkmcl.ko*' | wc -l)" -eq 1
}

uninstall_leaves_dkms() {
	refused "make uninstall"
	test -n "$(installed vmbkmcl)"
	test -s "$root/usr/src/vmbkmcl/$release/include/vmbkmcl.h"
}

# The client comes first in the order of names.
client_with_dkms() {
	cp -r "$root$tree/scripts/out-of-tree-client" "$root/usr/src/vmb_hello-1.0"
	inside "dkms add vmb_hello/1.0 && dkms unbuild vmbkmcl/0.1.0 -k $release"
	inside "dkms autoinstall -k $release" || true
	inside "dkms status"
	says 'vmb_hello/1.0, .*: installed'
	says 'vmbkmcl/.*: installed'
	inside "modprobe -S $release --show-depends \$(modinfo -k $release -F alias vmb_hello)"
	says 'insmod .*/vmbkmcl_hv\.ko'
	inside "scripts/vmbkmcl modules $release" && says 'vmb_hello +.*signed by'
	inside "dkms remove vmb_hello/1.0 --all"
	rm -r "$root/usr/src/vmb_hello-1.0"
}

dkms_remove_leaves_nothing() {
	inside "make dkms-remove"
	left_over
}

# A copy of a stranger that DKMS would not replace: it has the version, and is not
# signed.
stray_copy() {
	inside "make modules"
	mkdir -p "$root/lib/modules/$release/extra"
	cp "$root$tree"/vmbkmcl*.ko "$root/lib/modules/$release/extra/"
	inside "depmod $release"
	refused "make dkms-install"
	says '/extra/vmbkmcl\.ko'
	rm -r "$root/lib/modules/$release/extra"
	inside "make dkms-remove"
}

ubuntu_key() {
	sed -i '/^mok_/d' "$root/etc/dkms/framework.conf"
	rm -f "$root/etc/os-release"
	printf 'ID=ubuntu\nVERSION_ID="24.04"\n' >"$root/etc/os-release"
	mkdir -p "$root/var/lib/shim-signed/mok"
	cp "$root/etc/keys/site.key" "$root/var/lib/shim-signed/mok/MOK.priv"
	cp "$root/etc/keys/site.der" "$root/var/lib/shim-signed/mok/MOK.der"
	inside "make dkms-install"
	says 'mokutil --import /var/lib/shim-signed/mok/MOK\.der'
	inside "make dkms-remove; rm -f vmbkmcl*.ko; make modules sign"
	says 'mokutil --import /var/lib/shim-signed/mok/MOK\.der'
	says 'vmbkmcl_hv\.ko: signed by '
}

# What was signed stays so: stripping would end that.
signed_stays_signed() {
	inside "make install"
	says 'vmbkmcl_hv +[0-9.]+ +signed by'
	for name in vmbkmcl vmbkmcl_hv; do
		! readelf -SW "$(installed "$name")" 2>/dev/null | grep '\.debug_' || false
	done
	inside "make uninstall"
}

# A package's is not for make to remove.
package_is_owner() {
	inside "make dkms-install >/dev/null && echo /usr/src/vmbkmcl-0.1.0/dkms.conf \
		>/var/lib/dpkg/info/adduser.list.new && cat /var/lib/dpkg/info/adduser.list \
		>>/var/lib/dpkg/info/adduser.list.new && \
		mv /var/lib/dpkg/info/adduser.list.new /var/lib/dpkg/info/adduser.list"
	for verb in dkms-install dkms-remove install uninstall; do
		refused "make $verb"
		says "error: .*package adduser"
		test -n "$(installed vmbkmcl)"
		test -e "$root/usr/src/vmbkmcl-0.1.0/dkms.conf"
	done
}

# ---------------------------------------------------------------------------

unsupported_kernel() {
	inside "make dkms-install KVER=5.10.0-30-amd64"
	says '5\.10\.0-30-amd64 is not supported'
	says_not 'Error [0-9]'
	inside "dkms status" && says 'vmbkmcl/[0-9.]+: added'
	inside "make dkms-remove"
	mkdir -p "$root/usr/src/old/include/generated"
	touch "$root/usr/src/old/Makefile"
	echo '#define UTS_RELEASE "5.10.0-30-amd64"' >"$root/usr/src/old/include/generated/utsrelease.h"
	refused "make modules KDIR=/usr/src/old"
	says 'error: Linux 5\.10\.0-30-amd64 is not supported'
}

# headers_with FOLDER EDIT: a copy of the headers, its configuration edited.
headers_with() {
	cp -r "$root/usr/src/linux-headers-$release" "$root/usr/src/$1"
	sed -i "$2" "$root/usr/src/$1/.config" "$root/usr/src/$1/include/config/auto.conf"
}

without_hyperv() {
	headers_with plain '/^CONFIG_HYPERV/d'
	inside "make clean modules install KDIR=/usr/src/plain"
	test -n "$(installed vmbkmcl)"
	test -z "$(installed vmbkmcl_hv)"
	inside "make uninstall KDIR=/usr/src/plain"
	inside "make dkms-install KDIR=/usr/src/plain"
	test -n "$(installed vmbkmcl)"
	test -z "$(installed vmbkmcl_hv)"
	inside "make dkms-remove"
	left_over
}

# From 6.18 on CONFIG_HYPERV alone is no VMBus.
without_vmbus() {
	headers_with novmbus 's/^CONFIG_HYPERV=.*/CONFIG_HYPERV=y/'
	echo '# CONFIG_HYPERV_VMBUS is not set' >>"$root/usr/src/novmbus/.config"
	inside "make clean modules KDIR=/usr/src/novmbus"
	test -e "$root$tree/vmbkmcl.ko"
	test ! -e "$root$tree/vmbkmcl_hv.ko"
}

compressor_is_missing() {
	headers_with packed 's/^CONFIG_MODULE_COMPRESS_NONE=y/CONFIG_MODULE_COMPRESS_XZ=y/'
	mv "$root/usr/bin/xz" "$root/usr/bin/xz.off"
	refused "make modules install KDIR=/usr/src/packed"
	mv "$root/usr/bin/xz.off" "$root/usr/bin/xz"
	says 'error: .* xz'
	says 'try: apt-get install xz-utils'
	inside "make install KDIR=/usr/src/packed"
	test -n "$(find "$root/lib/modules/$release/updates" -name vmbkmcl.ko.xz)"
	inside "make uninstall KDIR=/usr/src/packed"
}

# ---------------------------------------------------------------------------

fresh >/dev/null
stage "make install"
check "install: make -j2 modules install" install_in_parallel
check "install: the library and its transport alone, no alias of a bus" only_the_library
check "install: no debug information" is_stripped
check "install: says which copy of each module wins, and that it is unsigned" tells_which_copy
check "install: another copy that wins is told, by its name" tells_wrong_copy
check "install: the README's client, made of the README alone, by its commands" client_of_readme
check "install: then make dkms-install is refused, by the owner's name" dkms_is_refused
check "install: so is DKMS by hand" dkms_by_hand_is_refused
check "install: uninstall tells what to unload, first, and leaves nothing" uninstall_tells_first
check "install: model clients with EXAMPLES=y only" examples_on_demand

fresh >/dev/null
stage "DKMS"
check "install: a site's key for DKMS" own_key
check "install: make dkms-install honours KDIR" dkms_honours_kdir
check "install: names the key that DKMS signed with, and who signed each module" names_the_key
check "install: then make install is refused, by the owner's name" make_is_refused
check "install: make uninstall leaves what is DKMS's" uninstall_leaves_dkms
check "install: a client's DKMS package is built after vmbkmcl's" client_with_dkms
check "install: dkms-remove leaves nothing" dkms_remove_leaves_nothing
check "install: a copy that DKMS will not replace is told, by its name" stray_copy
check "install: on Ubuntu it is shim-signed's key, make sign takes it, too" ubuntu_key
check "install: a signed module is installed signed, and stripped" signed_stays_signed
check "install: what a package owns is not touched, by its name" package_is_owner

fresh >/dev/null
stage "kernels that are not as one would wish"
check "install: an unsupported kernel is a message, not make's error" unsupported_kernel
check "install: a kernel without Hyper-V has the library, by make and by DKMS" without_hyperv
check "install: a kernel with Hyper-V and without VMBus has the library" without_vmbus
check "install: a missing xz is told by its name" compressor_is_missing
checks_end
