// SPDX-License-Identifier: GPL-2.0
/*
 * A vmb_template device without Hyper-V: offered to this kernel, over loopback. Once
 * the client has said HELLO it gets INVERT again and again, and what it makes of it is
 * counted in /sys/module/vmb_template_server/parameters.
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>
#include <vmbkmcl.h>

#include "vmb_template_protocol.h"

#define PAUSE_MS	10

static ulong answered;
module_param(answered, ulong, 0444);
MODULE_PARM_DESC(answered, "Requests that the client has answered as it should");

static ulong wrong;
module_param(wrong, ulong, 0444);
MODULE_PARM_DESC(wrong, "Requests that it has not, or that were wrong");

static struct vmb_channel *server_channel;

static void server_ask(struct work_struct *work);
static DECLARE_DELAYED_WORK(server_work, server_ask);

/*
 * One request at a time: this is called once for each that was sent, and the work sends
 * the next when it has returned.
 */
static void server_answered(struct vmb_packet *packet, void *context, int status,
			    const void *buffer, u32 length)
{
	const struct vmb_template_answer *answer = buffer;
	u64 asked = *(u64 *)vmb_packet_get_inline_packet_context_pointer(packet);

	vmb_packet_free(packet);
	/* The client goes. */
	if (status == -ENODEV)
		return;
	if (status || length < sizeof(*answer) || answer->status ||
	    answer->value != cpu_to_le64(~asked))
		WRITE_ONCE(wrong, wrong + 1);
	else
		WRITE_ONCE(answered, answered + 1);
	schedule_delayed_work(&server_work, msecs_to_jiffies(PAUSE_MS));
}

static void server_ask(struct work_struct *work)
{
	static u64 next;
	struct vmb_template_request request = {
		.command = cpu_to_le32(VMB_TEMPLATE_INVERT),
		.value = cpu_to_le64(next),
	};
	struct vmb_packet *packet = vmb_packet_allocate(server_channel);
	int ret;

	if (!packet) {
		schedule_delayed_work(&server_work, msecs_to_jiffies(PAUSE_MS));
		return;
	}
	*(u64 *)vmb_packet_get_inline_packet_context_pointer(packet) = next++;
	vmb_packet_set_completion_routine(packet, NULL, server_answered);
	ret = vmb_packet_send(packet, &request, sizeof(request), NULL, 0,
			      VMB_CHANNEL_FORMAT_FLAG_WAIT_FOR_COMPLETION);
	/* The channel closes: the next client says HELLO, too. */
	if (ret)
		vmb_packet_free(packet);
}

/* A server must not trust its client either. */
static void server_packet(struct vmb_channel *channel, void *context,
			  struct vmb_packet_completion *packet,
			  void *buffer, u32 length, u32 flags)
{
	const struct vmb_template_request *request = buffer;
	struct vmb_template_answer answer = {};

	if (length < sizeof(*request) || request->reserved ||
	    request->command != cpu_to_le32(VMB_TEMPLATE_HELLO)) {
		WRITE_ONCE(wrong, wrong + 1);
		answer.status = cpu_to_le32(EINVAL);
	} else {
		answer.value = cpu_to_le64(VMB_TEMPLATE_VERSION);
		schedule_delayed_work(&server_work, 0);
	}
	vmb_channel_packet_complete(packet, &answer, sizeof(answer));
}

/* Every packet has ended; no routine queues the work any more. */
static void server_closed(struct vmb_channel *channel, void *context,
			  enum vmb_channel_stop_reason reason)
{
	cancel_delayed_work_sync(&server_work);
}

/* One more expansion, so that the fields become GUID_INIT's arguments. */
#define SERVER_GUID(fields...)	GUID_INIT(fields)

static const guid_t server_type = SERVER_GUID(VMB_TEMPLATE_GUID_FIELDS);
/* There is one of them, so any will do. */
static const guid_t server_instance = GUID_INIT(0x84c0b7e9, 0x2d5f, 0x4163,
						0xa8, 0x1e, 0x57, 0x3b, 0xf2,
						0x9a, 0x0c, 0xd6);

static int server_configure(struct vmb_channel *channel)
{
	struct vmb_channel_state_change_callbacks callbacks;
	int ret;

	ret = vmb_server_channel_init_set_flags(channel,
						VMB_SERVER_CHANNEL_INIT_FLAG_LOOPBACK_OFFER);
	if (ret)
		return ret;
	ret = vmb_server_channel_init_set_target_interface_id(channel, &server_type,
							      &server_instance);
	if (ret)
		return ret;
	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.closed = server_closed;
	ret = vmb_channel_init_set_state_change_callbacks(channel, &callbacks);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_process_packet_callbacks(channel, NULL,
							    server_packet, NULL);
	if (ret)
		return ret;
	ret = vmb_channel_init_set_inline_packet_context_size(channel, sizeof(u64));
	if (ret)
		return ret;
	return vmb_channel_init_set_maximum_packet_size(channel,
							VMB_TEMPLATE_MAXIMUM_PACKET_SIZE);
}

static int __init server_init(void)
{
	int ret;

	ret = vmb_channel_allocate(NULL, true, &server_channel);
	if (ret)
		return ret;
	ret = server_configure(server_channel);
	if (ret)
		goto cleanup_channel;
	ret = vmb_channel_enable(server_channel);
	if (ret)
		goto cleanup_channel;
	/* A server comes up paused. */
	ret = vmb_channel_start(server_channel);
	if (ret)
		goto disable_channel;
	return 0;

disable_channel:
	vmb_channel_disable(server_channel);
cleanup_channel:
	vmb_channel_cleanup(server_channel);
	return ret;
}
module_init(server_init);

static void __exit server_exit(void)
{
	/* Returns when the client has gone and closed has returned. */
	vmb_channel_disable(server_channel);
	vmb_channel_cleanup(server_channel);
}
module_exit(server_exit);

MODULE_DESCRIPTION("Server of vmb_template devices, on loopback");
MODULE_LICENSE("GPL");
