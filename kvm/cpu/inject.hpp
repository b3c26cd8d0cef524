// SPDX-License-Identifier: GPL-2.0-only
// Exceptions that the hypervisor takes in the guest's place: [DDI0487] D1.3, R_TBPTK ff. To EL1, or from virtual EL2 and
// its user space to virtual EL2. From L2 to virtual EL2, forward_to_vel2() (kvm/vel2/entry.hpp) takes them.
//
// All act at once on CpuState, so that PC, PSTATE and the EL's registers are those of the vector's first instruction. PC must
// still be that of the instruction that caused the exception. Context: as CpuState::write.
#pragma once
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

using arch::Vector;

// PSTATE and PC of an exception; ELR and SPSR get the old ones. The caller has set ESR and FAR.
void enter_here(CpuState& state, Vector vector);

// A synchronous exception with this ESR.
void inject_sync(CpuState& state, u64 esr);

void inject_undefined(CpuState& state);

// EC 0x18 with the ISS of the trapped access: what FEAT_IDST gives for an unimplemented ID register.
void inject_sysreg_trap(CpuState& state, u32 iss);

enum class AbortKind : u8 {
    kExternal,
    kExternalOnWalk,   // of the table at `level`, -1 to 3
    kAddressSize,      // level 0: the IPA lies beyond what the VM has
    kExclusiveAtomic,  // unsupported exclusive or atomic access
    kAtomicUpdate,     // unsupported update of a descriptor by hardware
};
inline constexpr u64 kFscAtomicUpdate = 0x31, kFscExclusiveAtomic = 0x35;
void inject_data_abort(CpuState& state, u64 va, AbortKind kind, int level = 0);
void inject_prefetch_abort(CpuState& state, u64 va, AbortKind kind, int level = 0);

// An SError with ISS `syndrome`: taken at once when PSTATE.A allows it, else left pending for the hardware (HCR_EL2.VSE).
inline constexpr u64 kSerrorImplementationDefined = u64{1} << 24;  // ISS.IDS
void inject_serror(CpuState& state, u64 syndrome = kSerrorImplementationDefined);
// Leaves the SError pending in any case: for callers before the exit is handled, when PC may still be that of the instruction
// that is being emulated.
NEST_TIER0 inline void pend_serror(CpuState& state, u64 syndrome = kSerrorImplementationDefined) {
    state.serror.pending = true;
    state.serror.syndrome = syndrome & arch::ESR_EL2::ISS::kMask;
}

}  // namespace nest::kvm
