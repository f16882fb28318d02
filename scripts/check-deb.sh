#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages: lintian has nothing to say; installed, upgraded, removed and
# purged in a clean Debian 12 and 13; beside and after "make install"; and what they
# bring works: DKMS builds, the example builds, vmbkmcl doctor tells what is wrong.
#
# usage: check-deb.sh
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/lib/lib.sh"
# shellcheck source=scripts/lib/clean-root.sh
. "$VMB_TOP/scripts/lib/clean-root.sh"
# shellcheck source=scripts/lib/checks.sh
. "$VMB_TOP/scripts/lib/checks.sh"
export DEBFULLNAME="vmbkmcl developers" DEBEMAIL=vmbkmcl@packages.debian.org

need_packages lintian
version=$("$VMB_TOP/scripts/dev-files.sh" version)
next=$version+next
# As an expression, for a plus is one.
said_next=${next/+/[+]}

# Of this tree, and of the one that comes after it.
build_both() {
	mkdir -p "$scratch/next"
	(cd "$VMB_TOP" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xf - -C "$scratch/next"
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$next\"/" "$scratch/next/dkms.conf"
	VMB_BUILD=$scratch/build "$VMB_TOP/scripts/deb.sh"
	VMB_BUILD=$scratch/build-next "$scratch/next/scripts/deb.sh"
	mkdir -p "$scratch/debs"
	cp "$scratch"/build{,-next}/deb/*.deb "$scratch/debs/"
	test "$(find "$scratch/debs" -name '*.deb' | wc -l)" -eq 4
}

lintian_is_silent() {
	lintian --tag-display-limit 0 --fail-on error,warning,info \
		"$scratch"/build/deb/*.changes >"$scratch/lintian" 2>&1 || {
		cat "$scratch/lintian"
		return 1
	}
	cat "$scratch/lintian"
}

fresh() {
	fresh_root
	mkdir -p "$root/debs"
	cp "$scratch"/debs/*.deb "$root/debs/"
}

installs() {
	fresh >/dev/null
	inside "dpkg -i /debs/vmbkmcl-*_${version}_all.deb"
	inside "dkms status" && says "vmbkmcl/$version, $release, .*: installed"
	inside "vmbkmcl modules $release /lib/modules/$release/updates/dkms"
	says 'vmbkmcl_hv +.* signed by '
	inside "dpkg --verify vmbkmcl-dkms vmbkmcl-dev"
	says_not .
}

# On a machine that has two channels, and after that on this one, which has none.
vmbstat_shows() {
	inside "dpkg -S /usr/bin/vmbstat /usr/share/man/man1/vmbstat.1.gz" && says '^vmbkmcl-dkms:'
	inside "vmbstat --help" && says '--prometheus'
	"$VMB_TOP/scripts/vmbstat/recorded.py" "$VMB_TOP/scripts/vmbstat/recorded" "$root/recorded"
	inside "vmbstat --root=/recorded" && says '^vmbkmcl_loopback +closing +paused '
	inside "vmbstat --root=/recorded --prometheus" && says '^vmbkmcl_received_total[{].*[}] 5000$'
	if inside "vmbstat"; then
		return 1
	fi
	says 'there is no channel'
}

# As its documentation has it, and with the makefile instead of the two lines.
example_builds() {
	inside "cp -r /usr/share/doc/vmbkmcl-dev/examples/vmb_hello /usr/src/vmb_hello-1.0 &&
		dkms install vmb_hello/1.0 -k $release"
	inside "modinfo -k $release -F depends vmb_hello" && says '^vmbkmcl$'
	inside "dkms remove vmb_hello/1.0 --all && rm -r /usr/src/vmb_hello-1.0
		mkdir /home/user/with && cd /home/user/with &&
		cp /usr/share/doc/vmbkmcl-dev/examples/vmb_hello/vmb_hello.c . &&
		printf 'include /usr/share/vmbkmcl/vmbkmcl.mk\nobj-m += vmb_hello.o\n' >Kbuild &&
		make -C /lib/modules/$release/build M=\$PWD modules"
	says_not '[Ww]arning'
}

# What "make new-client" writes is a DKMS package as it is.
new_client_builds() {
	NAME=vmb_made GUID=random DIR=$root/usr/src/vmb_made-0.1 \
		"$VMB_TOP/scripts/new-client.sh" >"$scratch/new-client"
	inside "dkms add vmb_made/0.1 && dkms install vmb_made/0.1 -k $release"
	inside "modinfo -k $release -F depends vmb_made" && says '^vmbkmcl$'
	inside "dkms remove vmb_made/0.1 --all && rm -r /usr/src/vmb_made-0.1"
	test -z "$(find "$root/lib/modules" -name 'vmb_made*')"
}

upgrades() {
	inside "dpkg -i /debs/vmbkmcl-*_${next}_all.deb"
	inside "dkms status" && says "vmbkmcl/$said_next, $release, .*: installed"
	says_not "vmbkmcl/$version,"
	inside "modinfo -k $release -F version vmbkmcl" && says "^$said_next$"
	inside "cat /usr/src/vmbkmcl/$release/version" && says "^$said_next$"
	test ! -e "$root/usr/src/vmbkmcl-$version"
}

make_is_refused() {
	cp -r "$scratch/next" "$root/home/user/tree"
	refused "cd /home/user/tree && make install"
	says 'error: .*package vmbkmcl-dkms'
	refused "cd /home/user/tree && make dkms-remove"
	says 'error: .*package vmbkmcl-dkms'
	rm -r "$root/home/user/tree"
}

removes_and_purges() {
	inside "dpkg -r vmbkmcl-dev vmbkmcl-dkms"
	inside "dkms status" && says_not vmbkmcl
	inside "dpkg -P vmbkmcl-dev vmbkmcl-dkms"
	# The kernel has a module whose name is alike, and the root file system a file
	# of ours that says where packages come from.
	find "$root"/{lib/modules,var/lib/dkms,var/lib/dpkg,usr,etc} -name '*vmb*' \
		! -name 'hv_vmbus.ko*' ! -name 00vmbkmcl >"$scratch/left"
	cat "$scratch/left"
	test ! -s "$scratch/left"
}

beside_make_install() {
	fresh >/dev/null
	cp -r "$VMB_TOP"/{Kbuild,Makefile,dkms.conf,drivers,include,scripts} "$root$tree/"
	inside "make install"
	refused "dpkg -i /debs/vmbkmcl-dkms_${version}_all.deb"
	says 'vmbkmcl-dkms: error: .*make install.* owns'
	inside "dpkg -P vmbkmcl-dkms" || true
	inside "vmbkmcl modules $release" || true
	inside "make uninstall && dpkg -i /debs/vmbkmcl-dkms_${version}_all.deb"
	inside "dkms status" && says "vmbkmcl/$version, $release, .*: installed"
}

# A machine whose kernel refuses unsigned modules, where one is, and a client that
# has no device: by what it would see in /sys.
doctor_tells() {
	mkdir -p "$root/sys/kernel/security" "$root/sys/module/module/parameters" \
		"$root/sys/bus/vmbus/devices/7b2e94d1-3c0f-4e86-8a51-0c9d62f31728" \
		"$root/sys/bus/vmbus/drivers/vmb_hello" \
		"$root/sys/module/vmbkmcl/holders/vmb_hello" "$root/sys/module/vmb_hello"
	inside "vmbkmcl doctor $release" && return 1
	says 'PROBLEM .*transport is not loaded'
	says 'this kernel loads unsigned modules'
	echo '{6f9c1b7e-5a1d-4c55-9a0e-3d1c5e0b7a42}' \
		>"$root/sys/bus/vmbus/devices/7b2e94d1-3c0f-4e86-8a51-0c9d62f31728/class_id"
	ln -s ../../../../module/vmb_hello "$root/sys/bus/vmbus/drivers/vmb_hello/module"
	echo 'none [integrity] confidentiality' >"$root/sys/kernel/security/lockdown"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$2 is not enrolled"\n' >"$root/shims/mokutil"
	chmod +x "$root/shims/mokutil"
	inside "vmbkmcl doctor $release" && return 1
	says 'PROBLEM .*/var/lib/dkms/mok\.pub, which is not enrolled'
	says 'try: mokutil --import /var/lib/dkms/mok\.pub'
	says 'PROBLEM .*vmb_hello is bound to no device'
	says 'driver_override in /usr/share/doc/vmbkmcl-dkms/installing\.md'
	test -s "$root/usr/share/doc/vmbkmcl-dkms/installing.md"
	says '7b2e94d1-.* type 6f9c1b7e-.* driver none'
	inside "strip --strip-debug /lib/modules/$release/updates/dkms/vmbkmcl.ko; vmbkmcl doctor $release" && return 1
	says 'PROBLEM .*refuses unsigned modules'
	says 'try: make dkms-install'
	inside "vmbkmcl doctor 5.10.0-30-amd64" && return 1
	says 'PROBLEM .*does not support Linux 5\.10'
	says 'PROBLEM .*no module of vmbkmcl is installed'
}

stage "packages"
check "deb: both packages build, of two versions" build_both
check "deb: lintian has nothing to say" lintian_is_silent
# Debian 12 and 13, each with the compiler of its kernel.
for suite in "bookworm gcc-12" "trixie gcc-14"; do
	read -r suite compiler <<<"$suite"
	stage "a clean $suite with the headers of its kernel"
	clean_base "$suite" "$compiler" python3
	stage "packages in $suite"
	check "deb: $suite: installs, and DKMS has built and signed" installs
	check "deb: $suite: vmbstat comes with it" vmbstat_shows
	check "deb: $suite: the example builds, by DKMS and by the makefile" example_builds
	check "deb: $suite: what make new-client writes builds, by DKMS" new_client_builds
	check "deb: $suite: upgrades" upgrades
	check "deb: $suite: make install and make dkms-remove are refused beside it" \
		make_is_refused
	check "deb: $suite: removes and purges, and leaves nothing" removes_and_purges
	check "deb: $suite: is refused beside make install, and installs after make uninstall" \
		beside_make_install
	check "deb: $suite: vmbkmcl doctor tells what is wrong, and what to do" doctor_tells
done
checks_end
