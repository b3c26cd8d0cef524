// SPDX-License-Identifier: GPL-2.0-only
// Names of timer registers: as system registers that trap, and as KVM's ONE_REG ids.
#pragma once
#include <arch/sysreg.hpp>
#include <optional>
#include <timer/context.hpp>

namespace nest::timer {

enum class TimerReg : u8 { kCount, kCompare, kValue, kControl };  // CNTxCT, CVAL, TVAL, CTL

struct TimerAccess {
    TimerId id;
    TimerReg reg;
    constexpr bool operator==(const TimerAccess&) const = default;
};

// `vel2`: the guest is at virtual EL2; `e2h`: with HCR_EL2.E2H set, so that the EL0 names of timers mean the EL2 timers, and
// CNTVCT_EL0 has no offset of EL1's. nullopt: `reg` is no timer register.
constexpr std::optional<TimerAccess> timer_access(arch::SysReg reg, bool vel2 = false, bool e2h = false) {
    using enum arch::SysReg;
    const bool hyp = vel2 && e2h;
    const TimerId p = hyp ? TimerId::kHypPhysical : TimerId::kPhysical;
    const TimerId v = hyp ? TimerId::kHypVirtual : TimerId::kVirtual;
    switch (reg) {
    case CNTPCT_EL0:
    case CNTPCTSS_EL0: return TimerAccess{vel2 ? TimerId::kHypPhysical : TimerId::kPhysical, TimerReg::kCount};
    case CNTVCT_EL0:
    case CNTVCTSS_EL0: return TimerAccess{hyp ? TimerId::kHypVirtual : TimerId::kVirtual, TimerReg::kCount};
    case CNTP_TVAL_EL0: return TimerAccess{p, TimerReg::kValue};
    case CNTP_CTL_EL0: return TimerAccess{p, TimerReg::kControl};
    case CNTP_CVAL_EL0: return TimerAccess{p, TimerReg::kCompare};
    case CNTV_TVAL_EL0: return TimerAccess{v, TimerReg::kValue};
    case CNTV_CTL_EL0: return TimerAccess{v, TimerReg::kControl};
    case CNTV_CVAL_EL0: return TimerAccess{v, TimerReg::kCompare};
    case CNTP_TVAL_EL02: return TimerAccess{TimerId::kPhysical, TimerReg::kValue};
    case CNTP_CTL_EL02: return TimerAccess{TimerId::kPhysical, TimerReg::kControl};
    case CNTP_CVAL_EL02: return TimerAccess{TimerId::kPhysical, TimerReg::kCompare};
    case CNTV_TVAL_EL02: return TimerAccess{TimerId::kVirtual, TimerReg::kValue};
    case CNTV_CTL_EL02: return TimerAccess{TimerId::kVirtual, TimerReg::kControl};
    case CNTV_CVAL_EL02: return TimerAccess{TimerId::kVirtual, TimerReg::kCompare};
    case CNTHP_TVAL_EL2: return TimerAccess{TimerId::kHypPhysical, TimerReg::kValue};
    case CNTHP_CTL_EL2: return TimerAccess{TimerId::kHypPhysical, TimerReg::kControl};
    case CNTHP_CVAL_EL2: return TimerAccess{TimerId::kHypPhysical, TimerReg::kCompare};
    case CNTHV_TVAL_EL2: return TimerAccess{TimerId::kHypVirtual, TimerReg::kValue};
    case CNTHV_CTL_EL2: return TimerAccess{TimerId::kHypVirtual, TimerReg::kControl};
    case CNTHV_CVAL_EL2: return TimerAccess{TimerId::kHypVirtual, TimerReg::kCompare};
    default: return std::nullopt;
    }
}

struct TimerOneReg {
    u16 encoding;        // the low 16 bits of the ONE_REG id
    TimerAccess access;
    bool el2;            // only for a vCPU with virtual EL2
};

// KVM_REG_ARM_TIMER_CVAL and _CNT have each other's encoding since 2014: Documentation/virt/kvm/api.rst, KVM_SET_ONE_REG.
inline constexpr TimerOneReg kTimerOneRegs[] = {
    {arch::encode(3, 3, 14, 3, 1).raw, {TimerId::kVirtual, TimerReg::kControl}, false},       // TIMER_CTL
    {arch::encode(3, 3, 14, 0, 2).raw, {TimerId::kVirtual, TimerReg::kCompare}, false},       // TIMER_CVAL, swapped
    {arch::encode(3, 3, 14, 3, 2).raw, {TimerId::kVirtual, TimerReg::kCount}, false},         // TIMER_CNT, swapped
    {arch::encode(3, 3, 14, 2, 1).raw, {TimerId::kPhysical, TimerReg::kControl}, false},      // PTIMER_CTL
    {arch::encode(3, 3, 14, 2, 2).raw, {TimerId::kPhysical, TimerReg::kCompare}, false},      // PTIMER_CVAL
    {arch::encode(3, 3, 14, 0, 1).raw, {TimerId::kPhysical, TimerReg::kCount}, false},        // PTIMER_CNT
    {arch::encode(3, 4, 14, 2, 1).raw, {TimerId::kHypPhysical, TimerReg::kControl}, true},    // CNTHP_CTL_EL2
    {arch::encode(3, 4, 14, 2, 2).raw, {TimerId::kHypPhysical, TimerReg::kCompare}, true},    // CNTHP_CVAL_EL2
    {arch::encode(3, 4, 14, 3, 1).raw, {TimerId::kHypVirtual, TimerReg::kControl}, true},     // CNTHV_CTL_EL2
    {arch::encode(3, 4, 14, 3, 2).raw, {TimerId::kHypVirtual, TimerReg::kCompare}, true},     // CNTHV_CVAL_EL2
};

constexpr std::optional<TimerAccess> timer_one_reg(u16 encoding, bool has_el2) {
    for (const TimerOneReg& r : kTimerOneRegs)
        if (r.encoding == encoding && (has_el2 || !r.el2))
            return r.access;
    return std::nullopt;
}

}  // namespace nest::timer
