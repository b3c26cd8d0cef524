// SPDX-License-Identifier: GPL-2.0-only
// Interrupt numbers and the limits of one virtual GIC. [IHI0069] 2.2
#pragma once
#include <base/types.hpp>

namespace nest::vgic {

inline constexpr unsigned kSgis = 16;               // INTID 0 to 15
inline constexpr unsigned kPrivateInterrupts = 32;  // SGIs and PPIs, one bank per vCPU
inline constexpr unsigned kMaxInterrupts = 1024;    // of the distributor
inline constexpr unsigned kFirstSpecial = 1020;     // 1020 to 1023 are no interrupts
inline constexpr unsigned kDefaultInterrupts = 256;
inline constexpr unsigned kDefaultMaintenancePpi = 25;  // as the Server Base System Architecture has it
inline constexpr unsigned kMaxVcpus = 512;
inline constexpr unsigned kMaxListRegisters = 16;
inline constexpr unsigned kFirstLpi = 8192;
inline constexpr unsigned kLpiIdBits = 16;  // LPIs end below 2^16
inline constexpr unsigned kMaxSpiBanks = kMaxInterrupts / 32 - 1;
inline constexpr unsigned kLpiBanks = ((1u << kLpiIdBits) - kFirstLpi) / 32;
inline constexpr u16 kNobody = 0xffff;  // instead of a vCPU index

// The interrupts that exist among the 32 from `first` on, as bits.
constexpr u32 existing(unsigned first) {
    if (first >= kFirstSpecial)
        return 0;
    return kFirstSpecial - first >= 32 ? ~u32{0} : (u32{1} << (kFirstSpecial - first)) - 1;
}
constexpr bool is_sgi(unsigned intid) { return intid < kSgis; }
constexpr bool is_ppi(unsigned intid) { return intid >= kSgis && intid < kPrivateInterrupts; }
constexpr bool is_private(unsigned intid) { return intid < kPrivateInterrupts; }
constexpr bool is_lpi(unsigned intid) { return intid >= kFirstLpi; }
constexpr bool is_special(u64 intid) { return intid - kFirstSpecial < 4; }
constexpr bool is_spi(unsigned intid) { return !is_private(intid) && !is_lpi(intid); }

// Banks of shared interrupts have one numbering: the SPIs', behind them the LPIs'.
constexpr unsigned bank_index(unsigned intid) {
    return is_lpi(intid) ? kMaxSpiBanks + (intid - kFirstLpi) / 32 : intid / 32 - 1;
}
constexpr bool is_lpi_bank(unsigned bank) { return bank >= kMaxSpiBanks; }
constexpr unsigned first_intid(unsigned bank) {
    return is_lpi_bank(bank) ? kFirstLpi + (bank - kMaxSpiBanks) * 32 : (bank + 1) * 32;
}
constexpr u32 bit_of(unsigned intid) { return u32{1} << (intid % 32); }

// Calls f(bit number) for each set bit, lowest first.
template <typename F>
constexpr void for_each_bit(u32 word, F&& f) {
    for (; word; word &= word - 1)
        f(static_cast<unsigned>(__builtin_ctz(word)));
}

}  // namespace nest::vgic
