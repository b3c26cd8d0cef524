// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples of guests: perf asks whether the interrupt that takes a sample has interrupted a guest, and where.
 *
 * The interrupt ends the guest's stay, and its handler runs when the vCPU's thread turns interrupts on for that
 * (nest_port_guest_exit_time()). So an interrupt that comes in that window has interrupted a guest, and none other has: no flag has to be
 * set at each exit.
 */
#include <asm/irq_regs.h>
#include <linux/glue.h>
#include <linux/perf_event.h>

#ifdef CONFIG_GUEST_PERF_EVENTS

/* Interrupts off, as perf asks from a handler, or NMI; regs are NULL outside of handlers. */
static bool interrupted_guest(uint64_t *pc, bool *user)
{
	struct pt_regs *regs = get_irq_regs();

	return regs && nest_in_guest_exit_window(instruction_pointer(regs)) && nest_interrupted_guest(pc, user);
}

static unsigned int guest_state(void)
{
	uint64_t pc;
	bool user;

	if (!interrupted_guest(&pc, &user))
		return 0;
	return PERF_GUEST_ACTIVE | (user ? PERF_GUEST_USER : 0);
}

static unsigned long guest_ip(void)
{
	uint64_t pc;
	bool user;

	return interrupted_guest(&pc, &user) ? pc : 0;
}

static struct perf_guest_info_callbacks callbacks = {
	.state = guest_state,
	.get_ip = guest_ip,
};

/* Of the kernel's own KVM, which would have registered its own, nothing is active. */
void nest_perf_init(void)
{
	perf_register_guest_info_callbacks(&callbacks);
}

/* Returns when no sample asks any more. */
void nest_perf_exit(void)
{
	perf_unregister_guest_info_callbacks(&callbacks);
}

#else

void nest_perf_init(void) {}
void nest_perf_exit(void) {}

#endif
