// SPDX-License-Identifier: GPL-2.0-only
// L1's virtualisation of the GIC for its L2.
#pragma once

#include "../bare/gic.hpp"
#include "../bare/world.hpp"

namespace nest::guests {

inline constexpr u64 kEn = 1, kUie = 2;     // ICH_HCR_EL2

// A list register of group 1, pending.
constexpr u64 lr(u64 intid, u64 priority) { return bit(62) | bit(60) | priority << 48 | intid; }
constexpr u64 state_of(u64 value) { return value >> 62; }

// Interrupts go to EL2, and L2 has the virtual CPU interface.
inline void use_lrs(u64 hcr, u64 mask = 0xf8) {
    gic_init();
    WRITE("ich_vmcr_el2", mask << 24 | bit(1));     // VPMR, VENG1
    WRITE("ich_hcr_el2", hcr);
    set_hcr(kHcr | kImo | kFmo);
}

}  // namespace nest::guests
