// SPDX-License-Identifier: GPL-2.0-only
// Errata that the core works around: by MIDR_EL1, from arch/errata.def.
#pragma once
#include <base/atomic.hpp>
#include <base/types.hpp>

namespace nest::arch {

enum class Erratum : u8 {
    kRepeatTlbi,     // a broadcast TLBI and its DSB must be followed by another pair before accesses are sure to be done
    kSpeculativeAt,  // a speculative AT may walk by registers of which only some are the new regime's, and fill TLBs by that
    kDrainHcr,       // a write of HCR_EL2 may corrupt translations of loads and stores around it
};
constexpr u32 bit_of(Erratum e) { return 1u << static_cast<unsigned>(e); }

// MIDR_EL1's implementer and part number, in place; its variant and revision as one byte: r2p1 is 0x21.
constexpr u32 midr_model(u32 midr) { return midr & 0xff00'fff0; }
constexpr u32 midr_revision(u32 midr) { return (midr >> 16 & 0xf0) | (midr & 0xf); }

constexpr bool is_cpu(u32 midr, u32 model, u32 first, u32 last) {
    return midr_model(midr) == model && midr_revision(midr) >= first && midr_revision(midr) <= last;
}

// The set of errata, as bits, of a CPU with this MIDR_EL1.
constexpr u32 errata_of(u32 midr) {
    u32 found = 0;
#define ERRATUM(which, implementer, part, first, last)                     \
    if (is_cpu(midr, u32{implementer} << 24 | u32{part} << 4, first, last)) \
        found |= bit_of(Erratum::which);
#include <arch/errata.def>
#undef ERRATUM
    return found;
}

// Errata, as bits, of all CPUs that have come up so far. Each CPU adds its own before it runs a guest; no bit is ever cleared.
inline constinit Atomic<u32> known_errata;
inline bool has_erratum(Erratum e) { return known_errata.load_relaxed() & bit_of(e); }

}  // namespace nest::arch
