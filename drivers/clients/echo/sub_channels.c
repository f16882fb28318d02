// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels: further channels of the device, for more traffic than one ring
 * takes. Packets on them are answered as those on the primary channel.
 *
 * The life of a sub-channel:
 *   the peer says, over the primary, that there are some
 *   work        allocate it, make it the primary's, enable it, ask for it
 *   opened...   when the peer's offer arrives
 *   closed      with the primary; or alone, if the peer takes it back: then the
 *               work enables it again, and asks again
 *   remove      disabling the primary disables it; clean up
 *
 * All of that takes a worker: the peer's word comes where nobody may sleep, and
 * a closed callback may not enable its own channel.
 */
#include <linux/cpumask.h>
#include <linux/numa.h>
#include <linux/workqueue.h>

#include "echo.h"

/* A peer that does not answer has gone, or is broken. */
#define ECHO_OFFER_TIMEOUT	(30 * HZ)

static int echo_sub_channel_allocate(struct echo_channel *channel)
{
	struct echo_device *echo = channel->echo;
	/* A flood on all of them spreads over the CPUs. */
	unsigned int cpu = cpumask_local_spread(channel->index, NUMA_NO_NODE);
	int ret;

	ret = echo_channel_allocate(channel, echo->device);
	if (ret)
		return ret;
	ret = vmb_client_channel_init_set_target_processor_index(channel->channel,
								 cpu);
	if (!ret)
		ret = vmb_channel_init_set_primary_channel(channel->channel,
							   echo->primary.channel,
							   channel->index);
	if (ret)
		echo_channel_cleanup(channel);
	return ret;
}

/* Get one ready for the peer's offer. */
static int echo_sub_channel_enable(struct echo_channel *channel)
{
	int ret;

	if (!channel->channel) {
		ret = echo_sub_channel_allocate(channel);
		if (ret)
			return ret;
	}
	/* Its closed callback may still be running: this waits. */
	if (xchg(&channel->gone, false))
		vmb_channel_disable(channel->channel);
	ret = vmb_channel_enable(channel->channel);
	/* Enabled already: it was not closed since. */
	return ret == -EBUSY ? 0 : ret;
}

/* Ask the peer to offer them. */
static int echo_sub_channels_ask(struct echo_device *echo, u32 count)
{
	const struct vmb_echo_request request = {
		.magic = cpu_to_le64(VMB_ECHO_MAGIC),
		.command = cpu_to_le32(VMB_ECHO_OFFER_SUB_CHANNELS),
		.argument = cpu_to_le32(count),
	};
	struct vmb_echo_offered answer;
	u32 length = sizeof(answer);
	int ret;

	ret = vmb_channel_send_synchronous_request(echo->primary.channel,
						   &request, sizeof(request),
						   NULL, 0,
						   VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION,
						   &answer, &length,
						   ECHO_OFFER_TIMEOUT);
	if (ret)
		return ret;
	if (length < sizeof(answer) || le32_to_cpu(answer.count) > count)
		return -EPROTO;
	return 0;
}

static void echo_sub_work(struct work_struct *work)
{
	struct echo_device *echo = container_of(work, struct echo_device, sub_work);
	u32 count = READ_ONCE(echo->sub_channel_count);
	int ret = 0;
	u32 i;

	/* There may be fewer than before. */
	for (i = count; i < ECHO_SUB_CHANNELS; i++)
		if (echo->sub_channels[i].channel)
			vmb_channel_disable(echo->sub_channels[i].channel);
	for (i = 0; i < count; i++) {
		ret = echo_sub_channel_enable(&echo->sub_channels[i]);
		if (ret)
			break;
	}
	if (i)
		ret = echo_sub_channels_ask(echo, i);
	/* The primary closes, or has closed: the peer says it again next time. */
	if (ret && ret != -ENOTCONN && ret != -ENODEV)
		dev_warn_ratelimited(echo->device->dev, "%u of %u sub-channels, error %d\n",
				     i, count, ret);
}

void echo_sub_channels_init(struct echo_device *echo)
{
	u16 i;

	INIT_WORK(&echo->sub_work, echo_sub_work);
	for (i = 0; i < ECHO_SUB_CHANNELS; i++) {
		echo->sub_channels[i].echo = echo;
		echo->sub_channels[i].index = i + 1;
	}
}

/* The peer has some. Any context. */
void echo_sub_channels_get(struct echo_device *echo, u32 count)
{
	WRITE_ONCE(echo->sub_channel_count, min_t(u32, count, ECHO_SUB_CHANNELS));
	queue_work(echo->workqueue, &echo->sub_work);
}

/* The peer took this one back, in its closed callback. */
void echo_sub_channel_gone(struct echo_channel *channel)
{
	WRITE_ONCE(channel->gone, true);
	queue_work(channel->echo->workqueue, &channel->echo->sub_work);
}

/* The primary channel is disabled, and with it all of them. */
void echo_sub_channels_cleanup(struct echo_device *echo)
{
	u32 i;

	/* Nothing queues it any more. */
	cancel_work_sync(&echo->sub_work);
	for (i = 0; i < ECHO_SUB_CHANNELS; i++)
		if (echo->sub_channels[i].channel)
			echo_channel_cleanup(&echo->sub_channels[i]);
}
