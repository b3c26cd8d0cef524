// SPDX-License-Identifier: GPL-2.0-only
// A virtual CPU: its architectural state, its interrupts and timers, and what other threads may ask of it.
#pragma once
#include <arch/atomic.hpp>
#include <arch/lock.hpp>
#include <arch/result.hpp>
#include <kvm/cpu.hpp>
#include <kvm/cpu_state.hpp>
#include <kvm/power.hpp>
#include <kvm/timer_lines.hpp>
#include <kvm/vcpu_io.hpp>
#include <timer/vcpu_timers.hpp>
#include <vgic/cpu_interface.hpp>
#include <vhe/exit.hpp>
#include <vhe/next.hpp>
#include <vhe/trap_config.hpp>

namespace nest::kvm {

class Vm;
using vhe::Next;

// Work that another thread asks of a vCPU; its run loop takes it before the next entry.
enum class Request : u64 {
    kSleep = 1 << 0,        // powered off or suspended: block until told otherwise
    kReset = 1 << 1,        // PSCI CPU_ON: reset to Power::on
    kStolenTime = 1 << 2,   // the stolen-time record is out of date
    kSuspend = 1 << 3,      // PSCI SYSTEM_SUSPEND: report it to the VMM
};

class Vcpu final : public CpuState {
public:
    Vcpu(Vm& owner, IdRegisters& id_registers, unsigned vcpu_index, u32 vcpu_id);

    // Any context. What was written before is visible to whoever takes the request.
    void make_request(Request r) { requests_.fetch_or_acq_rel(static_cast<u64>(r)); }
    bool has_requests() const { return requests_.load_acquire() != 0; }
    bool has_request(Request r) const { return requests_.load_acquire() & static_cast<u64>(r); }
    bool take_request(Request r) {
        const u64 bit = static_cast<u64>(r);
        return (requests_.load_relaxed() & bit) && (requests_.fetch_and_acq_rel(~bit) & bit);
    }
    // Makes it leave the guest, or stop waiting, and look at its requests and interrupts. Any context.
    void kick() {
        memory_barrier();  // what was published before must be visible to a vCPU that we find outside the guest
        nest_port_vcpu_wake(host);
        nest_port_vcpu_kick(host);
    }

    Vm& vm;
    const u32 id;  // the VMM's number
    nest_host_vcpu* host = nullptr;
    abi::Run* run = nullptr;  // the page that the VMM maps and may change at any time: read each field once

    Mutex mutex;  // one ioctl at a time
    Atomic<bool> in_guest;  // from before the last look at requests until after the vGIC's sync
    bool waiting = false;   // its thread blocks: the timers need an alarm
    timer::Wait wait{};     // why
    bool fp_loaded = false;  // the thread owns FP/SIMD and the registers are the guest's
    Atomic<bool> has_run;

    Power power;
    VcpuIo io;
    vhe::TrapConfig traps{};
    TimerLines timer_lines;
    timer::VcpuTimers timers;
    vgic::CpuInterface gic;
    VcpuStats stats;

private:
    Atomic<u64> requests_;
};

}  // namespace nest::kvm
