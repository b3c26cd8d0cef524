/* SPDX-License-Identifier: GPL-2.0-only */
/* Every difference between kernels that the glue knows of, and nowhere else. linux/probe/ asks which of them this kernel has. */
#ifndef NEST_COMPAT_H
#define NEST_COMPAT_H

#include <asm/neon.h>
#include <linux/hrtimer.h>
#include <linux/host_probed.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>
#include <linux/version.h>
#ifdef NEST_HAVE_ENTRY_VIRT
#include <linux/entry-virt.h>
#else
#include <linux/entry-kvm.h>
#endif

/* follow_pfnmap_start() came with 6.12; before 6.8 kernel-mode FP/SIMD does not survive preemption. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "Nestvisor needs Linux 6.12"
#endif

/* The flag came with 6.9, and with it the devices that are mapped Normal, not cacheable. */
#ifdef VM_ALLOW_ANY_UNCACHED
#define NEST_VM_ALLOW_ANY_UNCACHED VM_ALLOW_ANY_UNCACHED
#else
#define NEST_VM_ALLOW_ANY_UNCACHED VM_NONE
#endif

static inline void nest_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *))
{
#ifdef NEST_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	timer->function = function;
#endif
}

/* CLOCK_REALTIME and the counter that it was read from. */
static inline ktime_t nest_clock_snapshot(struct system_time_snapshot *snapshot)
{
#ifdef NEST_HAVE_CLOCK_SNAPSHOT_ID
	ktime_get_snapshot_id(CLOCK_REALTIME, snapshot);
	return snapshot->systime;
#else
	ktime_get_snapshot(snapshot);
	return snapshot->real;
#endif
}

/* What MMU notifiers answer. */
#ifdef NEST_HAVE_NOTIFIER_BOOL
typedef bool nest_young_t;
#else
typedef int nest_young_t;
#endif

/* `room`: where the kernel keeps the registers while the thread is preempted; older kernels have room of their own. */
static inline void nest_neon_begin(struct user_fpsimd_state *room)
{
#ifdef NEST_HAVE_NEON_BUFFER
	kernel_neon_begin(room);
#else
	kernel_neon_begin();
#endif
}

static inline void nest_neon_end(struct user_fpsimd_state *room)
{
#ifdef NEST_HAVE_NEON_BUFFER
	kernel_neon_end(room);
#else
	kernel_neon_end();
#endif
}

struct kvm_vcpu;

/* The work that is due before the thread enters a guest. `stand_in`: where older kernels write KVM_EXIT_INTR to. */
static inline int nest_work_before_guest(struct kvm_vcpu *stand_in)
{
#ifdef NEST_HAVE_ENTRY_VIRT
	return xfer_to_guest_mode_handle_work();
#else
	return xfer_to_guest_mode_handle_work(stand_in);
#endif
}

#endif
