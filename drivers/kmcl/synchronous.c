// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that wait for their answer.
 *
 * The caller may give up before the peer answers. What the answer needs then,
 * the transaction and the external pages, stays until it comes or the channel
 * goes. The caller and the completion routine each have a reference; with the last
 * it is over, and the object is kept for the channel's next request.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "outbound.h"

/* How soon a waiter notices a peer that is gone, where nobody tells. */
#define VMB_SYNCHRONOUS_POLL	(HZ / 10)

/**
 * struct vmb_synchronous - a request whose caller waits for it
 * @references: the waiter's and the completion routine's.
 * @packet: its packet, freed when it is over.
 * @bounce: what the peer has instead of the caller's external data, or NULL;
 *	freed when it is over.
 * @done: the routine has run.
 * @status: what it was told.
 * @length: bytes of the answer.
 * @room: bytes of @answer, as many as the caller wants or more; immutable.
 * @answer: the answer, as much of it as there is room for.
 *
 * One that nobody has is &vmb_outbound.spare.
 */
struct vmb_synchronous {
	struct kref references;
	struct vmb_packet *packet;
	struct vmb_bounce *bounce;
	struct completion done;
	int status;
	u32 length;
	u32 room;
	u8 answer[];
};

/*
 * An object with so much room for the answer. Whoever comes while another has the
 * channel's gets one that is new.
 */
static struct vmb_synchronous *vmb_synchronous_get(struct vmb_channel *channel,
						   u32 room)
{
	struct vmb_synchronous *request = xchg(&channel->outbound.spare, NULL);

	if (likely(request && request->room >= room))
		return request;
	kfree(request);
	/*
	 * A caller that wants an answer may sleep. But a disk that memory is to be
	 * written to may be behind the channel.
	 */
	request = kmalloc(struct_size(request, answer, room),
			  room ? GFP_NOIO : GFP_ATOMIC);
	if (request)
		request->room = room;
	return request;
}

/* Keep it for the next, unless it has more room than an answer mostly needs. */
static void vmb_synchronous_put(struct vmb_channel *channel,
				struct vmb_synchronous *request)
{
	if (likely(request->room <= max_t(u32, channel->maximum_packet_size, PAGE_SIZE)))
		request = xchg(&channel->outbound.spare, request);
	kfree(request);
}

static void vmb_synchronous_release(struct kref *references)
{
	struct vmb_synchronous *request = container_of(references,
						       struct vmb_synchronous,
						       references);
	struct vmb_packet *packet = request->packet;

	if (request->bounce)
		vmb_bounce_free(request->bounce);
	vmb_synchronous_put(packet->channel, request);
	/* Last: with no packet left the channel may go. */
	vmb_packet_free(packet);
}

static void vmb_synchronous_routine(struct vmb_packet *packet,
				    void *callback_context, int status,
				    const void *buffer, u32 buffer_length)
{
	struct vmb_synchronous *request = callback_context;

	request->status = status;
	request->length = buffer_length;
	if (buffer_length)
		memcpy(request->answer, buffer, min(buffer_length, request->room));
	complete(&request->done);
	kref_put(&request->references, vmb_synchronous_release);
}

/* Is it the library's own, of a synchronous request? */
bool vmb_packet_is_synchronous(const struct vmb_packet *packet)
{
	return packet->routine == vmb_synchronous_routine;
}

static struct vmb_synchronous *vmb_synchronous_make(struct vmb_channel *channel,
						    u32 room)
{
	struct vmb_synchronous *request = vmb_synchronous_get(channel, room);

	if (!request)
		return NULL;
	request->packet = vmb_packet_allocate(channel);
	if (!request->packet) {
		vmb_synchronous_put(channel, request);
		return NULL;
	}
	request->bounce = NULL;
	/* What there is to say of one that does not wait for its routine. */
	request->status = 0;
	request->length = 0;
	kref_init(&request->references);
	init_completion(&request->done);
	vmb_packet_set_completion_routine(request->packet, request,
					  vmb_synchronous_routine);
	return request;
}

/* Does the request move only when the channel starts? */
static bool vmb_synchronous_stands_still(const struct vmb_synchronous *request,
					 bool in_own_callback)
{
	const struct vmb_packet *packet = request->packet;
	const struct vmb_channel *channel = packet->channel;

	if (READ_ONCE(packet->state) == VMB_SEND_HELD)
		return !READ_ONCE(channel->outbound.sending);
	/* Another channel's worker may be about to have completions read. */
	return vmb_inbound_mode(&channel->inbound) == VMB_DRAIN_STOPPED &&
	       (in_own_callback || READ_ONCE(channel->life.suspended));
}

/*
 * A request in a callback of the channel, or of one that has the same primary: that
 * channel's worker cannot go on, and the workers of such wait for each other. If
 * it is to close its channel, perhaps nobody else can end the request, which is given
 * up then. It is given up, too, if that worker is to pause the channel and the request
 * moves only after a start, which waits for the pause. 0: wait on; or an errno.
 */
static int vmb_synchronous_is_waited_for(const struct vmb_synchronous *request)
{
	struct vmb_channel *channel = request->packet->channel;
	struct vmb_channel *caller = vmb_life_caller(channel);

	if (!caller)
		return 0;
	if (vmb_life_has_to_end(caller))
		return -ENODEV;
	return vmb_life_flow(caller) == VMB_FLOW_PAUSING &&
	       vmb_synchronous_stands_still(request, caller == channel) ?
	       -EDEADLK : 0;
}

/*
 * Wait in short steps: the peer may go without a word, and a worker that waits for this
 * callback cannot say so. 0: the request is done; or an errno: give up.
 */
static int vmb_synchronous_wait(struct vmb_channel *channel,
				struct vmb_synchronous *request, long timeout)
{
	while (timeout) {
		long step = min_t(long, timeout, VMB_SYNCHRONOUS_POLL);
		int ret;

		if (wait_for_completion_timeout(&request->done, step))
			return 0;
		if (channel->operations->peer_gone(channel) &&
		    vmb_life_stop_if_gone(channel))
			return -ENODEV;
		ret = vmb_synchronous_is_waited_for(request);
		if (ret)
			return ret;
		if (timeout != MAX_SCHEDULE_TIMEOUT)
			timeout -= step;
	}
	return try_wait_for_completion(&request->done) ? 0 : -ETIMEDOUT;
}

/* The answer, or as much of it as there is room for. */
static int vmb_synchronous_answer(const struct vmb_synchronous *request,
				  void *buffer, u32 *size)
{
	u32 room = buffer && size ? *size : 0;

	if (request->status)
		return request->status;
	if (buffer)
		memcpy(buffer, request->answer,
		       min3(room, request->room, request->length));
	if (size)
		*size = request->length;
	return buffer && request->length > room ? -EOVERFLOW : 0;
}

/*
 * Give up. 0: the answer came at the last moment. A peer that is gone does not
 * write any more: then the memory is the caller's at once, whatever it is. With a
 * time-out of 0 the request is sent all the same, as soon as the ring is free.
 */
static int vmb_synchronous_cancel(struct vmb_channel *channel,
				  struct vmb_synchronous *request, long timeout,
				  int error)
{
	bool gone = error == -ENODEV && channel->operations->peer_gone(channel);

	switch (vmb_send_abandon(request->packet, timeout, gone)) {
	case VMB_SEND_IDLE:
		/* Its routine will not run: drop its reference, too. */
		kref_put(&request->references, vmb_synchronous_release);
		return error;
	case VMB_SEND_SENT:
		return error;
	default:
		wait_for_completion(&request->done);
		return 0;
	}
}

/* Is this form of request allowed here? */
static int vmb_synchronous_check(struct vmb_channel *channel, u32 flags,
				 void *completion_buffer,
				 const u32 *completion_buffer_size, long timeout)
{
	bool waits = flags & VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION;

	if (timeout < 0 || (completion_buffer && !completion_buffer_size))
		return -EINVAL;
	if (completion_buffer && *completion_buffer_size % VMB_WIRE_UNIT)
		return -EINVAL;
	if (!waits && !timeout)
		return 0;
	if (channel->is_server)
		return -EOPNOTSUPP;
	/* In post_started. The fault is the peer's, and the channel about to close. */
	if (vmb_life_is_callback(channel) && vmb_inbound_is_lost(channel) &&
	    !channel->life.suspended)
		return -ENODEV;
	/* Where nothing is read from the ring, no answer would ever come. */
	if (vmb_inbound_is_callback(&channel->inbound) ||
	    (vmb_life_is_callback(channel) &&
	     vmb_inbound_mode(&channel->inbound) != VMB_DRAIN_DELIVERING))
		return -EDEADLK;
	might_sleep();
	return 0;
}

/*
 * What the caller may free when it gives up, and the peer write to later: where
 * it cannot be kept until then, the peer gets something else.
 */
static int vmb_synchronous_describe(struct vmb_synchronous *request,
				    const struct bio_vec *vectors,
				    u32 vector_count, u32 flags, long timeout)
{
	struct vmb_channel *channel = request->packet->channel;
	bool gives_up = timeout != MAX_SCHEDULE_TIMEOUT || vmb_life_caller(channel);
	struct vmb_bounce *bounce;

	if (gives_up && vmb_bounce_is_needed(vectors, vector_count)) {
		bounce = vmb_bounce_create(channel, vectors, vector_count,
					   &vectors, &vector_count);
		if (IS_ERR(bounce))
			return PTR_ERR(bounce);
		request->bounce = bounce;
	}
	return vmb_outbound_data_from_vectors(request->packet, vectors,
					      vector_count, 0, 0, flags);
}

static int vmb_synchronous_send(struct vmb_synchronous *request,
				const void *buffer, u32 length,
				const struct bio_vec *vectors, u32 vector_count,
				u32 flags, long timeout)
{
	struct vmb_packet *packet = request->packet;
	int ret;

	ret = vmb_send_check(packet, length, flags, vectors);
	if (ret == VMB_SEND_FRAMED)
		return vmb_send_submit_framed(packet, buffer, length, timeout);
	if (ret)
		return ret;
	if (vectors) {
		ret = vmb_synchronous_describe(request, vectors, vector_count,
					       flags, timeout);
		if (ret)
			return ret;
	}
	ret = vmb_send_submit(packet, buffer, length, timeout);
	if (ret)
		vmb_outbound_data_release(packet, false);
	return ret;
}

int vmb_channel_send_synchronous_request(struct vmb_channel *channel,
					 const void *buffer, u32 buffer_size,
					 const struct bio_vec *vectors,
					 u32 vector_count, u32 flags,
					 void *completion_buffer,
					 u32 *completion_buffer_size,
					 long timeout)
{
	struct vmb_synchronous *request;
	u32 room = 0;
	int ret;

	ret = vmb_synchronous_check(channel, flags, completion_buffer,
				    completion_buffer_size, timeout);
	if (ret)
		return ret;
	/* None is longer, whatever the caller has room for. */
	if (flags & VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION && completion_buffer)
		room = min_t(u32, *completion_buffer_size, VMB_WIRE_MAXIMUM_LENGTH);
	request = vmb_synchronous_make(channel, room);
	if (!request)
		return -ENOMEM;
	/* The routine's. */
	kref_get(&request->references);
	ret = vmb_synchronous_send(request, buffer, buffer_size, vectors,
				   vector_count, flags, timeout);
	if (ret) {
		kref_put(&request->references, vmb_synchronous_release);
		goto put_request;
	}
	/* Otherwise the caller may not sleep, and need not: the packet is in the ring. */
	if (timeout || flags & VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION)
		ret = vmb_synchronous_wait(channel, request, timeout);
	if (ret)
		ret = vmb_synchronous_cancel(channel, request, timeout, ret);
	if (!ret && request->bounce &&
	    !(flags & VMB_CHANNEL_FORMAT_FLAG_DATA_OUT_ONLY))
		vmb_bounce_copy_back(request->bounce, vectors, vector_count);
	if (!ret)
		ret = vmb_synchronous_answer(request, completion_buffer,
					     completion_buffer_size);
put_request:
	kref_put(&request->references, vmb_synchronous_release);
	return ret;
}
EXPORT_SYMBOL_GPL(vmb_channel_send_synchronous_request);
