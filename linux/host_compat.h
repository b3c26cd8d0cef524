/* SPDX-License-Identifier: GPL-2.0-only */
/* Every difference between kernels that the glue knows of, and nowhere else. linux/probe/ asks which of them this kernel has. */
#ifndef NEST_COMPAT_H
#define NEST_COMPAT_H

#include <asm/neon.h>
#include <linux/hrtimer.h>
#include <linux/host_probed.h>
#include <linux/mm.h>
#include <linux/eventfd.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#ifdef NEST_HAVE_ENTRY_VIRT
#include <linux/entry-virt.h>
#else
#include <linux/entry-kvm.h>
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

#ifdef NEST_HAVE_NEON_PREEMPTION
#define NEST_FPSIMD_SURVIVES_PREEMPTION true
#else
#define NEST_FPSIMD_SURVIVES_PREEMPTION false
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

static inline void nest_eventfd_signal(struct eventfd_ctx *eventfd)
{
#ifdef NEST_HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(eventfd);
#else
	eventfd_signal(eventfd, 1);
#endif
}

/* Until the block's end the probes of tracepoints stay. Preemption off, which is enough for older kernels. */
#ifdef NEST_HAVE_TRACEPOINT_SRCU_FAST
#define NEST_TRACEPOINT_READER() guard(srcu_fast_notrace)(&tracepoint_srcu)
#else
#define NEST_TRACEPOINT_READER() lockdep_assert_preemption_disabled()
#endif

/* NUMA balancing is told of a page's use on demand; older kernels always tell. */
#ifdef NEST_HAVE_FOLL_HONOR_NUMA_FAULT
#define NEST_FOLL_HONOR_NUMA_FAULT FOLL_HONOR_NUMA_FAULT
#else
#define NEST_FOLL_HONOR_NUMA_FAULT 0
#endif

/* Came with ACPI 6.5: a CPU that firmware may bring later. */
#ifndef ACPI_MADT_GICC_ONLINE_CAPABLE
#define ACPI_MADT_GICC_ONLINE_CAPABLE (1 << 3)
#endif

/* One entry of a page table that maps no struct page, looked at between start and end. The mmap lock held for reading. */
struct nest_pfnmap {
	unsigned long pfn;
	pgprot_t prot;
	bool writable;
#ifdef NEST_HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args;
#else
	pte_t *pte;
	spinlock_t *lock;
#endif
};

static inline int nest_pfnmap_start(struct nest_pfnmap *map, struct vm_area_struct *vma, unsigned long address)
{
	int ret;
#ifdef NEST_HAVE_FOLLOW_PFNMAP
	map->args = (struct follow_pfnmap_args){ .vma = vma, .address = address };
	ret = follow_pfnmap_start(&map->args);
	if (ret)
		return ret;
	map->pfn = map->args.pfn;
	map->prot = map->args.pgprot;
	map->writable = map->args.writable;
#else
	pte_t pte;

	ret = follow_pte(vma->vm_mm, address, &map->pte, &map->lock);
	if (ret)
		return ret;
	pte = READ_ONCE(*map->pte);
	map->pfn = pte_pfn(pte);
	map->prot = pte_pgprot(pte);
	map->writable = pte_write(pte);
#endif
	return 0;
}

static inline void nest_pfnmap_end(struct nest_pfnmap *map)
{
#ifdef NEST_HAVE_FOLLOW_PFNMAP
	follow_pfnmap_end(&map->args);
#else
	pte_unmap_unlock(map->pte, map->lock);
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
