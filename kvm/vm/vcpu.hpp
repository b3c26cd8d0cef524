// SPDX-License-Identifier: GPL-2.0-only
// A virtual CPU: its architectural state, its interrupts and timers, and what other threads may ask of it.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/preemption.hpp>
#include <base/result.hpp>
#include <kvm/abi/run.hpp>
#include <kvm/cpu/cpu.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/power.hpp>
#include <kvm/devices/mmio.hpp>
#include <kvm/firmware/pvtime.hpp>
#include <kvm/memory/memslots.hpp>
#include <kvm/stats/stats.hpp>
#include <kvm/stats/trace_ring.hpp>
#include <kvm/sysreg/trap_config.hpp>
#include <kvm/vm/halt_poll.hpp>
#include <kvm/vm/nested_mmu.hpp>
#include <kvm/vm/nested_vcpu.hpp>
#include <kvm/vm/timer_lines.hpp>
#include <kvm/vm/vcpu_hooks.hpp>
#include <stage2/table_cache.hpp>
#include <timer/vcpu_timers.hpp>
#include <vgic/cpu_interface.hpp>
#include <vhe/exit.hpp>
#include <vhe/next.hpp>

namespace nest::kvm {

class Vm;
using vhe::Next;

// Work that another thread asks of a vCPU; its run loop takes it before the next entry.
enum class Request : u64 {
    kReset = 1 << 0,        // PSCI CPU_ON: reset to Power::on
    kStolenTime = 1 << 1,   // the stolen-time record is out of date
    kTraps = 1 << 2,        // what the trap controls depend on has changed
    kLook = 1 << 3,         // no work: the vCPU only has to leave the guest and look at its power state and Vm::dead
    kWatch = 1 << 4,        // no work, and stays: somebody watches exits, so that each has to leave tier 0 (kvm/run/watch.hpp)
    kRingFull = 1 << 5,     // the dirty ring is nearly full: KVM_RUN has to leave until the VMM has collected it
};

// What a blocked vCPU waits for.
enum class WaitFor : u8 { kNothing, kInterrupt, kPower, kHaltEnd };

class Vcpu final : public CpuState {
public:
    // `index`: the number of vCPUs that the VM has so far. ENOMEM. Sleeps; the VM's lock held.
    static Result<Vcpu*> create(Vm& vm, unsigned index, u32 id);
    ~Vcpu();

    // Any context. What was written before is visible to the thread that takes the request. Does not kick.
    void make_request(Request r) { requests_.fetch_or_acq_rel(static_cast<u64>(r)); }
    bool has_requests() const { return requests_.load_acquire() != 0; }
    // Is there a request that is taken before the next entry?
    bool has_work() const { return (requests_.load_acquire() & ~static_cast<u64>(Request::kWatch)) != 0; }
    bool take_request(Request r) {
        const u64 bit = static_cast<u64>(r);
        return (requests_.load_relaxed() & bit) && (requests_.fetch_and_acq_rel(~bit) & bit);
    }
    // Makes the vCPU leave the guest, or end its wait, and look at its requests and interrupts. Any context.
    void kick() {
        memory_barrier();  // pairs with those in pass_through_guest() (kvm/run/run.cpp) and in nest_port_vcpu_wait()
        // Else the vCPU's thread will look at what has changed before it sleeps: waiting_for is set before that look.
        if (waiting_for.load_relaxed())
            nest_port_vcpu_wake(host);
        // Else the vCPU is yet to look, or polls, and needs no IPI.
        if (in_guest.load_relaxed())
            nest_port_vcpu_kick(host);
    }

    bool fp_loaded() const { return fp_open.any(); }
    vhe::Tier tier() const { return entered ? vhe::Tier::k0 : vhe::Tier::k1; }
    bool has_gic() const { return gic.distributor != nullptr; }

    Vm& vm;
    const unsigned index;  // dense, in creation order; `id` is the VMM's number
    nest_host_vcpu* host = nullptr;
    DirtyRing dirty_ring;     // empty: the VM logs by bitmaps
    abi::Run* run = nullptr;  // the page that the VMM maps and may change at any time: read each field once

    Mutex mutex{NEST_LOCK_VCPU};  // one ioctl at a time
    Errno error{};            // of Next::kError
    Atomic<bool> in_guest;    // from before the last look at requests until after the vGIC's sync
    Atomic<u8> waiting_for;   // WaitFor
    timer::Wait wait{};       // what put() tells the timers, while the vCPU waits for an interrupt
    Atomic<bool> alarm;       // the deadline of a WFIT has passed
    HaltPollWindow halt_poll;
    bool entered = false;     // between activate() and deactivate(): guest context loaded, TGE clear
    vhe::FpOpen fp_open;      // what the thread owns and the guest may use: FP/SIMD, and SVE with it
    bool fp_wanted = false;   // the guest uses them, and the kernel lends them only while preemption is off: for each stay
    Atomic<bool> has_run;
    Atomic<u32> irq_pins;     // HCR_EL2.VI and VF, by KVM_IRQ_LINE; with an in-kernel GIC what L1 leaves to L2 (kvm/vel2/gic.cpp)

    Power power;
    bool track_caches = false;  // HCR_EL2.TVM: watch for the guest's caches to go on
    vhe::TrapConfig traps{};
    Mmio mmio;
    MemslotHint slot_hint;
    stage2::TableCache tables;
    PvTime pvtime;
    VcpuHooks hooks;
    TimerLines timer_lines;
    timer::VcpuTimers timers;
    vgic::CpuInterface gic;
    NestedVcpu nested;
    VcpuStats stats{};
    u64 host_zcr = 0;            // ZCR_EL2 of the host, while the guest has SVE's registers
    TraceRing trace;             // large: behind everything that tier 0 uses often
    vncr::Translations l1_vncr;  // of L1's VNCR_EL2; large as well
    nested::WorldTraps::Made l2_traps_before{};

private:
    Vcpu(Vm& owner, unsigned vcpu_index, u32 vcpu_id);
    template <typename T, typename... Args>
    friend T* nest::make(Args&&...);

    Atomic<u64> requests_;
};

}  // namespace nest::kvm
