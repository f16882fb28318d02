/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mutants.py plants in each place: which of its changes is on, counted from the
 * first; -1 if none is. Included before all else.
 */
#ifndef VMB_PLANTED_H
#define VMB_PLANTED_H

#ifndef __ASSEMBLY__
extern unsigned int vmb_planted;
extern unsigned char vmb_reached[];

#define VMB_AT(place, first, count) \
	(vmb_reached[place] = 1, \
	 vmb_planted - (first) < (count) ? (int)(vmb_planted - (first)) : -1)
#endif

#endif
