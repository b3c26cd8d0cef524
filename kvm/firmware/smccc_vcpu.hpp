// SPDX-License-Identifier: GPL-2.0-only
// What an SMCCC call needs of its caller's vCPU and VM. Called from tier 1: preemptible, in the vCPU's thread.
#pragma once
#include <kvm/firmware/smccc_config.hpp>

namespace nest::kvm {

class SmcccVcpu {
public:
    virtual u64 reg(unsigned n) const = 0;  // x0 to x17
    virtual void set_reg(unsigned n, u64 value) = 0;
    virtual SmcccCaller caller() const = 0;
    virtual bool big_endian() const = 0;
    // Sets the vCPU's power state to stopped: its run loop blocks before the next entry.
    virtual void power_off() = 0;
    // WFI: blocks until an interrupt is deliverable, a signal or a request comes.
    virtual void wait_for_interrupt() = 0;
    // CLOCK_REALTIME in ns and the physical counter at one instant; false when the host's clock is not that counter.
    virtual bool clock_snapshot(u64& realtime_ns, u64& counter) = 0;
    virtual u64 virtual_offset() const = 0;
    virtual u64 physical_offset() const = 0;
    // PvTime::start with this vCPU's memory and run delay.
    virtual u64 start_stolen_time() = 0;
    // Fill in kvm_run: KVM_EXIT_HYPERCALL, and KVM_EXIT_SYSTEM_EVENT with data[0] = flags when ndata is 1.
    virtual void exit_hypercall(u64 number, u64 flags) = 0;
    virtual void exit_system_event(u32 type, u32 ndata, u64 flags) = 0;

protected:
    ~SmcccVcpu() = default;
};

struct PowerOnRequest {
    u64 pc;          // at EL1, AArch64
    u64 context_id;  // for x0
    bool big_endian; // the caller's, which the target inherits
};
enum class PowerOnResult : u8 { kDone, kNoSuchCpu, kAlreadyOn };
enum class AffinityState : u8 { kNobody, kAllOff, kSomeOn };

class PsciVm {
public:
    // Turns the vCPU with that affinity on, if it is off. The target's power lock makes one of two callers find it on. The
    // request is published before the state becomes runnable: the target's run loop could otherwise see the new state, find
    // no request, and enter the guest with its old registers.
    virtual PowerOnResult power_on(u64 mpidr, const PowerOnRequest& request) = 0;
    // The state of the vCPUs with (MPIDR & mask) == target, all together.
    virtual AffinityState affinity_state(u64 target, u64 mask) = 0;
    // Every vCPU's state becomes stopped and each leaves the guest: none may run on after SYSTEM_OFF or SYSTEM_RESET.
    virtual void stop_all() = 0;

protected:
    ~PsciVm() = default;
};

}  // namespace nest::kvm
