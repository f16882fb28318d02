/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists, which check their links as CONFIG_DEBUG_LIST does, and the counted
 * objects of the driver core, as far as a channel uses them.
 */
#ifndef VMB_FUZZ_OBJECTS_H
#define VMB_FUZZ_OBJECTS_H

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

#define LIST_HEAD(name)		struct list_head name = { &(name), &(name) }
#define LIST_POISON		((struct list_head *)0x100)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_empty_careful(head)	list_empty(head)

static inline void kernel_list_insert(struct list_head *entry,
				      struct list_head *before,
				      struct list_head *after)
{
	kernel_assert(before->next == after && after->prev == before &&
		      entry != before && entry != after, __FILE__, __LINE__,
		      "the list is whole, and the entry not in it");
	entry->next = after;
	entry->prev = before;
	before->next = entry;
	after->prev = entry;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	kernel_list_insert(entry, head, head->next);
}

static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	kernel_list_insert(entry, head->prev, head);
}

static inline void list_del(struct list_head *entry)
{
	kernel_assert(entry->next != LIST_POISON && entry->next->prev == entry &&
		      entry->prev->next == entry, __FILE__, __LINE__,
		      "the entry is in a list that is whole");
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = LIST_POISON;
	entry->prev = LIST_POISON;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}

/* From the front up to @last; that is never the head itself. */
static inline void list_cut_position(struct list_head *cut, struct list_head *from,
				     struct list_head *last)
{
	cut->next = from->next;
	cut->next->prev = cut;
	cut->prev = last;
	from->next = last->next;
	from->next->prev = from;
	last->next = cut;
}

/* The head that was emptied is not used again. */
static inline void list_splice(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	from->next->prev = to;
	to->next = from->next;
}

static inline void list_splice_tail_init(struct list_head *from,
					 struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	INIT_LIST_HEAD(from);
}

/* To an empty list it is the same. */
#define list_splice_tail(from, to)	list_splice_tail_init(from, to)
#define list_splice_init(from, to)	list_splice_tail_init(from, to)

#define list_entry(link, type, member)	container_of(link, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(entry, member) \
	list_entry((entry)->member.next, typeof(*(entry)), member)
#define list_for_each_entry(entry, head, member)				\
	for ((entry) = list_first_entry(head, typeof(*(entry)), member);	\
	     &(entry)->member != (head);					\
	     (entry) = list_next_entry(entry, member))
#define list_for_each_entry_safe(entry, following, head, member)		\
	for ((entry) = list_first_entry(head, typeof(*(entry)), member),	\
	     (following) = list_next_entry(entry, member);			\
	     &(entry)->member != (head);					\
	     (entry) = (following), (following) = list_next_entry(following, member))

struct kref {
	int count;
};

static inline void kref_init(struct kref *kref)
{
	kref->count = 1;
}

static inline void kref_get(struct kref *kref)
{
	kernel_assert(kref->count > 0, __FILE__, __LINE__, "there is a reference");
	kref->count++;
}

static inline bool kref_put(struct kref *kref, void (*release)(struct kref *kref))
{
	kernel_assert(kref->count > 0, __FILE__, __LINE__, "there is a reference");
	if (--kref->count)
		return false;
	release(kref);
	return true;
}

struct attribute_group;
struct sysfs_ops {
	int none;
};

struct kobject {
	struct kref kref;
	const struct kobj_type *type;
};

struct kobj_type {
	void (*release)(struct kobject *kobject);
	const struct sysfs_ops *sysfs_ops;
	const struct attribute_group **default_groups;
};

static inline void kobject_release(struct kref *kref)
{
	struct kobject *kobject = container_of(kref, struct kobject, kref);

	kobject->type->release(kobject);
}

static inline void kobject_init(struct kobject *kobject,
				const struct kobj_type *type)
{
	kref_init(&kobject->kref);
	kobject->type = type;
}

/* memory.c: is this the one that is to fail? */
bool kernel_allocation_fails(void);

/* It has a name, and a directory. */
static inline int kobject_add(struct kobject *kobject, struct kobject *parent,
			      const char *format, ...)
{
	return kernel_allocation_fails() ? -ENOMEM : 0;
}

static inline void kobject_del(struct kobject *kobject)
{
}

static inline struct kobject *kobject_get(struct kobject *kobject)
{
	kref_get(&kobject->kref);
	return kobject;
}

static inline void kobject_put(struct kobject *kobject)
{
	kref_put(&kobject->kref, kobject_release);
}

/* compat.h asks for the types of these two. */
struct kobj_uevent_env;
struct device_driver {
	struct module *owner;
};
#define __module_get(module)	((void)(module))
struct device;
struct bus_type {
	int (*uevent)(const struct device *device, struct kobj_uevent_env *environment);
	int (*match)(struct device *device, const struct device_driver *driver);
};

struct device {
	struct kobject kobj;
	const struct bus_type *bus;
	const char *name;
	struct device_driver *driver;
	void *driver_data;
	int references;
};

static inline struct device *get_device(struct device *device)
{
	device->references++;
	return device;
}

static inline void put_device(struct device *device)
{
	kernel_assert(device->references > 0, __FILE__, __LINE__,
		      "there is a reference");
	device->references--;
}

#define dev_name(device)	((device)->name)

static inline void dev_set_drvdata(struct device *device, void *data)
{
	device->driver_data = data;
}

static inline void *dev_get_drvdata(const struct device *device)
{
	return device->driver_data;
}

typedef struct {
	u8 bytes[16];
} guid_t;

static inline void guid_copy(guid_t *to, const guid_t *from)
{
	*to = *from;
}

static inline bool guid_equal(const guid_t *one, const guid_t *other)
{
	return !memcmp(one, other, sizeof(*one));
}

static inline void import_guid(guid_t *to, const u8 *from)
{
	memcpy(to, from, sizeof(*to));
}

static inline void export_guid(u8 *to, const guid_t *from)
{
	memcpy(to, from, sizeof(*from));
}

static inline bool guid_is_null(const guid_t *guid)
{
	return guid_equal(guid, &(guid_t) {});
}

struct rcu_head {
	bool unused;
};

struct dentry;
struct hv_vmbus_device_id;
struct bus_type;

#endif
