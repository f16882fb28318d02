/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of a channel: watchdog, sub-channels, open, close, power management.
 * What this floor offers to those above it.
 */
#ifndef VMB_LIFE_H
#define VMB_LIFE_H

#include "inbound.h"

/* watchdog.c */
void vmb_watchdog_init(struct vmb_channel *channel);
void vmb_watchdog_start(struct vmb_channel *channel);
void vmb_watchdog_stop(struct vmb_channel *channel);
void vmb_watchdog_destroy(struct vmb_watchdog *watchdog);
void vmb_watchdog_poll(struct vmb_channel *channel);

/* sub_channel.c */
int vmb_sub_channel_check(struct vmb_channel *channel);
void vmb_sub_channel_follow(struct vmb_channel *channel);
void vmb_sub_channel_wait_for_peer(struct vmb_channel *channel);
bool vmb_sub_channel_wait_for_primary(struct vmb_channel *channel);
bool vmb_sub_channel_may_open(const struct vmb_channel *channel);
void vmb_sub_channels_primary_is_open(struct vmb_channel *primary);
void vmb_sub_channels_step(struct vmb_channel *primary, enum vmb_flow_event event);
bool vmb_sub_channels_are_pausing(struct vmb_channel *primary);
bool vmb_sub_channels_are_enabled(struct vmb_channel *primary);
bool vmb_sub_channels_are_callers(struct vmb_channel *primary);
void vmb_sub_channels_wait_for_pause(struct vmb_channel *primary);
void vmb_sub_channels_stop(struct vmb_channel *primary,
			   enum vmb_channel_stop_reason reason);
void vmb_sub_channels_wait_until_quiesced(struct vmb_channel *primary);
void vmb_sub_channels_wait_for_end(struct vmb_channel *primary);
void vmb_sub_channels_end(struct vmb_channel *primary,
			  enum vmb_channel_stop_reason reason);
void vmb_sub_channels_orphan(struct vmb_channel *primary);

/* restore.c */
void vmb_restore_init(struct vmb_restore *restore);
void vmb_restore_settings_of(const struct vmb_channel *channel,
			     struct vmb_restore_settings *settings);
u64 vmb_restore_note_in_flight(u64 noted, u32 value);
int vmb_restore_check(struct vmb_channel *channel);
void vmb_restore_hand_out(struct vmb_channel *channel);
void vmb_restore_give_up(struct vmb_channel *channel);

/* save.c */
void vmb_save_spoil(struct vmb_channel *channel);
void vmb_save_thaw(struct vmb_channel *channel);
bool vmb_save_close(struct vmb_channel *channel);

/* close.c */
bool vmb_life_quiesce(struct vmb_channel *channel);
bool vmb_life_quiesce_for_pm(struct vmb_channel *channel);
void vmb_life_close_transport(struct vmb_channel *channel, bool for_good);
void vmb_life_accept_for_next(struct vmb_channel *channel);
void vmb_life_take_memory_back(struct vmb_channel *channel);
void vmb_life_close(struct vmb_channel *channel);
void vmb_life_wait_for_client(struct vmb_channel *channel);
void vmb_life_close_for_pm(struct vmb_channel *channel);

/* life.c */
void vmb_life_init(struct vmb_channel *channel);

/* life_pm.c */
void vmb_life_pm_quiesce(struct vmb_channel *channel,
			 enum vmb_channel_stop_reason reason);
void vmb_life_pm_close(struct vmb_channel *channel);
bool vmb_life_pm_is_quiescing(const struct vmb_channel *channel);
bool vmb_life_pm_is_closing(const struct vmb_channel *channel);
bool vmb_life_pm_has_refused(const struct vmb_channel *channel);
void vmb_life_pm_timed_out(struct vmb_channel *channel);
void vmb_life_pm_resume(struct vmb_channel *channel);

/* enable.c */
void vmb_life_ring_sizes(u32 packet_size, u32 page_shift, u32 *minimum, u32 *wanted);

#endif
