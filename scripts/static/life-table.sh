#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prints the table of drivers/kmcl/life_table.c as Markdown: a row for each
# state, a column for each event, in each cell the next state or the errno of
# the refusal.
#
# usage: life-table.sh
#
# drivers/kmcl/README.md shows it, see doc-tables.py.
set -eu
# shellcheck source=scripts/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

library=$VMB_TOP/drivers/kmcl
scratch=
scratch_dir scratch

# events HALF: their names in the enum, as strings.
events() {
	sed -nE "/^enum vmb_$1_event \{/,/^\}/ s/^\tVMB_${1^^}_([A-Z_]+),\$/\"\1\",/p" \
		"$library/life_table.h" | tr '[:upper:]_' '[:lower:] '
}

# half HALF: what prints one of the two tables.
half() {
	cat <<-END
		static const char * const $1_events[] = { $(events "$1") };
		_Static_assert(ARRAY_SIZE($1_events) == VMB_${1^^}_EVENTS, "names of events");

		static void print_$1(void)
		{
			unsigned int state, event;

			printf("| $1 |");
			for (event = 0; event < VMB_${1^^}_EVENTS; event++)
				printf(" %s |", $1_events[event]);
			printf("\n|---|");
			for (event = 0; event < VMB_${1^^}_EVENTS; event++)
				printf("---|");
			for (state = 0; state < VMB_${1^^}_STATES; state++) {
				printf("\n| **%s** |", vmb_$1_state_name(state));
				for (event = 0; event < VMB_${1^^}_EVENTS; event++) {
					int next = vmb_$1_next(state, event);

					if (next < 0)
						printf(" -%s |", strerrorname_np(-next));
					else
						printf(" %s |", vmb_$1_state_name(next));
				}
			}
			printf("\n");
		}

	END
}

print_table() {
	need_packages gcc libc6-dev
	{
		cat <<-END
			#define _GNU_SOURCE
			#include <stdio.h>
			#include <linux/types.h>
			#include "life_table.h"

		END
		half life
		half flow
		cat <<-END
			int main(void)
			{
				print_life();
				printf("\n");
				print_flow();
				return 0;
			}
		END
	} >"$scratch/print.c"
	gcc -std=gnu11 -Wall -Wextra -Werror -I"$VMB_TOP/scripts/fuzz/shim" -I"$library" \
		"$scratch/print.c" "$library/life_table.c" -o "$scratch/print"
	"$scratch/print"
}

case ${1:-} in
'')
	print_table
	;;
*)
	die "unknown option $1" "life-table.sh --help"
	;;
esac
