// SPDX-License-Identifier: GPL-2.0-only
// The page that L1's VNCR_EL2 names, while L2 runs: L1's EL2&0 regime is in the register file then.
#pragma once
#include <nested/system_instruction.hpp>
#include <nested/virtual_el2.hpp>
#include <nested/walk_stage1.hpp>

namespace nest::nested {

inline Stage1Registers el20_registers(const vncr::RegisterFile& file) {
    using arch::SysReg;
    return {file.get(SysReg::TTBR0_EL2), file.get(SysReg::TTBR1_EL2), file.get(SysReg::TCR_EL2),
            file.get(SysReg::SCTLR_EL2), file.get(SysReg::MAIR_EL2)};
}

inline vncr::PageName vncr_page_name(const VirtualEl2& v) {
    using arch::SysReg;
    constexpr u64 kA1 = u64{1} << 22, kAs = u64{1} << 36, kM = 1, kEe = u64{1} << 25;  // of TCR_EL2 and SCTLR_EL2
    const u64 tcr = v.file.get(SysReg::TCR_EL2), sctlr = v.file.get(SysReg::SCTLR_EL2);
    const u64 asid = v.file.get(tcr & kA1 ? SysReg::TTBR1_EL2 : SysReg::TTBR0_EL2) >> 48;
    // Bits above 55 are copies of it; an L1 that says otherwise gets what hardware may do: they are taken as such.
    const u64 va = static_cast<u64>(static_cast<s64>(v.get<arch::VNCR_EL2>().raw << 8) >> 8);
    return {va, static_cast<u16>(tcr & kAs ? asid : asid & 0xff), !(sctlr & kM),
            (sctlr & kEe) != 0};
}

// Does L1's invalidation of its own regime name it? By the whole leaf, whatever the instruction says of its level, and by
// the eight bits that every ASID has: what goes too often is only walked again.
inline bool names_translation(const TlbiOp& op, const vncr::Translation& t) {
    const bool asid = t.global || ((op.asid ^ t.name.asid) & 0xff) == 0;
    const u64 last = op.size ? op.start + (op.size - 1) : op.start;
    const bool address = op.start <= t.last() && last >= t.first();
    switch (op.scope) {
    case TlbiScope::kAsid: return !t.global && asid;
    case TlbiScope::kVa: return asid && address;
    case TlbiScope::kVaAllAsids: return address;
    default: return true;
    }
}

}  // namespace nest::nested
