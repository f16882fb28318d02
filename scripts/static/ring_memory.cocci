// SPDX-License-Identifier: GPL-2.0
/// The peer writes a ring while it is read. So its control page is touched by accesses that
/// are marked, and by nobody but the files of the ring; and its data by nobody but the
/// functions of ring_memory.h.
///
/// check-static.sh says by -D which rule is asked, and which files it is not for.

virtual report
virtual marked
virtual control_page
virtual ring_data

@once depends on marked@
struct vmb_wire_ring_control *page;
expression value;
identifier member;
position p;
@@
(
READ_ONCE(page->member@p)
|
WRITE_ONCE(page->member@p, value)
|
virt_load_acquire(&page->member@p)
|
virt_store_release(&page->member@p, value)
)

@plain depends on marked@
struct vmb_wire_ring_control *page;
identifier member;
position p != once.p;
@@
page->member@p

@script:python depends on report@
p << plain.p;
@@
coccilib.report.print_report(p[0], "a ring's control page is touched by a plain access")

@elsewhere depends on control_page@
struct vmb_wire_ring_control *page;
identifier member;
position p;
@@
page->member@p

@script:python depends on report@
p << elsewhere.p;
@@
coccilib.report.print_report(p[0], "a ring's control page is for ring.h")

// Where the data are is said once, by who has the memory.

@set depends on ring_data@
struct vmb_ring ring;
expression memory;
position p;
@@
ring.data@p = memory

@direct depends on ring_data@
struct vmb_ring ring;
position p != set.p;
@@
ring.data@p

@script:python depends on report@
p << direct.p;
@@
coccilib.report.print_report(p[0], "a ring's data are for ring_memory.h")
