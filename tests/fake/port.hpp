// SPDX-License-Identifier: GPL-2.0-only
// The host's side of port/port.h: what a test sets before and looks at after. One process-wide object, port().
//
// Contexts are checked: a port function that may sleep aborts when the calling thread holds a spinlock or has
// interrupts or preemption off, just as the kernel's debug builds would complain. One that may sleep on PREEMPT_RT only, where
// spinlocks other than raw ones do, aborts with a raw one held, or interrupts or preemption off.
#pragma once
#include <base/types.hpp>
#include <functional>
#include <map>
#include <mutex>
#include <port/port.h>
#include <string>
#include <vector>

namespace nest::test {

// A piece of the fake VMM's address space that is not plain 4 KiB anonymous memory.
struct UserMapping {
    u64 start = 0;
    u64 bytes = 0;
    unsigned block_shift = 12;
    bool writable = true;
    bool device = false;
    bool cacheable = false;
    bool any_uncached = false;
    int error = 0;  // what nest_port_page_get answers, for example -EFAULT; user copies fault too when it is not 0
    u64 pa = 0;     // physical address of `start`; 0: the fake linear map's
};

struct VcpuEvents {
    unsigned kicks = 0, wakes = 0, waits = 0, attaches = 0, detaches = 0, sigmask_enters = 0, sigmask_leaves = 0;
    bool has_sigmask = false;  // KVM_SET_SIGNAL_MASK's
    u64 sigmask = 0;
};

struct FakePort {
    // ---- memory
    static constexpr u64 kLinearBit = u64{1} << 47;  // PA = VA ^ bit 47: below 2^48, and no valid pointer on x86
    unsigned page_shift = 12;  // the host's; the fake VMM maps what it likes all the same
    size_t live_objects = 0;   // nest_port_alloc'ed and not freed
    size_t live_runs = 0;      // nest_port_pages_alloc'ed and not freed
    size_t live_page_refs = 0; // nest_port_page_get without its release
    size_t dirty_releases = 0;
    u64 allocation_calls = 0;  // of both allocators
    // The call of that number from now on (1: the next) fails; 0: none does. `fail_all_after`: and all later ones.
    u64 fail_allocation = 0;
    bool fail_all_after = false;
    std::vector<UserMapping> user_mappings;
    bool only_mapped_user_memory = false;  // addresses outside user_mappings fault
    // Runs inside nest_port_page_get when the page is known and not yet handed over, without any lock: what other threads
    // do meanwhile.
    std::function<void(u64 hva)> on_page_get;
    std::vector<u64> poison_signals;  // the addresses of the SIGBUSes that came through
    bool sigbus_blocked = false;
    // The same before a copy from or to user space.
    std::function<void(u64 address)> on_user_copy;
    // ---- files and eventfds
    struct File {
        enum nest_fd_kind kind;
        unsigned vcpu_id;  // as nest_port_fd_reserve was told
        void* object;
    };
    std::map<int, File> files;
    int fd_error = 0;  // what nest_port_fd_reserve answers instead, for example -EMFILE
    std::function<void()> on_fd_reserve;  // what other threads do while a descriptor is looked for
    // What other threads do when an irqfd is about to be unbound, and when somebody waits for shutdowns to end.
    std::function<void()> on_irqfd_unbind, on_irqfd_flush;
    size_t reserved_fds = 0;              // neither installed nor cancelled yet
    size_t live_host_vcpus = 0;  // nest_port_vcpu_alloc without its free
    unsigned vm_quiesces = 0, vm_frees = 0;
    bool vm_is_foreign = false;  // the calling thread belongs to another process
    int make_eventfd();
    int make_other_file();  // a descriptor of something else
    void close_eventfd(int fd);       // the last reference: nest_irqfd_shutdown runs
    u64 eventfd_count(int fd) const;  // signals so far
    void signal_eventfd(int fd);      // as user space would by write()
    size_t live_eventfd_refs = 0;
    size_t live_irqfds = 0;
    // ---- time
    u64 now_ns = 1'000'000'000;
    u64 realtime_offset_ns = 1'700'000'000'000'000'000;
    u64 counter_hz = 1'000'000'000;
    bool clock_is_counter = true;  // false: nest_port_clock_snapshot refuses
    void advance(u64 ns);  // fires the timers that come due, in order
    size_t armed_timers() const;
    // ---- CPUs and the scheduler
    unsigned cpu_limit = 4;
    void set_cpu(unsigned id);  // of the calling thread
    std::map<const void*, VcpuEvents> vcpus;
    bool signal_pending = false;
    bool killed = false;  // by a signal that the process cannot handle
    bool entry_blocked = false;
    bool spin_needbreak = false;
    unsigned guest_enters = 0, guest_exits = 0, fpsimd_begins = 0, fpsimd_ends = 0;
    u64 run_delay_ns = 0;
    std::map<unsigned, u64> feature_registers;
    std::map<unsigned, bool> timer_active;
    unsigned firmware_mitigates = 0;  // the SMC function that the firmware says is needed
    std::function<void(nest_host_vcpu*)> on_wait;
    std::function<void()> on_relax;
    std::function<void(nest_mutex*)> on_mutex_lock;  // what other threads do before this one has the mutex
    std::function<void()> on_poll;  // what happens between two looks of a vCPU that polls; time does not pass by itself
    bool fpsimd_survives_preemption = true;
    std::function<void()> on_preempt_disable;  // what the scheduler does before the thread can keep its CPU; once
    bool cpu_is_wanted = false;     // by another thread
    nest_halt_polling halt_polling{0, 2, 10'000, 2};
    u32 process_id = 4711;
    std::function<void()> on_guest_exit_time;  // interrupts are open then
    // What other threads do while a vCPU asks, last of all before the entry and with interrupts off, whether it may enter.
    std::function<void()> on_entry_check;
    // ---- calls up (entry.h): used instead of the linked nest_* function when set
    std::function<void(void*)> irqfd_wakeup, irqfd_shutdown;
    std::function<void(void*, unsigned)> hrtimer_fired;
    std::function<void(unsigned, void*)> cpu_call;
    // ---- log
    std::vector<std::string> infos, debugs;
    // ---- statistics
    struct StatsLine {
        u32 vm;
        int vcpu;
        std::string name;
        int index;
        u64 value;
    };
    std::vector<StatsLine> stats_lines;
    std::vector<nest_dump_slot> dumped_slots;
    std::vector<nest_dump_shadow> dumped_shadows;
    std::vector<nest_dump_run> dumped_runs;
    // ---- trace
    struct Traced {
        u32 vm, vcpu;
        nest_trace_record record;
    };
    std::vector<Traced> traced;
    struct TracedExit {
        u32 vm, vcpu;
        nest_trace_exit exit;
    };
    std::vector<u64> traced_entries;  // PCs
    std::vector<TracedExit> traced_exits;

    // Everything settable back to its start; what is still allocated stays counted.
    void reset();
    bool nothing_leaked() const {
        return live_objects == 0 && live_runs == 0 && live_page_refs == 0 && live_eventfd_refs == 0 &&
               live_irqfds == 0 && live_host_vcpus == 0;
    }

    mutable std::recursive_mutex mutex;  // the fake's own
};
FakePort& port();

// The calling thread's context, as the fake counts it.
struct ThreadContext {
    unsigned cpu = 0, spinlocks = 0, raw_spinlocks = 0, preempt_off = 0;
    u64 spinlocks_taken = 0;  // so far, but for those of tier 0
    bool irqs_off = false, owns_fpsimd = false;
    bool atomic_on_rt() const { return raw_spinlocks || preempt_off || irqs_off; }
    bool atomic() const { return spinlocks || atomic_on_rt(); }
};
ThreadContext& thread_context();
// Aborts with the caller's name in a context that must not sleep.
void might_sleep(const char* caller);
void might_sleep_on_rt(const char* caller);
// Aborts where the calling thread owns FP/SIMD: looking for memory or for the VMM's pages may lead into file systems, and their
// checksums or encryption want the registers.
void might_use_simd(const char* caller);

}  // namespace nest::test
