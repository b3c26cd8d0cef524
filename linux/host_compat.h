/* SPDX-License-Identifier: GPL-2.0-only */
/* Every difference between kernel versions that the glue knows of, and nowhere else. */
#ifndef NEST_COMPAT_H
#define NEST_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/version.h>

/* follow_pfnmap_start() came with 6.12; before 6.8 kernel-mode FP/SIMD does not survive preemption. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "Nestvisor needs Linux 6.12"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#error "Nestvisor does not build for Linux 7 yet; it needs 6.12"
#endif

/* The flag came with 6.9, and with it the devices that are mapped Normal, not cacheable. */
#ifdef VM_ALLOW_ANY_UNCACHED
#define NEST_VM_ALLOW_ANY_UNCACHED VM_ALLOW_ANY_UNCACHED
#else
#define NEST_VM_ALLOW_ANY_UNCACHED VM_NONE
#endif

/* hrtimer_setup() came with 6.13 and is exported later; hrtimer_init() went away in 6.15. */
static inline void nest_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer->function = function;
#endif
}

#endif
