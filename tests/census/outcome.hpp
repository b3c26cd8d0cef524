// SPDX-License-Identifier: GPL-2.0-only
// What the payload of the census tells its VMM: one outcome for each encoding and direction, in the guest's memory.
#pragma once

#include "../guests/protocol.hpp"

namespace nest::census {

using guests::u32;
using guests::u64;

// Whose instructions are tried. The first two are a guest without virtual EL2.
enum class Pass : u64 {
    el1,
    el0,
    vel2,
    vel2_el0,       // virtual EL2's user space: HCR_EL2.TGE
    l2,             // EL1 of L2, where L1 traps nothing
    l2_el0,
    l2_traps,       // EL1 of L2, where L1 traps all that it can
    count
};

enum class How : u32 {
    not_tried,
    done,           // `value`: what a read returned
    taken,          // an exception to the payload's own level; `esr`
    taken_by_l2,    // to L2's own EL1; `esr`
};

struct Outcome {
    u64 value;
    u32 esr;
    How how;
};

inline constexpr u64 kEncodings = 3 << 14;      // op0 1 to 3
inline constexpr u64 kResults = guests::kRam + (8 << 20);
constexpr u64 index_of(u32 encoding, bool is_read) { return 2 * (encoding - (1 << 14)) + is_read; }
static_assert(2 * kEncodings * sizeof(Outcome) < guests::kRamSize - (8 << 20));

}  // namespace nest::census
