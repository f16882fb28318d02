/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a channel counts. One list makes the struct, the sysfs files (stable:
 * their names and meanings do not change) and the debugfs lines.
 */
#ifndef VMB_COUNTERS_H
#define VMB_COUNTERS_H

#include <linux/types.h>

/*
 * X(name): written by the drain only, or under the outbound lock; see each
 * user. Readers take what they find: a counter is a u64 that one CPU writes.
 *
 *  received               packets handed to process_packet, those that it put
 *                         off when they come again
 *  completed              packets the client has completed
 *  completions_sent       completions put into the outbound ring
 *  completions_queued     how many had to wait: for room, or for the end of a
 *                         batch on another CPU
 *  completions_empty      sent for packets that were refused; empty, unless the
 *                         client has set what is to stand in them
 *  completions_dropped    that the channel's end, or a broken ring, swallowed
 *  completed_twice        second completions by the client, ignored
 *  refused                packets and indices refused, all reasons together
 *  external_refused       of these, requests for external data
 *  failed                 packets given to packet_fail
 *  discarded              packets that came in while the channel was closing
 *  sends                  packets the client has sent
 *  sends_queued           of these, how many had to wait
 *  sends_completed        of these, ended by the peer, or by being in the ring
 *  sends_failed           of these, ended with an error
 *  batches                runs of process_packet calls
 *  starved                batches that ended for want of a packet object, or of room
 *  signals                signals sent to the peer
 *  stalls                 times the watchdog found work that nobody did
 *  rings_reduced          enables for which memory allowed smaller rings only
 *  leaked                 shared memory that the peer may still write to
 */
#define VMB_COUNTERS(X)		\
	X(received)		\
	X(completed)		\
	X(completions_sent)	\
	X(completions_queued)	\
	X(completions_empty)	\
	X(completions_dropped)	\
	X(completed_twice)	\
	X(refused)		\
	X(external_refused)	\
	X(failed)		\
	X(discarded)		\
	X(sends)		\
	X(sends_queued)		\
	X(sends_completed)	\
	X(sends_failed)		\
	X(batches)		\
	X(starved)		\
	X(signals)		\
	X(stalls)		\
	X(rings_reduced)	\
	X(leaked)

struct vmb_counters {
#define VMB_COUNTER_FIELD(name) u64 name;
	VMB_COUNTERS(VMB_COUNTER_FIELD)
#undef VMB_COUNTER_FIELD
};

#endif
