#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Compile the host's ends of the channels (host_*.c) for the QEMU that is
# installed, and print the path of the shared object.
#
# The device is preloaded into the stock QEMU, so its idea of every structure
# has to be the binary's. That takes the source of exactly the installed
# package with the distribution's patches: stable updates do add fields.
#
# usage: build-host-device.sh
#	 build-host-device.sh --host FILE OBJECT
#	 build-host-device.sh --qemu ROOT
#	 build-host-device.sh --nested
#
# With --qemu it is for the QEMU of another root file system, as chroot.sh makes it,
# and built in there.
# With --nested it is nested_interrupts.c, for the QEMU that emulates the machine in the
# middle.
# With --host it is a host's end of a user's instead: FILE, which uses
# host-api/vmb_host.h and headers beside it, becomes OBJECT, which has the device
# vmb-client-host and none of ours.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

# build_inside ROOT: this script, in there; what it makes stays in that root's cache.
build_inside() {
	local root=$1 tree=/usr/local/src/vmbkmcl made

	exec 8>"$root.lock"
	flock -w 1800 8 || die "$root.lock is held by another" "wait for it to end"
	rm -rf "${root:?}$tree"
	mkdir -p "$root$tree"
	tar -C "$VMB_TOP" -cf - scripts/guest scripts/lib drivers/clients |
		tar -C "$root$tree" -xf -
	made=$(env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
		VMB_STARTED="$VMB_STARTED" chroot "$root" \
		"$tree/scripts/guest/build-host-device.sh") ||
		die "the host's ends of the channels cannot be built in $root" "see above"
	echo "$root$made"
}

file='' nested=no
if [ "${1:-}" = --nested ]; then
	[ $# -eq 1 ] || die "usage: $0 --nested" "$0 --help"
	nested=yes
elif [ "${1:-}" = --host ]; then
	[ $# -eq 3 ] || die "usage: $0 --host FILE OBJECT" "$0 --help"
	[ -e "$2" ] || die "there is no $2" "$0 --help"
	file=$(realpath "$2")
	object=$(realpath "$3")
elif [ "${1:-}" = --qemu ]; then
	[ $# -eq 2 ] || die "usage: $0 --qemu ROOT" "$0 --help"
	[ -x "$2/usr/bin/qemu-system-x86_64" ] ||
		die "there is no QEMU in $2" "scripts/lib/chroot.sh trixie qemu-system-x86"
	build_inside "$2"
	exit
else
	no_arguments "$@"
fi

here=$VMB_TOP/scripts/guest
clients=$VMB_TOP/drivers/clients

need_packages qemu-system-x86 gcc make python3 python3-venv meson ninja-build \
	flex bison pkg-config dpkg-dev bzip2 libglib2.0-dev libpixman-1-dev \
	libfdt-dev zlib1g-dev
# shellcheck disable=SC2016
package=$(dpkg-query -W -f '${Version}' qemu-system-x86)
# shellcheck disable=SC2016
source_version=$(dpkg-query -W -f '${source:Version}' qemu-system-x86)

# The patched source with those of its headers that configure makes.
prepare_tree() {
	local new=$tree.new blob meson=()

	rm -rf "$new"
	mkdir -p "$new"
	note "  fetching the source of qemu $source_version"
	apt_suite "$(vmb_own_suite)"
	(cd "$new" && quietly "$VMB_BUILD/qemu-source.log" 900 \
		apt-get source --download-only "qemu=$source_version") ||
		die "the source of qemu $source_version is not in the archive" \
		    "apt-get update && apt-get install qemu-system-x86, then run this again"
	quietly "$VMB_BUILD/qemu-source.log" 300 \
		dpkg-source --no-check -x "$new"/qemu_*.dsc "$new/src" ||
		die "cannot unpack the source of qemu $source_version" \
		    "see $VMB_BUILD/qemu-source.log"
	rm -f "$new"/*.tar.* "$new"/*.dsc
	# The distribution leaves firmware blobs out; meson wants to see them.
	sed -nE "s/^ *'(edk2-[^']*\\.fd)',?.*/\\1/p" "$new/src/pc-bios/meson.build" |
		while read -r blob; do
			[ -e "$new/src/pc-bios/$blob.bz2" ] ||
				bzip2 -c </dev/null >"$new/src/pc-bios/$blob.bz2"
		done
	note "  configuring it"
	# Up to 7.2 it has to be told to take the system's; later ones look for it.
	! grep -q -- '--meson=' "$new/src/configure" || meson=(--meson=meson)
	mkdir "$new/build"
	(cd "$new/build" && quietly "$VMB_BUILD/qemu-configure.log" 600 \
		../src/configure --target-list=x86_64-softmmu \
		--without-default-features --enable-kvm --enable-tcg \
		--enable-modules --enable-plugins --disable-werror --disable-install-blobs \
		${meson[@]+"${meson[@]}"}) ||
		die "qemu's configure failed" "see $VMB_BUILD/qemu-configure.log"
	# Of all that ninja could build only the generated headers.
	(cd "$new/build" && ninja -t targets all |
		sed -nE 's/^([^:]*\.h): .*CUSTOM_COMMAND.*/\1/p' >headers &&
		xargs -d '\n' timeout 600 ninja <headers >"$VMB_BUILD/qemu-headers.log" 2>&1) ||
		die "qemu's headers could not be generated" "see $VMB_BUILD/qemu-headers.log"
	rm -rf "$tree"
	mv "$new" "$tree"
	touch "$tree/ready"
}

key=$(printf %s "$package" | tr -c 'A-Za-z0-9.+~\n' _)
tree=$VMB_CACHE/qemu/$key-$(declare -f prepare_tree | sha256sum | cut -c1-8)

# A raw packet needs the ring's place, which only vmbus.c itself knows: its
# structures are cut out of it, so they are this QEMU's by construction.
cut_structures() {
	echo "enum {"
	sed -n '/^    VMGPADL_INIT,/,/QTAILQ_ENTRY(VMBusChannel) link;/p' \
		"$tree/src/hw/hyperv/vmbus.c"
	echo "};"
}

# gcc_for_qemu LOG ARGUMENT...: with QEMU's headers and flags, and without the C
# library's checked functions, which newer QEMUs ask for: one of them is ours, see
# host_offers.c, and would call itself.
gcc_for_qemu() {
	local log=$1 flags

	shift
	cut_structures >"$tree/build/vmbus-structs.h"
	flags=$(pkg-config --cflags glib-2.0 pixman-1)
	# shellcheck disable=SC2086
	(cd "$tree/src" && quietly "$log" 300 gcc -std=gnu11 -O2 -g -Wall -Werror \
		-fPIC -fno-strict-aliasing -fwrapv -D_FORTIFY_SOURCE=0 \
		-I "$tree/build" -I . -I include -include "$tree/build/config-host.h" \
		$flags "$@")
}

compile() {
	local output=$1

	gcc_for_qemu "$VMB_BUILD/host-device.log" -shared -I "$clients/echo" \
		-I "$clients/source" -I "$clients/heartbeat" \
		-o "$output.new" "$here"/host_*.c -lz ||
		die "the host's ends of the channels do not compile against qemu $package" \
		    "see $VMB_BUILD/host-device.log"
	mv "$output.new" "$output"
}

# The processor's structures are another's for each processor, and have fields for plugins,
# which the distribution's QEMU can have.
compile_nested() {
	local output=$1 config=x86_64-softmmu-config

	gcc_for_qemu "$VMB_BUILD/nested.log" -shared -I target/i386 -I tcg/i386 \
		-isystem linux-headers -D NEED_CPU_H -D COMPILING_PER_TARGET \
		-D "CONFIG_TARGET=\"$config-target.h\"" \
		-D "CONFIG_DEVICES=\"$config-devices.h\"" \
		-o "$output.new" "$here/nested_interrupts.c" ||
		die "nested_interrupts.c does not compile against qemu $package" \
		    "see $VMB_BUILD/nested.log"
	mv "$output.new" "$output"
}

# The user's file sees nothing of QEMU's.
compile_users() {
	local log=$VMB_BUILD/host.log work

	scratch_dir work
	need_packages libc6-dev linux-libc-dev
	quietly "$log" 120 gcc -std=gnu11 -O2 -g -Wall -fPIC -I "$here/host-api" \
		-I "$(dirname "$file")" -c -o "$work/user.o" "$file" ||
		die "the host's end in $file does not compile" "see $log"
	! grep 'warning:' "$log" >&2 || note "  the compiler has warned of $file: $log"
	gcc_for_qemu "$VMB_BUILD/host-api.log" -shared -I "$here" \
		-o "$object" "$here"/host-api/vmb_host.c "$here/host_offers.c" \
		"$work/user.o" ||
		die "the host's end in $file cannot be linked with qemu $package" \
		    "see $VMB_BUILD/host-api.log: vmb_host_end must be defined, and not static"
}

mkdir -p "$VMB_CACHE/qemu"
exec 9>"$VMB_CACHE/qemu/lock"
flock -w 1800 9 || die "$VMB_CACHE/qemu/lock is held by another" "wait for it to end"
[ -e "$tree/ready" ] || prepare_tree
if [ -n "$file" ]; then
	compile_users
	echo "$object"
	exit
fi
if [ $nested = yes ]; then
	object=$tree/nested-$(cat "$here/nested_interrupts.c" "$0" | sha256sum | cut -c1-16).so
	[ -e "$object" ] || compile_nested "$object"
	echo "$object"
	exit
fi
hash=$(cat "$here"/host_*.[ch] "$here"/*_protocol.h "$clients"/*/*_protocol.h "$0" |
	sha256sum | cut -c1-16)
object=$tree/vmb-host-$hash.so
[ -e "$object" ] || compile "$object"
echo "$object"
