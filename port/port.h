/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core asks of its operating system: plain C, no Linux type. linux/ implements it in the module,
 * tests/fake/port.cpp on the host. Sizes are in bytes, addresses in the space their name says, times in nanoseconds.
 * "atomic": may be called with interrupts off and spinlocks held. All other functions may sleep. "atomic but on RT": as atomic,
 * except on a PREEMPT_RT kernel, where no caller may have interrupts or preemption off or hold a raw spinlock.
 */
#ifndef NEST_PORT_H
#define NEST_PORT_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The glue's side of a VM, a vCPU, an irqfd: only their addresses cross the boundary. */
struct nest_host_vm;
struct nest_host_vcpu;
struct nest_host_irqfd;
struct nest_eventfd;

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Zeroed memory of any size, charged to the caller's cgroup; NULL when there is none. */
void *nest_port_alloc(size_t bytes);
void nest_port_free(void *memory);

/*
 * One zeroed run of 2^order times 4 KiB of the linear map, whatever the host's page size, aligned to its size. `atomic`:
 * atomic but on RT, may fail sooner.
 */
void *nest_port_pages_alloc(unsigned order, bool atomic);
void nest_port_pages_free(void *pages, unsigned order); /* atomic but on RT */
/* log2 of the host's page size, which is that of the VMM's page table: 12, 14 or 16. Atomic. */
unsigned nest_port_page_shift(void);
/* One zeroed page of the host's size, which the VMM may map. The VMM's mappings may outlive nest_port_user_page_free(). */
void *nest_port_user_page_alloc(void);
void nest_port_user_page_free(void *page);
uint64_t nest_port_va_to_pa(const void *linear);         /* atomic; linear-map addresses only */
void *nest_port_pa_to_va(uint64_t pa);                   /* atomic; RAM only */

/* 0, or the number of bytes that could not be copied. Context: the VMM's, may fault. */
size_t nest_port_copy_from_user(void *to, uint64_t from, size_t bytes);
size_t nest_port_copy_to_user(uint64_t to, const void *from, size_t bytes);
/* True when [address, address + bytes) lies in the caller's user half. */
bool nest_port_user_range_ok(uint64_t address, uint64_t bytes);
/* True when the caller has mapped page frames without struct page (a device's, mostly) anywhere in the range. */
bool nest_port_user_range_has_pfnmap(uint64_t address, uint64_t bytes);

/* A page of the VMM that backs guest memory, referenced until released. */
struct nest_host_page {
	uint64_t pa;          /* of the 4 KiB at hva, wherever they lie in the host's page */
	unsigned block_shift; /* log2 of the naturally aligned block around pa that the VMM's own page table maps as a unit; at
	                       * least the host's page: 12, 21, 30 with 4 KiB pages, 14, 25 or 16, 29 with larger ones */
	bool writable;
	bool device;          /* not RAM: a PFN mapping */
	bool cacheable;       /* for device: the VMM maps it Normal */
	bool any_uncached;    /* for device: its driver says that no access without caches harms it */
	void *page;           /* the glue's; NULL when there is no reference to give back */
};
/*
 * Tells the calling thread by SIGBUS (BUS_MCEERR_AR) that the page at `hva` is poisoned, as if the thread had touched it.
 * False: no signal comes through, as the thread blocks or ignores it.
 */
bool nest_port_poison_signal(struct nest_host_vm *vm, uint64_t hva);
/*
 * Brings in and references the page at `hva`. Errors: -EFAULT no or wrong mapping, -EHWPOISON a poisoned page,
 * -EINTR a signal, -EAGAIN try again, -ENOMEM. Context: the vCPU's own thread, whose mm is the VM's.
 */
int nest_port_page_get(struct nest_host_vm *vm, uint64_t hva, bool write, struct nest_host_page *out);
/* Atomic but on RT. `dirty`: the page was mapped writable, or written. */
void nest_port_page_release(const struct nest_host_page *page, bool dirty);
/* The VMM's mapping size around hva as vma_kernel_pagesize says it (hugetlb), for memslot geometry; 12 if unknown. */
unsigned nest_port_vma_page_shift(struct nest_host_vm *vm, uint64_t hva);

/* ---- locks: opaque storage, its size proved by linux/locks.c ---------------------------------------------------- */

/* What a lock guards. Lockdep, and the tests' own checker, know locks by it: one order holds for all locks of a class. */
enum nest_lock_class {
#define NEST_LOCK_CLASS(enumerator, name) NEST_LOCK_##enumerator,
#include <port/lock_classes.def>
#undef NEST_LOCK_CLASS
	NEST_LOCK_CLASSES
};

struct nest_spinlock     { uint64_t storage[12]; };
struct nest_raw_spinlock { uint64_t storage[12]; };
struct nest_mutex        { uint64_t storage[24]; };
struct nest_rwsem        { uint64_t storage[28]; };

void nest_port_spin_init(struct nest_spinlock *lock, enum nest_lock_class kind);
/*
 * A lock that is held for long, or while memory is allocated and freed. On PREEMPT_RT it sleeps: so never in an interrupt or a
 * preempt notifier, with interrupts or preemption off, or with a raw spinlock held. With another spinlock held it may be taken.
 */
void nest_port_spin_lock(struct nest_spinlock *lock);
void nest_port_spin_unlock(struct nest_spinlock *lock);
/*
 * The same lock for tier 0: interrupts off, a guest's context loaded, where nothing may be traced or checked. False: somebody
 * has the lock, or this kernel is PREEMPT_RT, so that tier 1 has to take it.
 */
bool nest_port_spin_trylock_quiet(struct nest_spinlock *lock);
void nest_port_spin_unlock_quiet(struct nest_spinlock *lock);
/*
 * A lock that spins on every kernel, with interrupts off: for a few instructions, any context. What is called with it held is
 * "atomic" and, for PREEMPT_RT, allocates, frees and signals nothing.
 */
void nest_port_raw_spin_init(struct nest_raw_spinlock *lock, enum nest_lock_class kind);
unsigned long nest_port_raw_spin_lock_irqsave(struct nest_raw_spinlock *lock);
void nest_port_raw_spin_unlock_irqrestore(struct nest_raw_spinlock *lock, unsigned long flags);
void nest_port_raw_spin_lock(struct nest_raw_spinlock *lock); /* interrupts are off */
void nest_port_raw_spin_unlock(struct nest_raw_spinlock *lock);
bool nest_port_raw_spin_trylock_quiet(struct nest_raw_spinlock *lock); /* tier 0; false: somebody has the lock */
void nest_port_raw_spin_unlock_quiet(struct nest_raw_spinlock *lock);
void nest_port_mutex_init(struct nest_mutex *lock, enum nest_lock_class kind);
void nest_port_mutex_lock(struct nest_mutex *lock);
/* For a thread that holds `outer` and takes several locks of one class together. False: somebody has this one. */
bool nest_port_mutex_trylock_under(struct nest_mutex *lock, struct nest_mutex *outer);
int nest_port_mutex_lock_killable(struct nest_mutex *lock); /* 0 or -EINTR */
void nest_port_mutex_unlock(struct nest_mutex *lock);
void nest_port_rwsem_init(struct nest_rwsem *lock, enum nest_lock_class kind);
void nest_port_rwsem_read_lock(struct nest_rwsem *lock);
void nest_port_rwsem_read_unlock(struct nest_rwsem *lock);
void nest_port_rwsem_write_lock(struct nest_rwsem *lock);
void nest_port_rwsem_write_unlock(struct nest_rwsem *lock);
/*
 * Unless the caller holds the lock, a kernel that checks locks warns, and the tests abort. Atomic. The kernel does not see the
 * holder of a spinlock that was taken quietly: of spinlocks it is only checked that anybody has them.
 */
void nest_port_spin_assert_held(const struct nest_spinlock *lock);
void nest_port_raw_spin_assert_held(const struct nest_raw_spinlock *lock);
void nest_port_mutex_assert_held(const struct nest_mutex *lock);
void nest_port_rwsem_assert_held_for_writing(const struct nest_rwsem *lock);
void nest_port_assert_either_held(const struct nest_rwsem *rwsem, const struct nest_spinlock *lock); /* the first also for reading */
/* True while a spinlock holder should drop its lock: someone waits for it or for the CPU. */
bool nest_port_spin_needbreak(struct nest_spinlock *lock);

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* The host's side of a vCPU; `owner` is the core's. NULL when there is no memory. */
struct nest_host_vcpu *nest_port_vcpu_alloc(void *owner);
void nest_port_vcpu_free(struct nest_host_vcpu *vcpu);
/* When the core has dropped the last reference to the VM. After quiesce no MMU notifier runs; free frees the host's side. */
void nest_port_vm_quiesce(struct nest_host_vm *vm);
void nest_port_vm_free(struct nest_host_vm *vm);
/* Does the calling thread belong to the process that created the VM? */
bool nest_port_vm_is_ours(struct nest_host_vm *vm);

enum nest_fd_kind { NEST_FD_VM, NEST_FD_VCPU, NEST_FD_DEVICE, NEST_FD_ITS, NEST_FD_VM_STATS, NEST_FD_VCPU_STATS };
/*
 * An anonymous file of that kind, named as Linux names it (a vCPU's two with its id), and a descriptor of the calling process
 * for it, which nobody can use yet. 0, or -EMFILE,
 * -ENFILE, -ENOMEM. Exactly one of the other two follows. All that can fail when an object gets its descriptor fails here, so
 * that the object can be published before install, and never has to be taken back.
 */
struct nest_new_fd { int fd; void *file; };
int nest_port_fd_reserve(enum nest_fd_kind kind, unsigned vcpu_id, struct nest_new_fd *out);
/* From now on the process has the descriptor. The glue passes `object` to entry.h, and releases it at the last close. */
void nest_port_fd_install(const struct nest_new_fd *fd, void *object);
void nest_port_fd_cancel(const struct nest_new_fd *fd);

/* ---- eventfds --------------------------------------------------------------------------------------------------- */

/* -EBADF, -EINVAL (no eventfd). Signal is atomic but on RT. */
int nest_port_eventfd_get(int fd, struct nest_eventfd **out);
void nest_port_eventfd_signal(struct nest_eventfd *eventfd);
void nest_port_eventfd_put(struct nest_eventfd *eventfd);
/*
 * Waits on an eventfd: nest_irqfd_wakeup(owner) runs in atomic context at each signal, nest_irqfd_shutdown(owner) in a
 * work queue when the eventfd closes. -EBADF, -EINVAL (no eventfd), -EBUSY (bound elsewhere), -ENOMEM.
 */
int nest_port_irqfd_bind(int fd, void *owner, struct nest_host_irqfd **out);
/* On return no callback of this irqfd runs, and none will, except nest_irqfd_shutdown() if that is the caller. Sleeps. */
void nest_port_irqfd_unbind(struct nest_host_irqfd *irqfd);
/* Waits for every nest_irqfd_shutdown() that has begun. Not to be called from within one. Sleeps. */
void nest_port_irqfd_flush(void);
/* Is the irqfd bound to the eventfd of this descriptor? Sleeps. */
bool nest_port_irqfd_matches(struct nest_host_irqfd *irqfd, int fd);

/* ---- time ------------------------------------------------------------------------------------------------------- */

uint64_t nest_port_now_ns(void); /* monotonic; atomic */
/* CLOCK_REALTIME in ns and CNTPCT_EL0 at one instant; false when the host's clock is not that counter. */
bool nest_port_clock_snapshot(uint64_t *realtime_ns, uint64_t *counter);
struct nest_hrtimer { uint64_t storage[24]; };
/* When the timer fires, nest_hrtimer_fired(owner, which) runs in hard interrupt context. */
void nest_port_hrtimer_init(struct nest_hrtimer *timer, void *owner, unsigned which);
void nest_port_hrtimer_start(struct nest_hrtimer *timer, uint64_t relative_ns); /* atomic */
void nest_port_hrtimer_cancel(struct nest_hrtimer *timer); /* waits for a running callback: not to be called from that */

/* ---- the CPU and the scheduler ---------------------------------------------------------------------------------- */

struct nest_percpu { uint64_t storage[160]; };
struct nest_percpu *nest_port_this_cpu(void); /* atomic, preemption off */
struct nest_percpu *nest_port_cpu(unsigned cpu);
unsigned nest_port_cpu_id(void);
unsigned nest_port_cpus_online(void);
unsigned nest_port_cpu_limit(void); /* one more than the highest possible id */
void nest_port_preempt_disable(void);
void nest_port_preempt_enable(void);
void nest_port_irq_disable(void);
void nest_port_irq_enable(void);
/* For a loop that waits for other threads to change a condition: lets them run. Sleepable context. */
void nest_port_relax(void);
/* Is a signal about to end the calling thread's process? Then long work for that process should end, too. Any context. */
bool nest_port_killed(void);
unsigned long nest_port_irq_save(void);
void nest_port_irq_restore(unsigned long flags);
/* Runs nest_cpu_call(op, argument) on every online CPU with interrupts off, and waits for all. Interrupts must be on, and no
 * spinlock may be held that another CPU takes with interrupts off: that CPU would not answer the IPI, and both would wait. */
void nest_port_call_all_cpus(unsigned op, void *argument);

/* Makes the vCPU's thread leave the guest, if it is there (a reschedule IPI). Atomic. */
void nest_port_vcpu_kick(struct nest_host_vcpu *vcpu);
/* Ends a nest_port_vcpu_wait, or the next one. Atomic. */
void nest_port_vcpu_wake(struct nest_host_vcpu *vcpu);
/* Blocks until nest_vcpu_runnable(core vCPU) says yes or a signal comes. */
void nest_port_vcpu_wait(struct nest_host_vcpu *vcpu);
/* Before each entry, preemptible: reschedule, task work; 0, or -EINTR when a signal must go to user space. */
int nest_port_vcpu_before_entry(struct nest_host_vcpu *vcpu);
/* Does work (signal, reschedule) forbid entering now? Interrupts off until the entry: an IPI for later work ends that entry. */
bool nest_port_vcpu_entry_blocked(void);
/* The same for a loop that asks whether to end early; any context. Work may come right after the answer. */
bool nest_port_vcpu_work_pending(void);
/* Should a loop that polls go on? No: another thread wants this CPU, or work is pending. Waits a moment. Sleepable context. */
bool nest_port_may_poll(void);
/* The module's parameters for halt polling, as they are now (kvm/vm/halt_poll.hpp); any context. */
struct nest_halt_polling {
	uint32_t ns;         /* the longest window of a VM whose VMM has not said, ns; 0: no polling */
	uint32_t grow;       /* a window grows by this factor; 0: never */
	uint32_t grow_start; /* the shortest window but 0, ns */
	uint32_t shrink;     /* a window shrinks by this divisor; 0: to nothing */
};
struct nest_halt_polling nest_port_halt_polling(void);
/* Tell the kernel that this CPU goes into the guest and comes back (context tracking, RCU, time). Interrupts off. */
void nest_port_guest_enter(void);
void nest_port_guest_exit(void);      /* context tracking and RCU; interrupts still off */
void nest_port_guest_exit_time(void); /* guest time, after a moment with interrupts on */
/* Preempt notifiers of the calling thread: between the two, nest_vcpu_load/put (entry.h) run at each context switch. */
void nest_port_vcpu_attach(struct nest_host_vcpu *vcpu);
void nest_port_vcpu_detach(struct nest_host_vcpu *vcpu);
/* The calling thread's process, by the number that its user sees. */
uint32_t nest_port_process_id(void);
/* The task's stolen time (run delay) in ns, for paravirtual time. */
uint64_t nest_port_run_delay_ns(void);
/* The signal mask of KVM_SET_SIGNAL_MASK, for the time of KVM_RUN. */
void nest_port_sigmask_enter(struct nest_host_vcpu *vcpu);
void nest_port_sigmask_leave(struct nest_host_vcpu *vcpu);
/* KVM_SET_SIGNAL_MASK. `clear`: no mask any more. -EINVAL for a size that is not a sigset's, -EFAULT. */
int nest_port_sigmask_set(struct nest_host_vcpu *vcpu, uint64_t user_set, unsigned size, bool clear);

/* Are FP/SIMD registers that nest_port_fpsimd_begin() lends kept across preemption? Always the same answer. Any context. */
bool nest_port_fpsimd_survives_preemption(void);
/* FP/SIMD registers for the use of the calling thread, which is the vCPU's. Interrupts on; where they do not survive preemption,
 * that is off from before the one to behind the other. */
void nest_port_fpsimd_begin(struct nest_host_vcpu *vcpu);
void nest_port_fpsimd_end(struct nest_host_vcpu *vcpu);

/* The system-wide safe value of an ID register, by its 16-bit encoding (sysreg.hpp). */
uint64_t nest_port_feature_register(unsigned encoding);
/* Does SMCCC_ARCH_FEATURES say that this SMC function is there and that the calling CPU needs it? Preemption off. */
bool nest_port_firmware_mitigates(uint32_t function);
/* Sets the active state, in this CPU's GIC, of a guest timer's physical interrupt (0 virtual, 1 physical). Preemption off. */
void nest_port_timer_irq_set_active(unsigned which, bool active);
void nest_port_random(void *to, size_t bytes); /* atomic but on RT */

/* ---- trace ------------------------------------------------------------------------------------------------------ */

/* The nested transitions: one tracepoint each (linux/trace_nested.h). */
enum nest_trace_kind {
	NEST_TRACE_FORWARD,      /* pc: preferred return address; values: ESR, FAR, HPFAR of virtual EL2; what: from (below) */
	NEST_TRACE_INTERRUPT,    /* L2 preempted; pc: L2's; values[0]: ESR of an SError; what: its vector's number, 1 to 3 */
	NEST_TRACE_ERET,         /* pc: the target; values[0]: SPSR; what: where to (below) */
	NEST_TRACE_SHADOW_FAULT, /* pc: L2's; values: ESR, L2's IPA; what: the outcome (below) */
	NEST_TRACE_TLBI,         /* pc: the instruction; values: Xt, first byte, size in bytes; what: scope, regime << 4 */
	NEST_TRACE_SHADOW,       /* values: BADDR, VTCR, VMID; what: made, or evicted for another */
	NEST_TRACE_LOST,         /* values[0]: so many records had no room */
};
enum nest_trace_from { NEST_TRACE_FROM_L2, NEST_TRACE_FROM_VEL2, NEST_TRACE_FROM_VEL2_EL0 };
enum nest_trace_eret_to {
	NEST_TRACE_TO_L2, NEST_TRACE_TO_VEL2, NEST_TRACE_TO_VEL2_EL0, NEST_TRACE_TO_ILLEGAL, NEST_TRACE_TO_UNDEFINED,
	NEST_TRACE_TO_FPAC,
};
enum nest_trace_fault { NEST_TRACE_MAPPED, NEST_TRACE_TO_L1, NEST_TRACE_BRING_IN, NEST_TRACE_NO_TABLES, NEST_TRACE_GAVE_UP };
enum nest_trace_shadow { NEST_TRACE_SHADOW_MADE, NEST_TRACE_SHADOW_EVICTED };

/* An event that happened where nothing may be traced; it is traced later, in preemptible context. */
struct nest_trace_record {
	uint64_t counter; /* CNTPCT_EL0 when it happened; the event's own time is later */
	uint64_t pc;
	uint64_t values[3];
	uint8_t kind;
	uint8_t what;
	uint8_t tier; /* 0: the guest's context was loaded; 1 */
};
/* Preemptible context. */
void nest_port_trace(uint32_t vm, uint32_t vcpu, const struct nest_trace_record *record);

enum nest_trace_world { NEST_TRACE_EL1, NEST_TRACE_VEL2, NEST_TRACE_L2 }; /* EL1: of a vCPU without virtual EL2 */
enum nest_trace_exit_kind { NEST_TRACE_EXIT_SYNC, NEST_TRACE_EXIT_IRQ, NEST_TRACE_EXIT_FIQ, NEST_TRACE_EXIT_SERROR };
/* An exit as the guest was when it came, before anything was done about it. */
struct nest_trace_exit {
	uint64_t pc;
	uint64_t esr; /* SYNC only, else 0 */
	uint64_t far; /* of aborts, watchpoints, software steps and misaligned PCs; else 0 */
	uint64_t hpfar; /* of aborts; else 0 */
	uint8_t kind;
	uint8_t world;
};
/* A stay in the guest begins, or has ended: only between nest_watch_exits(true) and (false). Interrupts off, host's context. */
void nest_port_trace_entry(uint64_t pc);
void nest_port_trace_exit(uint32_t vm, uint32_t vcpu, const struct nest_trace_exit *exit);

/* ---- statistics ------------------------------------------------------------------------------------------------- */

/* A value for nest_stats_show()'s `to`. vcpu -1: the VM's own; index -1: not one of several. Sleepable context. */
void nest_port_stats_line(void *to, uint32_t vm, int vcpu, const char *name, int index, uint64_t value);

/* Lines for nest_dump_translations()'s `to`. Sleepable context. */
struct nest_dump_slot {
	uint32_t vm, slot;
	uint64_t ipa, bytes, hva;
};
struct nest_dump_shadow {
	uint32_t vm, shadow;
	uint64_t baddr, vtcr;
	uint32_t vmid, users;
};
enum nest_dump_type { NEST_DUMP_NORMAL, NEST_DUMP_NORMAL_NC, NEST_DUMP_DEVICE };
struct nest_dump_run {
	uint32_t vm;
	int shadow; /* -1: the VM's own stage 2 */
	uint64_t ipa, bytes, pa;
	bool read, write, execute;
	enum nest_dump_type type;
};
void nest_port_dump_slot(void *to, struct nest_dump_slot line);
void nest_port_dump_shadow(void *to, struct nest_dump_shadow line);
void nest_port_dump_run(void *to, struct nest_dump_run line);

/* ---- log -------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) void nest_port_info(const char *format, ...);
/* Rate-limited; for what a VMM or guest can bring about. */
__attribute__((format(printf, 1, 2))) void nest_port_debug(const char *format, ...);
/* An exception at EL2 where none may come. */
__attribute__((noreturn)) void nest_port_panic(uint64_t slot, uint64_t esr, uint64_t elr, uint64_t far);
/* A guest was interrupted by an SError that is not contained: the machine must stop. Interrupts off, host's context. */
__attribute__((noreturn)) void nest_port_serror_panic(uint64_t syndrome);
/* An invariant of the core is broken. */
__attribute__((noreturn)) void nest_port_bug(const char *file, int line, const char *what);

#ifdef __cplusplus
}
#endif
#endif
