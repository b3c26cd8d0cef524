// SPDX-License-Identifier: GPL-2.0-only
// What the vectors do at each exit so that neither a guest's branch history (Spectre-BHB) nor its branch targets (Spectre v2)
// steer the host's indirect branches. enter.S always issues CLRBHB, which is a NOP on a CPU without FEAT_CLRBHB.
#pragma once
#include <arch/errata.hpp>
#include <arch/registers.hpp>

namespace nest::vhe {

// What one kind of CPU needs, in the layout that enter.S reads.
struct ExitDefence {
    u32 rounds = 0;         // of the branch loop; 0: none
    u32 firmware_call = 0;  // SMC function to call; 0: none
    bool operator==(const ExitDefence&) const = default;
};
static_assert(sizeof(ExitDefence) == 8);

inline constexpr u32 kArchWorkaround1 = 0x8000'8000;  // [DEN0028] 7.4: Spectre v2
inline constexpr u32 kArchWorkaround3 = 0x8000'3fff;  // Spectre-BHB, and v2 with it

// The rounds that this kind of CPU needs, or -1: it is not in the list.
constexpr int history_rounds(u32 midr) {
#define HISTORY(implementer, part, rounds)                                \
    if (arch::midr_model(midr) == (u32{implementer} << 24 | u32{part} << 4)) \
        return rounds;
#include <vhe/branch_history.def>
#undef HISTORY
    return -1;
}

// From this CPU's own registers. `firmware_offers(function)`: does the firmware say (SMCCC_ARCH_FEATURES) that this call exists
// and that this CPU needs it?
template <typename FirmwareOffers>
constexpr ExitDefence exit_defence(u32 midr, arch::ID_AA64PFR0_EL1 pfr0, arch::ID_AA64ISAR2_EL1 isar2,
                                   arch::ID_AA64MMFR1_EL1 mmfr1, FirmwareOffers firmware_offers) {
    const u64 csv2 = pfr0.get<arch::ID_AA64PFR0_EL1::CSV2>(), clrbhb = isar2.get<arch::ID_AA64ISAR2_EL1::CLRBHB>(),
              ecbhb = mmfr1.get<arch::ID_AA64MMFR1_EL1::ECBHB>();
    const int rounds = history_rounds(midr);
    ExitDefence defence;
    if (csv2 < 3 && !ecbhb && !clrbhb && rounds != 0) {
        if (rounds > 0)
            defence.rounds = static_cast<u32>(rounds);
        else if (firmware_offers(kArchWorkaround3))
            defence.firmware_call = kArchWorkaround3;
    }
    if (csv2 == 0 && !defence.firmware_call && firmware_offers(kArchWorkaround1))
        defence.firmware_call = kArchWorkaround1;
    return defence;
}

}  // namespace nest::vhe
