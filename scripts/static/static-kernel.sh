# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What check-static.sh does with the kernel's checkpatch and with coccinelle. To be
# sourced by it, which sets linux, the kernel's scripts; scratch; and the list of files.
# shellcheck disable=SC2154

# vmb_key: of what stands in its input, and on its command line.
vmb_key() {
	{ cat && printf '%s\n' "$@"; } | sha256sum | cut -c 1-32
}

# vmb_kept FOLDER: where in the cache. What nobody has asked for in a month goes.
vmb_kept() {
	mkdir -p "$VMB_CACHE/$1"
	find "$VMB_CACHE/$1" -mindepth 1 -mtime +30 -delete
	echo "$VMB_CACHE/$1"
}

# On all files, as many at a time as there are processors, in a copy: it leaves a list of
# names in the folder that it runs in. Of a file without a finding it says nothing; so the
# last one of each run has one, and if that is told, all before it were looked at. What was
# said of a file is kept, by its name and content and checkpatch's own.
checkpatch_runs() {
	local kept checker name key

	mkdir -p "$scratch/patch" "$scratch/checkpatch"
	kept=$(vmb_kept checkpatch)
	checker=$(cat "$linux"/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch} |
		vmb_key)
	while read -r name; do
		key=$(printf "%s\n" "$name" | cat - "$name" | vmb_key "$checker")
		printf '%s\t%s\n' "$name" "$key"
	done <"$scratch/kernel-files" >"$scratch/keys"
	while IFS=$'\t' read -r name key; do
		touch -c "$kept/$key"
		[ -e "$kept/$key" ] || echo "$name"
	done <"$scratch/keys" >"$scratch/unknown"
	[ ! -s "$scratch/unknown" ] || xargs cp --parents -t "$scratch/patch" <"$scratch/unknown"
	cd "$scratch/patch" || return
	echo "int planted;" >planted.c
	# shellcheck disable=SC2016
	xargs -r -P "$(nproc)" -n 16 sh -c 'log=$(mktemp -p "$1"); perl=$2; shift 2
		"$perl" --no-tree --strict --terse --show-types --no-summary --file "$@" \
			planted.c >"$log" 2>&1' - "$scratch/checkpatch" \
		"$linux/scripts/checkpatch.pl" <"$scratch/unknown" || true
	: >"$scratch/checkpatch.new"
	for log in "$scratch/checkpatch"/*; do
		[ -e "$log" ] || continue
		grep -q '^planted.c:1: WARNING:SPDX_LICENSE_TAG' "$log" || {
			echo "checkpatch has not come to its end:"
			tail -n 5 "$log"
			return 1
		}
		cat "$log" >>"$scratch/checkpatch.new"
	done
	while IFS=$'\t' read -r name key; do
		[ -e "$kept/$key" ] || {
			awk -v name="$name:" 'index($0, name) == 1' "$scratch/checkpatch.new" \
				>"$kept/$key.$$"
			mv "$kept/$key.$$" "$kept/$key"
		}
		cat "$kept/$key"
	done <"$scratch/keys" >"$scratch/checkpatch.log"
}

# checkpatch FILE: what was said of it.
checkpatch() {
	grep "^$1:" "$scratch/checkpatch.log" >"$scratch/checkpatch.one" || return 0
	vmb_not_excused "$scratch/checkpatch.one"
}

# A patch that found nothing need not look at the same sources again.
cocci() {
	local patch kept sources key status=0

	kept=$(vmb_kept coccicheck)
	sources=$(find drivers -name '*.[ch]' -print0 | sort -z | xargs -0 sha256sum |
		vmb_key "$(spatch --version 2>&1)")
	for patch in "$@"; do
		key=$(vmb_key "$sources" <"$linux/scripts/coccinelle/$patch")
		touch -c "$kept/$key"
		[ ! -e "$kept/$key" ] || continue
		timeout 120 spatch --very-quiet -D report --no-show-diff \
			--cocci-file "$linux/scripts/coccinelle/$patch" \
			--include-headers --no-includes --jobs 2 --dir drivers \
			>"$scratch/cocci.one" 2>>"$scratch/cocci.err" || {
				echo "$patch could not be run"
				tail -n 5 "$scratch/cocci.err"
				status=1
				continue
			}
		if grep . "$scratch/cocci.one"; then
			status=1
		else
			: >"$kept/$key"
		fi
	done
	return "$status"
}

cocci_sees() {
	mkdir -p "$scratch/planted"
	cat >"$scratch/planted/free.c" <<-'END'
		void vmb_wrong(void *memory)
		{
			if (memory)
				kfree(memory);
		}
	END
	spatch --very-quiet -D report --no-show-diff --no-includes --cocci-file \
		"$linux/scripts/coccinelle/free/ifnullfree.cocci" \
		"$scratch/planted/free.c" | grep NULL
}

# ring_rule RULE FILES SOURCE...: where a rule of ring_memory.cocci is broken, but for
# in FILES, a pattern.
ring_rule() {
	local rule=$1 files=$2

	shift 2
	timeout 300 spatch --very-quiet -D report -D "$rule" --no-show-diff --recursive-includes \
		-I drivers/kmcl --cocci-file scripts/static/ring_memory.cocci "$@" \
		>"$scratch/ring.log" 2>"$scratch/ring.err" || {
		tail -n 5 "$scratch/ring.err"
		return 1
	}
	grep -vE "^drivers/kmcl/($files):" "$scratch/ring.log" >"$scratch/ring.found" || return 0
	sort -u "$scratch/ring.found"
	return 1
}

ring_rules() {
	local broken=0

	ring_rule marked none "$@" || broken=1
	ring_rule control_page 'ring\.h|ring_(reader|writer)\.c' "$@" || broken=1
	ring_rule ring_data 'ring_memory\.h' "$@" || broken=1
	return "$broken"
}

# Two plain accesses, three by who is not to have any, two to the data.
ring_rules_see() {
	mkdir -p "$scratch/planted"
	cat >"$scratch/planted/ring.c" <<-'END'
		#include "ring.h"
		static void planted(struct vmb_ring_writer *writer, const struct vmb_ring *ring)
		{
			struct vmb_wire_ring_control *control = ring->control;
			u8 *data = ring->data;

			writer->ring.control->interrupt_mask = 0;
			if (control->read_index)
				data[0] = READ_ONCE(control->write_index);
			memcpy(writer->ring.data, data, 8);
		}
	END
	! ring_rules "$scratch/planted/ring.c" >"$scratch/planted/found" || return 1
	[ "$(sed -E 's/.*:([0-9]+):.*: /\1 /' "$scratch/planted/found")" = "7 a ring's control page is touched by a plain access
8 a ring's control page is touched by a plain access
7 a ring's control page is for ring.h
8 a ring's control page is for ring.h
9 a ring's control page is for ring.h
10 a ring's data are for ring_memory.h
5 a ring's data are for ring_memory.h" ] || {
		cat "$scratch/planted/found"
		return 1
	}
}

length_rule() {
	timeout 300 spatch --very-quiet -D report --no-show-diff --recursive-includes \
		-I drivers/kmcl -I include \
		--cocci-file scripts/static/length_arithmetic.cocci "$@" \
		>"$scratch/length.log" 2>"$scratch/length.err" || {
		tail -n 5 "$scratch/length.err"
		return 1
	}
	! sort -u "$scratch/length.log" | grep .
}

# A sum and a product; none in 64 bits, with a constant, or rearranged.
length_rule_sees() {
	mkdir -p "$scratch/planted"
	cat >"$scratch/planted/length.c" <<-'END'
		#include "ring.h"
		static bool planted(const struct vmb_ring_packet *packet, u32 room, u32 count)
		{
			if (packet->payload_length + packet->ranges_length > room)
				return false;
			if (room <= packet->payload_length * count)
				return false;
			if ((u64)packet->payload_length + packet->ranges_length > room)
				return false;
			return packet->payload_length < room - count && count + 1 < room;
		}
	END
	! length_rule "$scratch/planted/length.c" >"$scratch/planted/found" || return 1
	[ "$(sed -E 's/.*:([0-9]+):.*: .*/\1/' "$scratch/planted/found" | xargs)" = "4 6" ] || {
		cat "$scratch/planted/found"
		return 1
	}
}
