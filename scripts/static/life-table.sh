#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prints the tables of drivers/kmcl/life_table.c as Markdown: a row for each
# state, a column for each event, in each cell the next state or the errno of
# the refusal. And what the worker does next: a row for each state of power
# management, a column for each of the facts that matter there. That the others
# do not is tried, not believed.
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

# names ENUM PREFIX: the names in the enum, without the prefix, as strings.
names() {
	sed -nE "/^enum $1 \{/,/^\}/ s/^\t$2([A-Z_]+),\$/\"\1\",/p" \
		"$library/life_table.h" | tr '[:upper:]_' '[:lower:] '
}

# half HALF: what prints the table of one kind of state.
half() {
	cat <<-END
		static const char * const $1_events[] = {
			$(names "vmb_$1_event" "VMB_${1^^}_")
		};
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
			printf("\n\n");
		}

	END
}

# decisions: what prints the actions. A cell has all facts that fit its row and
# its column; they must agree.
decisions() {
	cat <<-END
		static const char * const actions[] = {
			$(names vmb_life_action VMB_LIFE_DO_)
		};
		_Static_assert(ARRAY_SIZE(actions) == VMB_LIFE_ACTIONS, "names of actions");

	END
	cat <<-'END'
		typedef bool fits_fn(const struct vmb_life_facts *facts);

		struct column {
			const char *name;
			fits_fn *fits;
		};

		#define FITS(name, condition) \
			static bool name(const struct vmb_life_facts *facts) { return condition; }
		FITS(any, facts)
		FITS(stopped, facts->stop != VMB_LIFE_STOP_NONE)
		#define FITS_NOT_STOPPED(name, condition) FITS(name, !stopped(facts) && (condition))
		FITS_NOT_STOPPED(unknown, facts->peer == VMB_LIFE_PEER_UNKNOWN)
		FITS_NOT_STOPPED(awaited, facts->peer == VMB_LIFE_PEER_AWAITED)
		FITS_NOT_STOPPED(present, facts->peer == VMB_LIFE_PEER_PRESENT && facts->may_open)
		FITS_NOT_STOPPED(barred, facts->peer == VMB_LIFE_PEER_PRESENT && !facts->may_open)
		FITS_NOT_STOPPED(paused, facts->flow == VMB_FLOW_PAUSED)
		FITS_NOT_STOPPED(ready, facts->flow == VMB_FLOW_READY)
		FITS_NOT_STOPPED(running, facts->flow == VMB_FLOW_RUNNING)
		FITS_NOT_STOPPED(pausing, facts->flow == VMB_FLOW_PAUSING)
		FITS_NOT_STOPPED(unspoilt, paused(facts) && !facts->spoilt)
		FITS_NOT_STOPPED(spoilt, paused(facts) && facts->spoilt)
		FITS(has_sends, facts->shutting_down && facts->accepting)
		FITS(has_no_sends, !has_sends(facts))
		FITS(primary_open, facts->may_open)
		FITS(primary_not_open, !facts->may_open)

		/* Of a state of power management that needs two rows. */
		static const struct column enabled_rows[] = {
			{ "", has_no_sends },
			{ ", the VM shuts down and sends are accepted", has_sends },
			{ NULL, NULL }
		};
		static const struct column open_rows[] = {
			{ "", primary_open },
			{ ", primary not open", primary_not_open },
			{ NULL, NULL }
		};

		static const struct column enabled[] = {
			{ "to be stopped", stopped },
			{ "peer unknown", unknown },
			{ "peer awaited", awaited },
			{ "peer present", present },
			{ "peer present, primary not open", barred },
			{ NULL, NULL }
		};
		static const struct column open[] = {
			{ "to be stopped", stopped },
			{ "flow paused", unspoilt },
			{ "flow paused, started since the save", spoilt },
			{ "flow ready", ready },
			{ "flow running", running },
			{ "flow pausing", pausing },
			{ NULL, NULL }
		};

		static bool next_facts(struct vmb_life_facts *facts)
		{
			return ++facts->flow < VMB_FLOW_STATES || (facts->flow = 0,
			       ++facts->stop < VMB_LIFE_STOPS) || (facts->stop = 0,
			       ++facts->peer < VMB_LIFE_PEERS) || (facts->peer = 0,
			       (facts->may_open ^= 1) || (facts->accepting ^= 1) ||
			       (facts->shutting_down ^= 1) || (facts->spoilt ^= 1));
		}

		/* The one action, or VMB_LIFE_ACTIONS: there are several. */
		static enum vmb_life_action cell(enum vmb_life_state state, enum vmb_pm_state pm,
						 fits_fn *row, fits_fn *column)
		{
			struct vmb_life_facts facts = { .state = state, .pm = pm };
			enum vmb_life_action action = VMB_LIFE_ACTIONS, other;
			bool first = true;

			do {
				if (!row(&facts) || !column(&facts))
					continue;
				other = vmb_life_decide(&facts);
				if (!first && other != action)
					return VMB_LIFE_ACTIONS;
				action = other;
				first = false;
			} while (next_facts(&facts));
			return action;
		}

		static bool is_one_row(enum vmb_life_state state, enum vmb_pm_state pm,
				       const struct column *columns)
		{
			for (; columns->name; columns++)
				if (cell(state, pm, any, columns->fits) == VMB_LIFE_ACTIONS)
					return false;
			return true;
		}

		static void print_row(enum vmb_life_state state, enum vmb_pm_state pm,
				      const struct column *columns, fits_fn *row, const char *also)
		{
			printf("\n| **%s**%s |", vmb_pm_state_name(pm), also);
			for (; columns->name; columns++) {
				enum vmb_life_action action = cell(state, pm, row, columns->fits);

				if (action == VMB_LIFE_ACTIONS)
					errx(1, "in state %u, pm %u, %s: it depends", state, pm,
					     columns->name);
				printf(" %s |", actions[action]);
			}
		}

		static void print_actions(enum vmb_life_state state, const struct column *columns,
					  const struct column *rows)
		{
			const struct column *column, *row;
			unsigned int pm;

			printf("| %s |", vmb_life_state_name(state));
			for (column = columns; column->name; column++)
				printf(" %s |", column->name);
			printf("\n|---|");
			for (column = columns; column->name; column++)
				printf("---|");
			for (pm = 0; pm < VMB_PM_STATES; pm++) {
				if (is_one_row(state, pm, columns)) {
					print_row(state, pm, columns, any, "");
					continue;
				}
				for (row = rows; row->name; row++)
					print_row(state, pm, columns, row->fits, row->name);
			}
			printf("\n");
		}

		static void expect_nothing(enum vmb_life_state state)
		{
			unsigned int pm;

			for (pm = 0; pm < VMB_PM_STATES; pm++)
				if (cell(state, pm, any, any) != VMB_LIFE_DO_NOTHING)
					errx(1, "in state %u there is something to do", state);
		}

	END
}

print_table() {
	need_packages gcc libc6-dev
	{
		cat <<-END
			#define _GNU_SOURCE
			#include <err.h>
			#include <stdio.h>
			#include <string.h>
			#include <linux/types.h>
			#include "life_table.h"

		END
		half life
		half flow
		half pm
		decisions
		cat <<-END
			int main(void)
			{
				print_life();
				print_flow();
				print_pm();
				print_actions(VMB_LIFE_ENABLED, enabled, enabled_rows);
				printf("\n");
				print_actions(VMB_LIFE_OPEN, open, open_rows);
				expect_nothing(VMB_LIFE_DISABLED);
				expect_nothing(VMB_LIFE_OPENING);
				expect_nothing(VMB_LIFE_CLOSING);
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
