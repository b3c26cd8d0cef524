// SPDX-License-Identifier: GPL-2.0-only
// The page that L1's VNCR_EL2 names, while L2 runs: L1's own regime is in the register file then.
#pragma once
#include <nested/vel2/system_instruction.hpp>
#include <nested/vel2/virtual_el2.hpp>
#include <nested/walk/walk_stage1.hpp>

namespace nest::nested {

inline Stage1Registers vel2_regime_registers(const vncr::RegisterFile& file, bool e2h) {
    using arch::SysReg;
    return vel2_stage1(file.get(SysReg::TTBR0_EL2), file.get(SysReg::TTBR1_EL2), file.get(SysReg::TCR_EL2),
                       file.get(SysReg::SCTLR_EL2), file.get(SysReg::MAIR_EL2), e2h);
}

inline vncr::PageName vncr_page_name(const VirtualEl2& v) {
    const Stage1Registers registers = vel2_regime_registers(v.file, v.e2h());
    const auto sctlr = arch::SCTLR_EL1::of(registers.sctlr);
    // Bits above 55 have to be copies of bit 55. Where L1 wrote something else, hardware may take them as copies: so do we.
    const u64 va = static_cast<u64>(static_cast<s64>(v.get<arch::VNCR_EL2>().raw << 8) >> 8);
    return {va, present_asid(registers), !sctlr.get<arch::SCTLR_EL1::M>(), sctlr.get<arch::SCTLR_EL1::EE>() != 0};
}

// Does L1's TLBI of its own regime name this translation? Any address of the leaf counts, whatever level the instruction says,
// and of ASIDs only the eight bits that each has: a translation that is dropped too often is only walked again.
inline bool names_translation(const TlbiOp& op, const vncr::Translation& t) {
    const bool asid = t.global || ((op.asid ^ t.name.asid) & 0xff) == 0;
    const auto from = [&](u64 start) {
        const u64 last = op.size ? start + (op.size - 1) : start;
        return start <= t.last() && (last < start || last >= t.first());
    };
    // In which unit a range begins depends on TCR_EL2.DS: both are tried.
    const bool address = from(op.start) || (op.range && from(wide_start(op)));
    switch (op.scope) {
    case TlbiScope::kAsid: return !t.global && asid;
    case TlbiScope::kVa: return asid && address;
    case TlbiScope::kVaAllAsids: return address;
    default: return true;
    }
}

}  // namespace nest::nested
