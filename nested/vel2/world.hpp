// SPDX-License-Identifier: GPL-2.0-only
// The two worlds of a vCPU with virtual EL2, and the rules that its VM has for them.
#pragma once
#include <nested/vel2/register_masks.hpp>
#include <vhe/el2_layouts.hpp>

namespace nest::nested {

enum class World : u8 {
    kFlat,   // the vCPU has no EL2
    kVel2,   // virtual EL2, or its user space under HCR_EL2.{E2H,TGE}
    kL2,     // L2: EL1 and EL0 below virtual EL2
};

// Per VM, filled in when its ID registers are fixed and constant from then on.
struct Config {
    Config() = default;
    Config(const Features& shown, bool use_nv2) : features(shown), masks(shown), nv2(use_nv2) {}
    // Is HCR_EL2.E2H L1's to choose?
    bool chooses_e2h() const { return features.has(Feature::kE2h0) && features.has(Feature::kVhe); }
    Features features;
    RegisterMasks masks;
    bool nv2 = true;  // false: HCR_EL2.NV2 stays clear, and every EL2 access of L1 traps (Armv8.3's FEAT_NV)
};

// L1's CPTR_EL2 as it acts, in the layout with E2H; `e2h`: which layout L1 has written it in.
inline arch::CPTR_EL2 masked_cptr_of(const Config& config, const vncr::RegisterFile& file, bool e2h) {
    const arch::CPTR_EL2 raw = file.get<arch::CPTR_EL2>();
    return config.masks.apply(e2h ? raw : arch::CPTR_EL2::of(vhe::cptr_with_e2h(raw.raw)));
}

// Breakpoints and watchpoints of L1 itself: what of the debug registers must trap at virtual EL2.
enum class DebugTraps : u8 {
    kNone,         // nothing is armed, and it runs guests: MDSCR_EL1 goes to the VNCR page without an exit
    kMdscrWrites,  // something is armed, or may be at any moment: an access that arms or disarms must be seen
    kAll,          // the VMM debugs the guest, or the OS Lock is set
};

}  // namespace nest::nested
