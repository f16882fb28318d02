/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a channel, and what takes it from one to another. Pure: the
 * table says what follows, life.c does it.
 *
 * There are two half-states. Life is what becomes of the channel between its
 * two ends; flow is whether this end wants packets to flow.
 */
#ifndef VMB_LIFE_TABLE_H
#define VMB_LIFE_TABLE_H

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

int vmb_life_next(enum vmb_life_state state, enum vmb_life_event event);
int vmb_flow_next(enum vmb_flow_state state, enum vmb_flow_event event);
const char *vmb_life_state_name(enum vmb_life_state state);
const char *vmb_flow_state_name(enum vmb_flow_state state);

#endif
