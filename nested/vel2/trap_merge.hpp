// SPDX-License-Identifier: GPL-2.0-only
// The trap controls of the two worlds, from those that the vCPU would have as a flat guest.
#pragma once
#include <nested/vel2/world.hpp>
#include <vhe/trap_config.hpp>
#include <vhe/vel2_state.hpp>

namespace nest::nested {

// What must trap of virtual EL2's debug registers. `armed`: one of the vCPU's own breakpoints or watchpoints is enabled;
// `taken`: the VMM debugs the guest, or the OS Lock is set; `hypervises`: VirtualEl2::hypervises(). To be asked again after
// each write to a breakpoint register, which always traps.
inline DebugTraps debug_traps_for(bool armed, arch::MDSCR_EL1 mdscr, bool taken, bool hypervises) {
    using M = arch::MDSCR_EL1;
    if (taken)
        return DebugTraps::kAll;
    const bool steps = mdscr.get<M::KDE>() & mdscr.get<M::SS>();
    return armed || steps || !hypervises ? DebugTraps::kMdscrWrites : DebugTraps::kNone;
}

// Virtual EL2's controls, which L1's own have no part in. HCR_EL2.NV makes instructions trap that would act on hardware's
// EL2. `fgt`: the machine has FEAT_FGT, without which the debug registers can only be trapped all together.
vhe::TrapConfig vel2_traps(const vhe::TrapConfig& ours, vhe::Vel2Form form, DebugTraps debug, bool fgt);

// L2's controls: ours and L1's together. L1 writes its own without an exit, so that WorldTraps::refresh_l2_traps() compares
// them at each switch to L2. HCR_EL2.VSE is set, which it never is in `ours`, if L1 has a virtual SError pending for L2.
vhe::TrapConfig l2_traps(const vhe::TrapConfig& ours, const Config& config, const vncr::RegisterFile& file, bool e2h);

// Does L1 trap L2's FP/SIMD? Under E2H with TGE clear only FPEN's lower bit counts ([DDI0487] D24.2.33).
inline bool l1_traps_fp(arch::CPTR_EL2 l1) { return !(l1.get<arch::CPTR_EL2::FPEN>() & 1); }
inline bool l1_traps_sve(arch::CPTR_EL2 l1) { return !(l1.get<arch::CPTR_EL2::ZEN>() & 1); }

}  // namespace nest::nested
