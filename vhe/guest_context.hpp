// SPDX-License-Identifier: GPL-2.0-only
// What vhe/enter.S saves and restores, at offsets that it shares with C++.
#pragma once
#include <base/types.hpp>
#include <cstddef>

namespace nest::vhe {

// The five pointer-authentication keys, low and high halves: IA apart, the others in the order of their encodings.
struct PointerAuthKeys {
    u64 ia[2];
    u64 other[8];  // IB, DA, DB, GA
};

// Valid whenever the guest is not executing. PC and PSTATE are ELR_EL2 and SPSR_EL2 of the entry and of the exit.
struct GuestContext {
    u64 x[31];
    u64 sp_el0;
    u64 pc;
    u64 pstate;
    PointerAuthKeys keys;
    // What the last exit by a synchronous exception left; stale after an interrupt.
    u64 esr;
    u64 far;
    u64 hpfar;
};
static_assert(offsetof(GuestContext, sp_el0) == 248);
static_assert(offsetof(GuestContext, pc) == 256);
static_assert(offsetof(GuestContext, pstate) == 264);
static_assert(offsetof(GuestContext, keys) == 272);
static_assert(offsetof(GuestContext, esr) == 352);

struct FpState {
    alignas(16) u8 v[32][16];
    u32 fpsr;
    u32 fpcr;
};

}  // namespace nest::vhe
