// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's log, randomness, and the end of the road. */
#define pr_fmt(fmt) "nestvisor: " fmt
#include <linux/bug.h>
#include <linux/kernel.h>
#include <port/port.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/ratelimit.h>

void nest_port_info(const char *format, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, format);
	vaf.fmt = format;
	vaf.va = &args;
	pr_info("%pV\n", &vaf);
	va_end(args);
}

void nest_port_debug(const char *format, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 10);
	struct va_format vaf;
	va_list args;

	if (!__ratelimit(&limit))
		return;
	va_start(args, format);
	vaf.fmt = format;
	vaf.va = &args;
	pr_info("%pV\n", &vaf);
	va_end(args);
}

void nest_port_panic(uint64_t slot, uint64_t esr, uint64_t elr, uint64_t far)
{
	panic("nestvisor: exception at EL2 in a guest's context: vector %llu, ESR 0x%llx, ELR %pS, FAR 0x%llx", slot, esr,
	      (void *)elr, far);
}

void nest_port_serror_panic(uint64_t syndrome)
{
	panic("nestvisor: uncontained SError while a guest ran: syndrome 0x%llx", syndrome);
}

void nest_port_bug(const char *file, int line, const char *what)
{
	pr_emerg("broken invariant at %s:%d: %s\n", file, line, what);
	BUG();
}

void nest_port_random(void *to, size_t bytes)
{
	get_random_bytes(to, bytes);
}
