// SPDX-License-Identifier: GPL-2.0
/*
 * The storage device's server as a module.
 */
#include <linux/module.h>

#include "storage.h"

/* Room for all requests of a client's load, 8 KiB each. */
static const struct storage_server_settings storage_settings = {
	.sectors = STORAGE_REQUESTS * 16,
	.newest_version = STORAGE_VERSION(6, 0),
};

static struct storage_server *storage_server;

static int __init storage_server_init(void)
{
	NTSTATUS status = storage_server_create(&storage_settings, &storage_server);

	if (NT_SUCCESS(status))
		return 0;
	return status == STATUS_INSUFFICIENT_RESOURCES ? -ENOMEM : -EBUSY;
}
module_init(storage_server_init);

static void __exit storage_server_exit(void)
{
	storage_server_destroy(storage_server);
}
module_exit(storage_server_exit);

MODULE_DESCRIPTION("Server of vmbkmcl's storage device: a disk in memory");
MODULE_VERSION(VMB_VERSION);
MODULE_LICENSE("GPL");
