// SPDX-License-Identifier: GPL-2.0-only
// Whether a vCPU is on, and what a CPU_ON or a VMM wants of it.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>

namespace nest::kvm {

enum class PowerState : u32 { kRunnable, kStopped, kSuspended };

// What PSCI's CPU_ON leaves for the vCPU to start with.
struct PowerOn {
    u64 pc = 0;
    u64 context_id = 0;
    bool big_endian = false;
};

struct Power {
    PowerState get() const { return static_cast<PowerState>(state.load_acquire()); }
    void set(PowerState s) { state.store_release(static_cast<u32>(s)); }

    // Guards `on`, and each step of the state from kStopped: of two CPU_ONs of this vCPU one succeeds. Who only stops the vCPU
    // needs no lock.
    Mutex lock{NEST_LOCK_VCPU_POWER};
    Atomic<u32> state;
    PowerOn on;
};

}  // namespace nest::kvm
