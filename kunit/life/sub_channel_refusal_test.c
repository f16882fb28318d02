// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-channels, over loopback: what is refused, and what is nobody's right order.
 */
#include <kunit/test.h>

#include "../fixtures/sub_channel_fixture.h"

static void test_who_qualifies(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *sub = loopback_end_make(test, false);
	struct loopback_end *other = loopback_end_make(test, false);

	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   sub->channel, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   server->channel, 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 1), 0);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(sub->channel,
								   client->channel, 1),
			-EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(other->channel,
								   sub->channel, 1),
			-EINVAL);
	/* One that has sub-channels. */
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(client->channel,
								   other->channel, 1),
			-EINVAL);
	loopback_enable(client);
	KUNIT_EXPECT_EQ(test, vmb_channel_init_set_primary_channel(client->channel,
								   other->channel, 1),
			-EBUSY);
}

static void test_needs_an_open_primary(struct kunit *test)
{
	struct loopback_end *server = loopback_server(test, &loopback_type, &loopback_instances[0]);
	struct loopback_end *client = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *sub = family_sub_channel(client, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
	/* It waits for an offer. */
	loopback_enable(client);
	loopback_settle(client);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
	loopback_enable(server);
	loopback_expect(client, LOOPBACK_STARTED, 1);
	family_enable(sub);
	loopback_disable(client);
	loopback_expect_disabled(sub);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(sub->channel), -ENOTCONN);
}

static void test_one_of_each_index(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 1);
	struct loopback_end *client = family_sub_channel(family->client, 1);
	struct loopback_end *server = family_sub_channel(family->server, 1);

	KUNIT_EXPECT_EQ(test, vmb_channel_enable(client->channel), -EEXIST);
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(server->channel), -EEXIST);
	family_expect_flow_both_ways(family, 0);
}

/* What the callback of a sub-channel hears. */
static int disable_result;

static int opened_disables(struct vmb_channel *channel, void *context)
{
	WRITE_ONCE(disable_result, vmb_channel_disable(context));
	return 0;
}

/* The opened of sub-channel 1 disables that other channel, and is refused. */
static void expect_deadlock(struct family *family, struct vmb_channel *other)
{
	struct vmb_channel_state_change_callbacks callbacks;
	struct kunit *test = family->client->test;

	vmb_channel_state_change_callbacks_init(&callbacks);
	callbacks.callback_context = other;
	callbacks.opened = opened_disables;
	KUNIT_ASSERT_EQ(test,
			vmb_channel_init_set_state_change_callbacks(family->clients[0]->channel,
								    &callbacks), 0);
	WRITE_ONCE(disable_result, 0);
	family_enable(family->clients[0]);
	family_enable(family->servers[0]);
	loopback_expect(family->servers[0], LOOPBACK_STARTED, 1);
	family_expect_flow(family->servers[0], family->clients[0]);
	KUNIT_EXPECT_EQ(test, READ_ONCE(disable_result), -EDEADLK);
}

static void test_disable_from_within(struct kunit *test)
{
	struct family *family = family_make(test, 1);

	expect_deadlock(family, family->client->channel);
}

/* It could do the same at the same time. */
static void test_disable_a_sibling(struct kunit *test)
{
	struct family *family = family_make(test, 2);

	family_open(family, 1);
	expect_deadlock(family, family->clients[1]->channel);
	family_expect_flow_both_ways(family, 1);
}

/*
 * The server's primary has closed, come back and been taken by another client,
 * before the first client's worker has seen that it is to close. A sub-channel of
 * that one waits, and the offer of one appears, under the GUIDs that it knows.
 */
static void test_no_stranger_is_joined(struct kunit *test)
{
	const guid_t *instance = &loopback_instances[0];
	struct loopback_end *server = loopback_server(test, &loopback_type, instance);
	struct loopback_end *first = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *second = loopback_client(test, &loopback_type, NULL);
	struct loopback_end *theirs = family_sub_channel(server, 1);
	struct loopback_end *waiting = family_sub_channel(first, 1);
	struct loopback_end *ours = family_sub_channel(second, 1);

	first->hold_started = true;
	loopback_enable(server);
	loopback_enable(first);
	loopback_expect(first, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 1);
	family_enable(waiting);
	loopback_settle(waiting);

	loopback_disable(server);
	loopback_enable(second);
	loopback_enable(server);
	loopback_expect(second, LOOPBACK_STARTED, 1);
	loopback_expect(server, LOOPBACK_STARTED, 2);
	family_enable(theirs);
	loopback_settle(theirs);
	loopback_settle(waiting);
	KUNIT_EXPECT_EQ(test, loopback_happened(waiting, LOOPBACK_OPENED), 0);
	KUNIT_EXPECT_EQ(test, loopback_happened(theirs, LOOPBACK_OPENED), 0);

	/* It is there for whom it was offered to. */
	family_enable(ours);
	loopback_expect(ours, LOOPBACK_STARTED, 1);
	loopback_expect(theirs, LOOPBACK_STARTED, 1);
	family_expect_flow(ours, theirs);
	complete_all(&first->go_on);
	loopback_expect_disabled(first);
	loopback_expect_disabled(waiting);
	KUNIT_EXPECT_EQ(test, loopback_happened(waiting, LOOPBACK_OPENED), 0);
	family_expect_flow(theirs, ours);
}

/* With a warning; and the sub-channel is an ordinary channel from then on. */
static void test_cleaned_up_in_the_wrong_order(struct kunit *test)
{
	struct family *family = family_make_and_open(test, 1);

	loopback_disable(family->client);
	loopback_clean_up(family->client);
	KUNIT_EXPECT_NULL(test, vmb_channel_primary(family->clients[0]->channel));
	/* It was told of no target. */
	KUNIT_EXPECT_EQ(test, vmb_channel_enable(family->clients[0]->channel), -EINVAL);
}

static struct kunit_case sub_channel_refusal_cases[] = {
	KUNIT_CASE(test_who_qualifies),
	KUNIT_CASE(test_needs_an_open_primary),
	KUNIT_CASE(test_one_of_each_index),
	KUNIT_CASE(test_disable_from_within),
	KUNIT_CASE(test_disable_a_sibling),
	KUNIT_CASE(test_no_stranger_is_joined),
	KUNIT_CASE(test_cleaned_up_in_the_wrong_order),
	{}
};

static struct kunit_suite sub_channel_refusal_suite = {
	.name = "vmbkmcl_sub_channel_refusal",
	.init = loopback_fixture_init,
	.exit = loopback_fixture_exit,
	.test_cases = sub_channel_refusal_cases,
};

kunit_test_suite(sub_channel_refusal_suite);
