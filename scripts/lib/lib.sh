# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script here shares: stages that say how long they take, messages
# that name the remedy, --help, the cache, packages, and cleaning up. To be sourced
# by bash after "set -eu", before anything is done.

# --help of every script is the comment at its head, and nothing is done for it.
case ${1:-} in
-h | --help)
	awk 'NR <= 3 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
	exit 0
	;;
esac

VMB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Whoever runs two scripts side by side gives one of them another.
: "${VMB_BUILD:=$VMB_TOP/build}"
VMB_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vmbkmcl
mkdir -p "$VMB_BUILD" "$VMB_CACHE"

# A child script goes on counting from where its parent started.
: "${VMB_STARTED:=$(date +%s)}"
export VMB_STARTED
vmb_stage_name=
vmb_stage_began=0

# note TEXT...: one line of progress, with the seconds since the start.
note() {
	printf '[%4ds] %s\n' $(($(date +%s) - VMB_STARTED)) "$*" >&2
}

# stage TEXT...: the work that begins now; says how long the one before took.
stage() {
	stage_end
	vmb_stage_name=$*
	vmb_stage_began=$(date +%s)
	note "$*"
}

stage_end() {
	local took

	[ -n "$vmb_stage_name" ] || return 0
	took=$(($(date +%s) - vmb_stage_began))
	[ "$took" -lt 3 ] || note "  done: $vmb_stage_name (${took} s)"
	vmb_stage_name=
}

# die WHAT [REMEDY]: ends the script, naming the thing and what to do about it.
die() {
	printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
	[ $# -lt 2 ] || printf '%s: try: %s\n' "$(basename "$0")" "$2" >&2
	exit 1
}

# no_options "$@", no_arguments "$@": for scripts that have none.
no_options() {
	local argument

	for argument; do
		case $argument in
		-*) die "no such option: $argument" "$0 --help" ;;
		esac
	done
}

no_arguments() {
	no_options "$@"
	[ $# -eq 0 ] || die "no argument is wanted: $1" "$0 --help"
}

# The modules that Kbuild has, model clients included.
vmb_modules() {
	sed -nE 's/^obj-.* \+= (\w+)\.o$/\1/p' "$VMB_TOP/Kbuild"
}

# on_exit COMMAND...: run when the script ends, however it ends, last one first.
vmb_cleanups=()
on_exit() {
	vmb_cleanups=("$(printf '%q ' "$@")" ${vmb_cleanups[@]+"${vmb_cleanups[@]}"})
}

vmb_run_cleanups() {
	local status=$? command

	trap - EXIT
	for command in ${vmb_cleanups[@]+"${vmb_cleanups[@]}"}; do
		eval "$command" || true
	done
	exit "$status"
}
trap vmb_run_cleanups EXIT
# The shell runs the EXIT trap only when it exits by itself.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# end_process PID: ends a process that this script started, and waits for it.
end_process() {
	local tries=0

	kill "$1" 2>/dev/null || return 0
	while kill -0 "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 30 ] || kill -9 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
}

# scratch_dir NAME: makes a directory that goes away with the script, and puts
# its path into the variable NAME.
scratch_dir() {
	local made

	made=$(mktemp -d "${TMPDIR:-/tmp}/vmbkmcl.XXXXXX")
	on_exit rm -rf "$made"
	printf -v "$1" %s "$made"
}

# quietly LOG SECONDS COMMAND...: the command's output goes to LOG. A line says
# every 15 s that it still runs; SECONDS end it; a failure shows the last lines.
quietly() {
	local log=$1 limit=$2 began pid status=0 waited=0

	shift 2
	mkdir -p "$(dirname "$log")"
	began=$(date +%s)
	timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null &
	pid=$!
	on_exit end_process "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		waited=$(($(date +%s) - began))
		if [ "$waited" -ge 15 ] && [ $((waited % 15)) -eq 0 ]; then
			note "  ... $(basename "$1"), ${waited} s so far, at most $limit"
			sleep 1
		fi
	done
	wait "$pid" || status=$?
	unset 'vmb_cleanups[0]'
	vmb_cleanups=(${vmb_cleanups[@]+"${vmb_cleanups[@]}"})
	[ "$status" -ne 0 ] || return 0
	tail -n 30 "$log" >&2
	[ "$status" -ne 124 ] || note "$* did not end within $limit s"
	note "$* failed (status $status); its whole output: $log"
	return "$status"
}

# heavy_begin: one kernel build or nested machine at a time on this machine.
# The lock goes with the script, or at heavy_end.
heavy_begin() {
	[ -z "${VMB_HEAVY:-}" ] || return 0
	exec {vmb_heavy_fd}>"$VMB_CACHE/heavy.lock"
	if ! flock -n "$vmb_heavy_fd"; then
		note "  waiting for another build or machine ($VMB_CACHE/heavy.lock)"
		flock -w 3600 "$vmb_heavy_fd" ||
			die "$VMB_CACHE/heavy.lock was held by another for an hour" \
			    "see who holds it: fuser -v $VMB_CACHE/heavy.lock"
	fi
	# So that a script called from here does not wait for us.
	export VMB_HEAVY=1
}

heavy_end() {
	[ -n "${vmb_heavy_fd:-}" ] || return 0
	exec {vmb_heavy_fd}>&-
	vmb_heavy_fd=
	unset VMB_HEAVY
}

# heavy COMMAND...: the command with that lock.
heavy() {
	local status=0

	heavy_begin
	"$@" || status=$?
	heavy_end
	return "$status"
}

apt_quiet() {
	DEBIAN_FRONTEND=noninteractive timeout --kill-after=10 1800 \
		"$@" >"$VMB_BUILD/apt.log" 2>&1 </dev/null
}

# need_packages PACKAGE...: installs those that are missing.
need_packages() {
	local package missing=() as=() lock ret=0

	for package; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null |
			grep -q '^.i' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
			as=(sudo -n)
		else
			die "these packages are missing: ${missing[*]}" \
			    "as root: apt-get install --no-install-recommends ${missing[*]}"
		fi
	fi
	note "  installing ${missing[*]}"
	# APT waits for who has its database, and not for who reads lists.
	exec {lock}>"$VMB_CACHE/apt.lock"
	flock -w 1800 "$lock" || die "$VMB_CACHE/apt.lock is held by another" "wait for it to end"
	set -- ${as[@]+"${as[@]}"} apt-get -y -o DPkg::Lock::Timeout=300 \
		--no-install-recommends install "${missing[@]}"
	# The lists may be missing, or name versions that are gone by now.
	# A service that a package starts is not to go on with it.
	if ! apt_quiet "$@" {lock}>&-; then
		apt_quiet ${as[@]+"${as[@]}"} apt-get -o DPkg::Lock::Timeout=300 update \
			{lock}>&- || true
		apt_quiet "$@" {lock}>&- || ret=1
	fi
	exec {lock}>&-
	[ "$ret" -ne 0 ] || return 0
	tail -n 15 "$VMB_BUILD/apt.log" >&2
	die "could not install ${missing[*]}" "apt-get update && apt-get install ${missing[*]}"
}

# The suite this machine was installed from: bookworm, trixie, ...
vmb_own_suite() {
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "$VERSION_CODENAME")
}

# apt_suite SUITE: makes a private APT of another suite (or of this one, with
# its sources) and puts its configuration's path into APT_CONFIG. The system's
# own lists and packages stay as they are.
apt_suite() {
	local suite=$1 root=$VMB_CACHE/apt/$1

	need_packages python3
	mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
	(
		flock -w 600 8
		python3 "$VMB_TOP/scripts/lib/apt_sources.py" "$(vmb_own_suite)" "$suite" \
			>"$root/sources.list" ||
			die "no APT source of this machine is for $(vmb_own_suite)" \
			    "add Debian's archive to /etc/apt/sources.list.d"
		cat >"$root/apt.conf" <<-END
			Dir::Etc::sourcelist "$root/sources.list";
			Dir::Etc::sourceparts "/dev/null";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "/dev/null";
			Dir::State::Lists "$root/lists";
			Dir::Cache "$root/cache";
			Dir::Cache::pkgcache "pkgcache.bin";
			Dir::Cache::srcpkgcache "srcpkgcache.bin";
			Acquire::GzipIndexes "false";
			APT::Default-Release "";
			APT::Sandbox::User "root";
		END
		# Lists of the last hours will do: kernels come out every few days.
		if [ -z "$(find "$root/updated" -mmin -360 2>/dev/null)" ]; then
			APT_CONFIG=$root/apt.conf quietly "$root/update.log" 600 \
				apt-get update ||
				die "cannot read the lists of $suite" "see $root/update.log"
			touch "$root/updated"
		fi
	) 8>"$root/lock"
	export APT_CONFIG="$root/apt.conf"
}

# is_arm64 KERNEL: of kernel.sh's folders.
is_arm64() {
	[ "$(cat "$1/arch" 2>/dev/null)" = arm64 ]
}

# apt_suite_of_arch SUITE ARCH: as apt_suite, and it knows another architecture's packages,
# too. It has lists of its own, for apt-get update drops those that it is not told of.
apt_suite_of_arch() {
	local suite=$1 arch=$2 root=$VMB_CACHE/apt/$1/$2

	apt_suite "$suite"
	[ "$arch" != "$(dpkg --print-architecture)" ] || return 0
	mkdir -p "$root/lists/partial"
	{
		cat "$APT_CONFIG"
		cat <<-END
			Dir::State::Lists "$root/lists";
			Dir::Cache::pkgcache "";
			Dir::Cache::srcpkgcache "";
			APT::Architectures { "$(dpkg --print-architecture)"; "$arch"; };
		END
	} >"$root/apt.conf"
	export APT_CONFIG="$root/apt.conf"
	quietly "$VMB_BUILD/apt-$arch.log" 600 apt-get update ||
		die "cannot read the lists of $suite for $arch" "see $VMB_BUILD/apt-$arch.log"
}
