/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a channel, what takes it from one to another, and what its worker
 * does about it. Pure: the tables say what follows, life.c does it.
 *
 * A channel has three states at once. Life is what becomes of the channel between
 * its two ends; flow is whether this end wants packets to flow; pm is what the
 * VM's power management wants of it.
 */
#ifndef VMB_LIFE_TABLE_H
#define VMB_LIFE_TABLE_H

#include <linux/types.h>

/**
 * enum vmb_life_state - life of a channel
 * @VMB_LIFE_DISABLED: configuration window; nothing runs.
 * @VMB_LIFE_ENABLED: waits for its peer.
 * @VMB_LIFE_OPENING: the worker opens it; opened is being called.
 * @VMB_LIFE_OPEN: open.
 * @VMB_LIFE_CLOSING: the worker closes it; suspend and closed are being called.
 * @VMB_LIFE_STATES: how many there are.
 */
enum vmb_life_state {
	VMB_LIFE_DISABLED,
	VMB_LIFE_ENABLED,
	VMB_LIFE_OPENING,
	VMB_LIFE_OPEN,
	VMB_LIFE_CLOSING,
	VMB_LIFE_STATES
};

/**
 * enum vmb_life_event - what happens to it
 * @VMB_LIFE_ENABLE: vmb_channel_enable().
 * @VMB_LIFE_STOP: it is to be closed: disabled, peer gone, or framing lost.
 * @VMB_LIFE_OPEN_BEGINS: the worker begins to open it.
 * @VMB_LIFE_PEER_MISSED: the peer went before it could be opened.
 * @VMB_LIFE_OPENED: it is open, and the client accepts that.
 * @VMB_LIFE_CLOSE_BEGINS: the worker begins to close it, or to undo an open that
 *	failed.
 * @VMB_LIFE_CLOSED: all is undone; it waits for its next peer (a server).
 * @VMB_LIFE_FINISHED: all is undone, and it is disabled.
 * @VMB_LIFE_EVENTS: how many there are.
 */
enum vmb_life_event {
	VMB_LIFE_ENABLE,
	VMB_LIFE_STOP,
	VMB_LIFE_OPEN_BEGINS,
	VMB_LIFE_PEER_MISSED,
	VMB_LIFE_OPENED,
	VMB_LIFE_CLOSE_BEGINS,
	VMB_LIFE_CLOSED,
	VMB_LIFE_FINISHED,
	VMB_LIFE_EVENTS
};

/**
 * enum vmb_flow_state - does this end want packets to flow, and do they
 * @VMB_FLOW_PAUSED: it does not.
 * @VMB_FLOW_READY: it does, and the channel is not open, or not yet started.
 * @VMB_FLOW_RUNNING: they flow: started was called.
 * @VMB_FLOW_PAUSING: they do, and pause was called.
 * @VMB_FLOW_STATES: how many there are.
 */
enum vmb_flow_state {
	VMB_FLOW_PAUSED,
	VMB_FLOW_READY,
	VMB_FLOW_RUNNING,
	VMB_FLOW_PAUSING,
	VMB_FLOW_STATES
};

/**
 * enum vmb_flow_event - what changes that
 * @VMB_FLOW_START: vmb_channel_start().
 * @VMB_FLOW_PAUSE: vmb_channel_pause().
 * @VMB_FLOW_RUN: the channel is open; the worker calls started.
 * @VMB_FLOW_PAUSED_NOW: suspend was called, the client has completed everything.
 * @VMB_FLOW_CLOSE: the worker closes the channel.
 * @VMB_FLOW_RESET_CLIENT: a client is disabled: its next enable starts it.
 * @VMB_FLOW_RESET_SERVER: a server is disabled: it must be started by hand.
 * @VMB_FLOW_EVENTS: how many there are.
 */
enum vmb_flow_event {
	VMB_FLOW_START,
	VMB_FLOW_PAUSE,
	VMB_FLOW_RUN,
	VMB_FLOW_PAUSED_NOW,
	VMB_FLOW_CLOSE,
	VMB_FLOW_RESET_CLIENT,
	VMB_FLOW_RESET_SERVER,
	VMB_FLOW_EVENTS
};

/**
 * enum vmb_pm_state - what power management wants, and how far that is
 * @VMB_PM_ACTIVE: nothing; also of a channel that has refused.
 * @VMB_PM_QUIESCING: it is to quiesce; if it is not open, it is not to be opened.
 * @VMB_PM_QUIESCED: it has, and waits for the other channels of its device.
 * @VMB_PM_CLOSING: it has, and is to be closed, or is being closed.
 * @VMB_PM_CLOSED: it is to be closed, and is not quiesced: it is closed, or was not
 *	open. One that is open still is late, and quiesces first.
 * @VMB_PM_RESUMING: it is quiesced, and its packets are to flow again.
 * @VMB_PM_STATES: how many there are.
 */
enum vmb_pm_state {
	VMB_PM_ACTIVE,
	VMB_PM_QUIESCING,
	VMB_PM_QUIESCED,
	VMB_PM_CLOSING,
	VMB_PM_CLOSED,
	VMB_PM_RESUMING,
	VMB_PM_STATES
};

/**
 * enum vmb_pm_event - what changes that
 * @VMB_PM_QUIESCE: the VM hibernates, or shuts down.
 * @VMB_PM_CLOSE: all channels of the device have quiesced, or the VM shuts down
 *	whether they have or not.
 * @VMB_PM_RESUME: the VM has resumed, or does not hibernate after all.
 * @VMB_PM_QUIESCED_NOW: the worker has quiesced it.
 * @VMB_PM_REFUSED: it could not, and they flow.
 * @VMB_PM_QUIESCE_OVER: it is not quiesced for this any more: packets flow again, or
 *	the channel is closed, for this or for another reason.
 * @VMB_PM_EVENTS: how many there are.
 */
enum vmb_pm_event {
	VMB_PM_QUIESCE,
	VMB_PM_CLOSE,
	VMB_PM_RESUME,
	VMB_PM_QUIESCED_NOW,
	VMB_PM_REFUSED,
	VMB_PM_QUIESCE_OVER,
	VMB_PM_EVENTS
};

/**
 * enum vmb_life_stop - how far a channel is to be stopped; what is more wins
 * @VMB_LIFE_STOP_NONE: it is not.
 * @VMB_LIFE_STOP_CLOSE: it is to be closed; a server waits for its next peer then.
 * @VMB_LIFE_STOP_DISABLE: and disabled then, also if it is a server.
 * @VMB_LIFE_STOPS: how many there are.
 */
enum vmb_life_stop {
	VMB_LIFE_STOP_NONE,
	VMB_LIFE_STOP_CLOSE,
	VMB_LIFE_STOP_DISABLE,
	VMB_LIFE_STOPS
};

/**
 * enum vmb_life_peer - what is known of the peer, since enable or since it went
 * @VMB_LIFE_PEER_UNKNOWN: nothing; it is to be looked for.
 * @VMB_LIFE_PEER_AWAITED: it was looked for; the transport tells when it comes.
 * @VMB_LIFE_PEER_PRESENT: open may be tried.
 * @VMB_LIFE_PEERS: how many there are.
 */
enum vmb_life_peer {
	VMB_LIFE_PEER_UNKNOWN,
	VMB_LIFE_PEER_AWAITED,
	VMB_LIFE_PEER_PRESENT,
	VMB_LIFE_PEERS
};

/**
 * enum vmb_life_transport - how far a channel has let go of its transport
 * @VMB_LIFE_TRANSPORT_CONNECTED: since the last open, not at all.
 * @VMB_LIFE_TRANSPORT_QUIESCED: nothing of ours touches transport or rings.
 * @VMB_LIFE_TRANSPORT_DISCONNECTED: and it was closed.
 */
enum vmb_life_transport {
	VMB_LIFE_TRANSPORT_CONNECTED,
	VMB_LIFE_TRANSPORT_QUIESCED,
	VMB_LIFE_TRANSPORT_DISCONNECTED,
};

/**
 * enum vmb_life_action - what the worker does next
 * @VMB_LIFE_DO_NOTHING: nothing, until it is queued again.
 * @VMB_LIFE_DO_FIND_PEER: look for the peer.
 * @VMB_LIFE_DO_OPEN: open the channel.
 * @VMB_LIFE_DO_RUN: let packets flow: started.
 * @VMB_LIFE_DO_THAW: stand still no more, and be paused.
 * @VMB_LIFE_DO_PAUSE: quiesce for a pause.
 * @VMB_LIFE_DO_PM_QUIESCE: quiesce for power management, or refuse.
 * @VMB_LIFE_DO_PM_UNDO: let packets flow again after such a quiesce.
 * @VMB_LIFE_DO_PM_CLOSE: close the channel for it, to be opened when it may.
 * @VMB_LIFE_DO_CLOSE: close the channel.
 * @VMB_LIFE_DO_GIVE_UP: stop it before it was open.
 * @VMB_LIFE_DO_END_SENDS: end what was sent, for the VM shuts down before it is
 *	open.
 * @VMB_LIFE_ACTIONS: how many there are.
 */
enum vmb_life_action {
	VMB_LIFE_DO_NOTHING,
	VMB_LIFE_DO_FIND_PEER,
	VMB_LIFE_DO_OPEN,
	VMB_LIFE_DO_RUN,
	VMB_LIFE_DO_THAW,
	VMB_LIFE_DO_PAUSE,
	VMB_LIFE_DO_PM_QUIESCE,
	VMB_LIFE_DO_PM_UNDO,
	VMB_LIFE_DO_PM_CLOSE,
	VMB_LIFE_DO_CLOSE,
	VMB_LIFE_DO_GIVE_UP,
	VMB_LIFE_DO_END_SENDS,
	VMB_LIFE_ACTIONS
};

/**
 * struct vmb_life_facts - all that the next action depends on
 * @state: its life.
 * @flow: its flow.
 * @pm: what power management wants.
 * @stop: how far it is to be stopped.
 * @peer: what is known of the peer.
 * @may_open: no primary channel keeps it closed, or is about to close it.
 * @accepting: the client may send; what it has sent may be waiting.
 * @shutting_down: the VM does not hibernate but shuts down.
 * @spoilt: it stands still for a save, and was started since.
 */
struct vmb_life_facts {
	enum vmb_life_state state;
	enum vmb_flow_state flow;
	enum vmb_pm_state pm;
	enum vmb_life_stop stop;
	enum vmb_life_peer peer;
	bool may_open;
	bool accepting;
	bool shutting_down;
	bool spoilt;
};

/* Does power management let a channel be open, and its packets flow? */
static inline bool vmb_pm_may_run(enum vmb_pm_state pm)
{
	return pm == VMB_PM_ACTIVE || pm == VMB_PM_RESUMING;
}

int vmb_life_next(enum vmb_life_state state, enum vmb_life_event event);
int vmb_flow_next(enum vmb_flow_state state, enum vmb_flow_event event);
int vmb_pm_next(enum vmb_pm_state state, enum vmb_pm_event event);
enum vmb_life_action vmb_life_decide(const struct vmb_life_facts *facts);
const char *vmb_life_state_name(enum vmb_life_state state);
const char *vmb_flow_state_name(enum vmb_flow_state state);
const char *vmb_pm_state_name(enum vmb_pm_state state);

#endif
