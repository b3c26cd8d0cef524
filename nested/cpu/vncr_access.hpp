// SPDX-License-Identifier: GPL-2.0-only
// Which registers FEAT_NV2 turns into memory for a hypervisor at EL1, or into another register: [DDI0487] D8.11. L2 is such
// a hypervisor when L1 sets HCR_EL2.NV for it; of L1's own accesses the hardware takes care.
#pragma once
#include <arch/sysreg.hpp>
#include <nested/cpu/el2_sysreg.hpp>

namespace nest::nested {

// Two registers of EL1 are memory by their EL1 names; all others by EL12 names only.
constexpr bool is_vncr_by_el1_name(arch::Encoding e) {
    return e == arch::encoding_of(arch::SysReg::MDSCR_EL1) || e == arch::encoding_of(arch::SysReg::ACTLR_EL1);
}

// The register that is memory by this name, at info().vncr of the page; kCount: none.
constexpr arch::SysReg vncr_register(arch::Encoding e) {
    using arch::SysReg;
    const SysReg named = arch::find_sysreg(e);
    SysReg reg;
    switch (named) {
    case SysReg::kCount: return SysReg::kCount;
    case SysReg::CNTP_CTL_EL02: reg = SysReg::CNTP_CTL_EL0; break;
    case SysReg::CNTP_CVAL_EL02: reg = SysReg::CNTP_CVAL_EL0; break;
    case SysReg::CNTV_CTL_EL02: reg = SysReg::CNTV_CTL_EL0; break;
    case SysReg::CNTV_CVAL_EL02: reg = SysReg::CNTV_CVAL_EL0; break;
    default: reg = e.op1() == 4 || is_vncr_by_el1_name(e) ? named : el12_register(e); break;
    }
    return reg != SysReg::kCount && arch::info(reg).vncr >= 0 ? reg : SysReg::kCount;
}

// The EL1 register that an access to one of EL2's exception registers becomes; kCount: `e` is none of these.
constexpr arch::SysReg vncr_alias(arch::Encoding e) {
    using arch::SysReg;
    switch (arch::find_sysreg(e)) {
    case SysReg::ELR_EL2: return SysReg::ELR_EL1;
    case SysReg::SPSR_EL2: return SysReg::SPSR_EL1;
    case SysReg::ESR_EL2: return SysReg::ESR_EL1;
    case SysReg::FAR_EL2: return SysReg::FAR_EL1;
    default: return SysReg::kCount;
    }
}

constexpr bool redirected_by_nv2(arch::Encoding e) {
    return vncr_register(e) != arch::SysReg::kCount || vncr_alias(e) != arch::SysReg::kCount;
}

}  // namespace nest::nested
