// SPDX-License-Identifier: GPL-2.0-only
// Which registers FEAT_NV2 turns into memory for a hypervisor at EL1, or into another register: [DDI0487] D8.11. L2 is such
// a hypervisor when L1 sets HCR_EL2.NV for it; of L1's own accesses the hardware takes care.
#pragma once
#include <arch/sysreg.hpp>
#include <nested/cpu/el2_sysreg.hpp>

namespace nest::nested {

namespace detail {
// The register of EL1 or EL0 that L2, a hypervisor, means by an EL12 or EL02 name; kCount: `e` is no such name.
constexpr arch::SysReg meant_by_el12_name(arch::Encoding e) {
    using arch::SysReg;
    switch (arch::find_sysreg(e)) {
    case SysReg::CNTP_CTL_EL02: return SysReg::CNTP_CTL_EL0;
    case SysReg::CNTP_CVAL_EL02: return SysReg::CNTP_CVAL_EL0;
    case SysReg::CNTV_CTL_EL02: return SysReg::CNTV_CTL_EL0;
    case SysReg::CNTV_CVAL_EL02: return SysReg::CNTV_CVAL_EL0;
    default: return el12_register(e);
    }
}
// Is `reg`, by its plain name, one that NV1 makes memory? Those of el1_registers.def that EL12 names reach, and the timers.
constexpr bool is_vncr_by_nv1(arch::SysReg reg) {
    using arch::SysReg;
    switch (reg) {
    case SysReg::CNTP_CTL_EL0:
    case SysReg::CNTP_CVAL_EL0:
    case SysReg::CNTV_CTL_EL0:
    case SysReg::CNTV_CVAL_EL0: return true;
    default: return is_banked_el1(reg) && reg != SysReg::CNTKCTL_EL1;
    }
}
}  // namespace detail

// Two registers of EL1 are memory by their EL1 names, all others by EL12 and EL02 names, or with NV1 by their plain names.
constexpr bool is_vncr_by_el1_name(arch::Encoding e, bool nv1 = false) {
    return e == arch::encoding_of(arch::SysReg::MDSCR_EL1) || e == arch::encoding_of(arch::SysReg::ACTLR_EL1) ||
           (nv1 && detail::is_vncr_by_nv1(arch::find_sysreg(e)));
}

// The register that is memory by this name, at info().vncr of the page; kCount: none.
constexpr arch::SysReg vncr_register(arch::Encoding e, bool nv1 = false) {
    using arch::SysReg;
    const SysReg named = arch::find_sysreg(e);
    SysReg reg = SysReg::kCount;
    if (named == SysReg::kCount)
        return reg;
    if (e.op1() == 4 || is_vncr_by_el1_name(e, nv1))
        reg = named;
    else if (!nv1)
        reg = detail::meant_by_el12_name(e);
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

constexpr bool redirected_by_nv2(arch::Encoding e, bool nv1 = false) {
    return vncr_register(e, nv1) != arch::SysReg::kCount || vncr_alias(e) != arch::SysReg::kCount;
}

}  // namespace nest::nested
