// SPDX-License-Identifier: GPL-2.0-only
// The trap-control registers of a vCPU, from what its VM's ID registers show and hide.
#pragma once
#include <kvm/cpu/cpu_state.hpp>
#include <vhe/trap_config.hpp>

namespace nest::kvm {

// What the trap controls depend on of the machine.
struct TrapHost {
    bool fwb;  // FEAT_S2FWB: stage 2 forces write-back
    bool evt;  // FEAT_EVT: cache ID registers trap apart from CTR_EL0
    bool ras;  // FEAT_RAS
    u64 ctr;   // CTR_EL0, system-wide
    bool mixed_ctr = false;  // some CPU's own is another

    static TrapHost probe();
};

// What the trap controls depend on of the vCPU, and may change while it runs.
struct TrapPolicy {
    bool trap_wfi = true;  // false only while nothing else wants this CPU
    bool trap_wfe = true;
    bool track_caches = false;  // no FEAT_S2FWB, and the guest has not yet switched its MMU and caches on: HCR_EL2.TVM
};

// Values for a flat guest at EL1 (E2H set, TGE clear), FP/SIMD trapped, without VSE, HPMN 0. FEAT_FGT2's registers, where
// the CPU has them, are to be 0: there 0 means trap. To be computed at each KVM_RUN, and after a change of what they depend
// on (Request::kTraps). Any context.
vhe::TrapConfig compute_traps(const CpuState& state, const TrapHost& host, const TrapPolicy& policy);

}  // namespace nest::kvm
