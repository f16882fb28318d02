// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a server offers with its channel. Both ends may touch it, and either of
 * them may go first: so each has a reference.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "observe.h"
#include "loopback.h"

static struct vmb_loopback_mmio *vmb_loopback_mmio_make(u32 megabytes)
{
	struct vmb_loopback_mmio *mmio;

	mmio = kzalloc(sizeof(*mmio), GFP_KERNEL);
	if (!mmio)
		return NULL;
	refcount_set(&mmio->references, 1);
	mmio->size = megabytes * SZ_1M;
	mmio->memory = alloc_pages_exact(mmio->size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (mmio->memory)
		return mmio;
	kfree(mmio);
	return NULL;
}

/* What a server that is being enabled offers; NULL: nothing; or an ERR_PTR of -ENOMEM. */
struct vmb_loopback_mmio *vmb_loopback_mmio_of(const struct vmb_channel *server)
{
	u32 least = server->mmio_megabytes;
	struct vmb_loopback_mmio *mmio = NULL;

	/* A sub-channel shows its primary's. */
	if (vmb_channel_primary(server))
		return NULL;
	if (server->mmio_megabytes_optional)
		mmio = vmb_loopback_mmio_make(least + server->mmio_megabytes_optional);
	if (!mmio && least) {
		mmio = vmb_loopback_mmio_make(least);
		if (!mmio)
			return ERR_PTR(-ENOMEM);
	}
	return mmio;
}

struct vmb_loopback_mmio *vmb_loopback_mmio_share(struct vmb_loopback_mmio *mmio)
{
	if (mmio)
		refcount_inc(&mmio->references);
	return mmio;
}

/* Process context. */
void vmb_loopback_mmio_put(struct vmb_loopback_mmio *mmio)
{
	if (!mmio || !refcount_dec_and_test(&mmio->references))
		return;
	free_pages_exact(mmio->memory, mmio->size);
	kfree(mmio);
}

/* Where it is. */
int vmb_loopback_mmio_describe(const struct vmb_loopback_mmio *mmio, u64 *address,
			       u64 *size)
{
	if (!mmio)
		return -ENOENT;
	*address = virt_to_phys(mmio->memory);
	*size = mmio->size;
	return 0;
}
