// SPDX-License-Identifier: GPL-2.0
/*
 * Two things that QEMU's emulation of SVM does wrong with the interrupts of a guest
 * in a guest, put right. To be preloaded into the QEMU that emulates the machine in
 * the middle; build-host-device.sh --nested compiles it for that QEMU.
 *
 * The vector of an interrupt that VMRUN injects stays in exception_index, although it
 * has been delivered. If another thread of QEMU wants the processor's attention before
 * the guest exits, the loop takes it for an exception that is still to be delivered:
 * the guest gets its interrupt again, wherever it is by then, with interrupts off as
 * well. It then waits for ever for a lock that it holds itself.
 *
 * And VMRUN does not load the interrupt shadow: what should come after the instruction
 * behind STI comes before it. If that is HLT, the processor sleeps although the
 * interrupt has given it something to do.
 *
 * Environment: VMB_KICKS: so many microseconds after each other something wants the
 * processor's attention. Without what is done here no guest boots then, so kselftest.sh
 * has a guest live with it.
 */
#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/notify.h"
#include "cpu.h"
#if __has_include("accel/tcg/cpu-ops.h")
#include "accel/tcg/cpu-ops.h"
#include "system/system.h"
#else
#include "hw/core/tcg-cpu-ops.h"
#include "sysemu/sysemu.h"
#endif
#include "target/i386/svm.h"

/* What only VMRUN leaves as the next instruction. */
#define INJECTED	((target_ulong)~0)

/* The processor's operations as QEMU has them, and those that it is given. */
static const struct TCGCPUOps *stock;
static struct TCGCPUOps mended;
static unsigned long repeated, shadows;
static QemuThread kicker;

static uint32_t control(CPUState *cs, size_t offset)
{
	return x86_ldl_phys(cs, X86_CPU(cs)->env.vm_vmcb + offset);
}

static bool in_guest(CPUState *cs)
{
	return X86_CPU(cs)->env.hflags & HF_GUEST_MASK;
}

/*
 * An exception that it injects comes here as well, but that event is valid until it has
 * been delivered.
 */
static bool was_delivered_by_vmrun(CPUState *cs)
{
	CPUX86State *env = &X86_CPU(cs)->env;

	return cs->exception_index != EXCP_VMEXIT && !env->exception_is_int &&
	       env->exception_next_eip == INJECTED &&
	       !(control(cs, offsetof(struct vmcb, control.event_inj)) & SVM_EVTINJ_VALID);
}

static void do_interrupt(CPUState *cs)
{
	if (in_guest(cs) && was_delivered_by_vmrun(cs)) {
		repeated++;
		return;
	}
	stock->do_interrupt(cs);
}

/* The guest is still where VMRUN let it begin. */
static bool is_in_shadow(CPUState *cs)
{
	CPUX86State *env = &X86_CPU(cs)->env;
	hwaddr vmcb = env->vm_vmcb;

	return (control(cs, offsetof(struct vmcb, control.int_state)) &
		SVM_INTERRUPT_SHADOW_MASK) &&
	       x86_ldq_phys(cs, vmcb + offsetof(struct vmcb, save.rip)) == env->eip &&
	       !(env->hflags & HF_INHIBIT_IRQ_MASK);
}

static bool exec_interrupt(CPUState *cs, int request)
{
	CPUX86State *env = &X86_CPU(cs)->env;

	if (in_guest(cs) && is_in_shadow(cs)) {
		shadows++;
		env->hflags |= HF_INHIBIT_IRQ_MASK;
		x86_stl_phys(cs, env->vm_vmcb + offsetof(struct vmcb, control.int_state), 0);
	}
	return stock->cpu_exec_interrupt(cs, request);
}

static void do_nothing(CPUState *cs, run_on_cpu_data data)
{
}

static void *kick(void *data)
{
	unsigned long microseconds = strtoul(data, NULL, 10);

	while (microseconds > 0) {
		g_usleep(microseconds);
		async_run_on_cpu(first_cpu, do_nothing, RUN_ON_CPU_NULL);
	}
	return NULL;
}

static void take_over(Notifier *notifier, void *data)
{
	CPUClass *class = CPU_GET_CLASS(first_cpu);
	CPUX86State *env = &X86_CPU(first_cpu)->env;
	char *kicks = getenv("VMB_KICKS");

	/* Where the fields are depends on what QEMU was configured with. */
	if (first_cpu->exception_index != -1 ||
	    !(env->features[FEAT_8000_0001_ECX] & CPUID_EXT3_SVM)) {
		fprintf(stderr, "nested_interrupts: not compiled for this QEMU\n");
		exit(1);
	}
	stock = class->tcg_ops;
	mended = *stock;
	mended.do_interrupt = do_interrupt;
	mended.cpu_exec_interrupt = exec_interrupt;
	class->tcg_ops = &mended;
	if (kicks)
		qemu_thread_create(&kicker, "kick", kick, kicks, QEMU_THREAD_DETACHED);
}

static void tell(Notifier *notifier, void *data)
{
	fprintf(stderr, "nested_interrupts: %lu were not delivered again, %lu shadows\n",
		repeated, shadows);
}

static void begin(void)
{
	static Notifier machine_done = { .notify = take_over }, ends = { .notify = tell };

	qemu_add_machine_init_done_notifier(&machine_done);
	qemu_add_exit_notifier(&ends);
}
type_init(begin)
