// SPDX-License-Identifier: GPL-2.0-only
// PSTATE of a vCPU with virtual EL2, and the architecture's rules for an exception to EL2 and a return from it.
//
// GuestContext::pstate always holds the hardware's view: virtual EL2 runs at EL1, so there EL2h is EL1h. The guest's
// view is needed in three places only: SPSR_EL2 of an exception that we take to virtual EL2 by software, ERET's SPSR, and
// ONE_REG. (What hardware itself writes to SPSR_EL1 under HCR_EL2.NV already says EL2.) [DDI0487] D8.11, R_RRJHH
#pragma once
#include <arch/registers.hpp>

namespace nest::nested {

// EL1t and EL1h to EL2t and EL2h; EL0 stays.
constexpr u64 to_guest_view(u64 pstate) {
    const u64 mode = pstate & 0x1f;
    return mode == arch::kModeEL1t || mode == arch::kModeEL1h ? pstate ^ (arch::kModeEL1t ^ arch::kModeEL2t) : pstate;
}
constexpr u64 to_hardware_view(u64 pstate) {
    const u64 mode = pstate & 0x1f;
    return mode == arch::kModeEL2t || mode == arch::kModeEL2h ? pstate ^ (arch::kModeEL1t ^ arch::kModeEL2t) : pstate;
}

// Offset of the block of vectors for an exception to EL2 from below it.
constexpr u64 guest_vector_block(u64 pstate) { return pstate & arch::SPSR_EL2::M4::kMask ? 0x600 : 0x400; }
// The same from `pstate` (the guest's view) at any EL.
constexpr u64 vector_block(u64 pstate) {
    switch (pstate & 0x1f) {
    case arch::kModeEL2t: return 0x000;
    case arch::kModeEL2h: return 0x200;
    default: return guest_vector_block(pstate);
    }
}

struct EntryRules {
    arch::SCTLR_EL1 sctlr;  // SCTLR_EL2's value; the fields asked for are SCTLR_EL1's under E2H
    bool host;              // ELIsInHost(EL0): E2H and TGE
    bool mte;
};

// PSTATE after an exception from `old` (the guest's view) to EL2, in the hardware's view. AArch64.TakeException.
constexpr u64 pstate_at_entry(u64 old, const EntryRules& rules) {
    using P = arch::SPSR_EL2;
    using S = arch::SCTLR_EL1;
    // Unchanged: NZCV, DIT, PAN. Cleared: UAO, SS, IL, BTYPE.
    return P::of(old & P::mask<P::N, P::Z, P::C, P::V, P::DIT, P::PAN>())
        .with<P::PAN>((old & P::PAN::kMask) || (rules.host && !rules.sctlr.get<S::SPAN>()))
        .with<P::TCO>(rules.mte)
        .with<P::SSBS>(rules.sctlr.get<S::DSSBS>())
        .with<P::D>(1).with<P::A>(1).with<P::I>(1).with<P::F>(1).with<P::M>(arch::kModeEL1h).raw;
}

// Bits of SPSR_EL2 that mean something to a VM. All others (TCO without MTE, ALLINT, PM, PACM, EXLOCK, UINJ …) belong
// to features that the VM does not have, and must not reach hardware's SPSR_EL2.
constexpr u64 known_spsr_bits(bool mte) {
    using P = arch::SPSR_EL2;
    return P::mask<P::N, P::Z, P::C, P::V, P::DIT, P::UAO, P::PAN, P::SS, P::IL, P::SSBS, P::BTYPE, P::D, P::A, P::I,
                   P::F, P::M>() |
           (mte ? P::TCO::kMask : 0);
}

// A mode of EL0 or EL1, in AArch64.
constexpr bool is_below_el2(u64 spsr) {
    constexpr u64 kModes = u64{1} << arch::kModeEL0t | u64{1} << arch::kModeEL1t | u64{1} << arch::kModeEL1h;
    return kModes >> (spsr & 0x1f) & 1;
}

// AArch64.IllegalExceptionReturn for a return from EL2 of a VM whose every EL is AArch64.
constexpr bool is_illegal_return(u64 spsr, bool tge) {
    switch (spsr & 0x1f) {
    case arch::kModeEL0t:
    case arch::kModeEL2t:
    case arch::kModeEL2h: return false;
    case arch::kModeEL1t:
    case arch::kModeEL1h: return tge;
    default: return true;  // EL3, M[1], EL0 with its own SP, AArch32
    }
}

// DebugExceptionReturnSS: may PSTATE.SS become SPSR_EL2.SS? `old`: PSTATE before; both in the guest's view.
// `debug_at_el2`: MDCR_EL2.TDE or HCR_EL2.TGE, that is debug exceptions are EL2's.
constexpr bool returns_with_step(u64 old, u64 spsr, arch::MDSCR_EL1 mdscr, bool debug_at_el2, bool illegal) {
    using P = arch::SPSR_EL2;
    if (!mdscr.get<arch::MDSCR_EL1::SS>() || !(spsr & P::SS::kMask))
        return false;
    const bool kde = mdscr.get<arch::MDSCR_EL1::KDE>();
    if (debug_at_el2 && kde && !(old & P::D::kMask))
        return false;  // enabled where we come from: nothing to arm
    const u64 target = (illegal ? old : spsr) >> 2 & 3, debug_el = debug_at_el2 ? 2 : 1;
    return target < debug_el || (target == debug_el && kde && !(spsr & P::D::kMask));
}

// PSTATE after an exception return, in the guest's view: SetPSTATEFromSPSR.
constexpr u64 pstate_at_return(u64 old, u64 spsr, bool illegal, bool mte, bool step) {
    using P = arch::SPSR_EL2;
    const u64 ss = step ? P::SS::kMask : 0;
    if (!illegal) [[likely]]
        return (spsr & known_spsr_bits(mte) & ~P::SS::kMask) | ss;
    // EL, SP and nRW stay; IL makes the next instruction an Illegal Execution State exception.
    constexpr u64 taken = P::mask<P::N, P::Z, P::C, P::V, P::PAN, P::D, P::A, P::I, P::F>();
    return (spsr & taken) | (old & P::M::kMask) | P::IL::kMask | ss;
}

}  // namespace nest::nested
