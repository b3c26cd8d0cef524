// SPDX-License-Identifier: GPL-2.0-only
// Cache maintenance of memory that a guest is about to reach: [DDI0487] D7.5.9. Addresses are the host's linear map's.
#pragma once
#include <arch/cpu.hpp>

namespace nest::stage2 {

// [DDI0487] D24.2.34
struct CacheType : arch::Layout<CacheType> {
    using DIC = Bit<29>;
    using IDC = Bit<28>;
    using DminLine = Field<19, 16>;  // log2 of words
    using L1Ip = Field<15, 14>;
    using IminLine = Field<3, 0>;

    constexpr u64 data_line() const { return u64{4} << get<DminLine>(); }
    constexpr u64 instruction_line() const { return u64{4} << get<IminLine>(); }
    constexpr bool instruction_aliases() const { return get<L1Ip>() != 3; }  // not PIPT
};

// Writes [va, va + bytes) back to memory and drops it from all data caches: a guest with its caches off, or without
// FEAT_S2FWB with a Device or Non-cacheable mapping of its own, must see what the host wrote.
void clean_invalidate_to_poc(arch::Cpu& cpu, CacheType ctr, u64 va, u64 bytes);

// Drops instructions that some earlier owner of the memory left in instruction caches. The data side is clean already:
// without FEAT_S2FWB by clean_invalidate_to_poc(), and FEAT_S2FWB implies CTR_EL0.IDC.
void invalidate_instructions(arch::Cpu& cpu, CacheType ctr, u64 va, u64 bytes);

}  // namespace nest::stage2
