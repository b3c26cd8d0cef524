// SPDX-License-Identifier: GPL-2.0-only
// Registers of EL2 whose layout depends on HCR_EL2.E2H, from the layout with E2H 0 to the one that hardware at EL1, and all
// that merges L1's controls, understands: [DDI0487] D24.2.33 CPTR_EL2, D24.2.174 SCTLR_EL2, D24.2.193 TCR_EL2, D24.10.2
// CNTHCTL_EL2. L1's registers are kept as L1 wrote them; a change of E2H changes what the bits mean, not the bits.
#pragma once
#include <arch/registers.hpp>

namespace nest::vhe {

// Virtual EL2 without E2H has one range of addresses and no EL0. Hardware's EL1 walks for such a regime as EL2 would, as long as
// HCR_EL2.{NV, NV1} are set: one privilege, UXN in the place of PXN, PSTATE.PAN without effect ([DDI0487] D8.11.4).

// TCR_EL1 from TCR_EL2 with E2H 0. The upper range is off (EPD1).
constexpr u64 tcr_el1_of(u64 tcr_el2) {
    const auto moved = [tcr_el2](unsigned from, unsigned width, unsigned to) {
        return (tcr_el2 >> from & ((u64{1} << width) - 1)) << to;
    };
    constexpr u64 kEpd1 = u64{1} << 23, kTg1Of4K = u64{2} << 30, kSmallestT1sz = u64{16} << 16;
    constexpr u64 kInPlace = 0xff3f;            // T0SZ; IRGN0, ORGN0, SH0, TG0
    return kEpd1 | kTg1Of4K | kSmallestT1sz | (tcr_el2 & kInPlace) |
           moved(16, 3, 32) |                   // PS to IPS
           moved(20, 1, 37) |                   // TBI to TBI0
           moved(21, 2, 39) |                   // HA, HD
           moved(24, 1, 41) |                   // HPD to HPD0
           moved(25, 4, 43) |                   // HWU59 to HWU62
           moved(29, 1, 51) |                   // TBID to TBID0
           moved(30, 1, 57) |                   // TCMA to TCMA0
           moved(32, 1, 59);                    // DS
}

// SCTLR_EL1 from SCTLR_EL2 with E2H 0. What only EL0 would feel is as permissive as it can be. SPAN: an exception that virtual
// EL2 takes to itself leaves PSTATE.PAN alone ([DDI0487] AArch64.TakeException: EL2 sets PAN under E2H and TGE only).
constexpr u64 sctlr_el1_of(u64 sctlr_el2) {
    using S = arch::SCTLR_EL1;
    constexpr u64 kM = 1, kA = 1 << 1, kC = 1 << 2, kSa = 1 << 3, kNaa = 1 << 6, kEos = 1 << 11, kI = 1 << 12, kEnDb = 1 << 13,
                  kWxn = 1 << 19, kIesb = 1 << 21, kEis = 1 << 22, kEnDa = 1 << 27, kBt = u64{1} << 36;
    constexpr u64 kCommon = kM | kA | kC | kSa | kNaa | kEos | kI | kEnDb | kWxn | kIesb | kEis | kEnDa | kBt |
                            S::mask<S::EE, S::EnIA, S::EnIB, S::DSSBS>();
    // UCI, DZE, UCT, nTWE, nTWI, CP15BEN: whatever EL0 may; and SPAN, TSCXT and LSMAOE, nTLSMD, which are RES1 without their features.
    constexpr u64 kForEl0 = u64{1} << 26 | 1 << 14 | 1 << 15 | 1 << 18 | 1 << 16 | 1 << 5, kRes1 = u64{3} << 28;
    return (sctlr_el2 & kCommon) | kForEl0 | kRes1 | S::mask<S::SPAN, S::TSCXT>();
}

// TTBR0_EL1 from TTBR0_EL2: without ASID, and never shared between CPUs (CnP): other CPUs of the VM may have E2H 1 under the same
// VMID, so that equal addresses mean something else there.
constexpr u64 ttbr0_el1_of(u64 ttbr0_el2) { return ttbr0_el2 & 0x0000'ffff'ffff'fffe; }

// CPTR_EL2 in the layout with E2H 1. TFP and TZ trap from every exception level, as FPEN 0 and ZEN 0 do. No VM has SME.
constexpr u64 cptr_with_e2h(u64 cptr_el2) {
    using C = arch::CPTR_EL2;
    constexpr u64 kTta = 1 << 20, kTfp = 1 << 10, kTz = 1 << 8;
    return C::of(cptr_el2 & C::mask<C::TCPAC, C::TAM>())
        .with<C::TTA>((cptr_el2 & kTta) != 0)
        .with<C::FPEN>(cptr_el2 & kTfp ? 0 : 3)
        .with<C::ZEN>(cptr_el2 & kTz ? 0 : 3)
        .raw;
}

// CNTHCTL_EL2 in the layout with E2H 1: EL1PCTEN and EL1PCEN are elsewhere, and nothing is said of EL0.
constexpr u64 cnthctl_with_e2h(u64 cnthctl_el2) {
    using T = arch::CNTHCTL_EL2;
    constexpr u64 kEl1pcten = 1, kEl1pcen = 2;
    constexpr u64 kCommon = T::mask<T::EVNTIS, T::EL1NVVCT, T::EL1NVPCT, T::EL1TVCT, T::EL1TVT, T::EVNTI, T::EVNTDIR, T::EVNTEN>();
    return T::of(cnthctl_el2 & kCommon)
        .with<T::EL1PCTEN>((cnthctl_el2 & kEl1pcten) != 0)
        .with<T::EL1PTEN>((cnthctl_el2 & kEl1pcen) != 0)
        .raw;
}

}  // namespace nest::vhe
