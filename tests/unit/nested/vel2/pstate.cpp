// SPDX-License-Identifier: GPL-2.0-only
// PSTATE of exceptions to EL2 and returns from it.
#include <gtest/gtest.h>
#include <nested/vel2/pstate.hpp>

namespace nest::nested {
namespace {

using P = arch::SPSR_EL2;
using S = arch::SCTLR_EL1;
using arch::kModeEL0t;
using arch::kModeEL1h;
using arch::kModeEL1t;
using arch::kModeEL2h;
using arch::kModeEL2t;

constexpr u64 kMasked = 0x3c0;

TEST(PstateView, OnlyTheTwoModesOfEl2Differ) {
    EXPECT_EQ(to_hardware_view(kModeEL2h | 0x6000'03c0), kModeEL1h | 0x6000'03c0u);
    EXPECT_EQ(to_hardware_view(kModeEL2t), kModeEL1t);
    EXPECT_EQ(to_guest_view(kModeEL1h), kModeEL2h);
    EXPECT_EQ(to_guest_view(kModeEL1t | 1u << 21), kModeEL2t | 1u << 21);
    for (u64 mode : {kModeEL0t, u64{0x10}, u64{0x1f}}) {
        EXPECT_EQ(to_guest_view(mode), mode);
        EXPECT_EQ(to_hardware_view(mode), mode);
    }
    for (u64 mode : {kModeEL2h, kModeEL2t})
        EXPECT_EQ(to_guest_view(to_hardware_view(mode)), mode);
}

TEST(PstateAtEntry, VectorBlockByOrigin) {
    EXPECT_EQ(vector_block(kModeEL2t), 0x000u);
    EXPECT_EQ(vector_block(kModeEL2h), 0x200u);
    EXPECT_EQ(vector_block(kModeEL1h), 0x400u);
    EXPECT_EQ(vector_block(kModeEL1t), 0x400u);
    EXPECT_EQ(vector_block(kModeEL0t), 0x400u);
    EXPECT_EQ(vector_block(0x10), 0x600u);
}

TEST(PstateAtEntry, KeepsFlagsAndDitAndPanAndClearsTheRest) {
    const u64 all = ~u64{0} & ~P::M::kMask;
    EXPECT_EQ(pstate_at_entry(all | kModeEL1h, {}), P::N::kMask | P::Z::kMask | P::C::kMask | P::V::kMask |
                                                        P::DIT::kMask | P::PAN::kMask | kMasked | kModeEL1h);
    EXPECT_EQ(pstate_at_entry(0, {}), kMasked | kModeEL1h);
}

TEST(PstateAtEntry, PanIsSetOnlyInTheHostsRegimeAndOnlyWithoutSpan) {
    EXPECT_TRUE(pstate_at_entry(0, {S::of(0), true, false}) & P::PAN::kMask);
    EXPECT_FALSE(pstate_at_entry(0, {S{}.with<S::SPAN>(1), true, false}) & P::PAN::kMask);
    EXPECT_FALSE(pstate_at_entry(0, {S::of(0), false, false}) & P::PAN::kMask);
    EXPECT_TRUE(pstate_at_entry(P::PAN::kMask, {S{}.with<S::SPAN>(1), true, false}) & P::PAN::kMask);
}

TEST(PstateAtEntry, SsbsAndTco) {
    EXPECT_TRUE(pstate_at_entry(0, {S{}.with<S::DSSBS>(1), false, false}) & P::SSBS::kMask);
    EXPECT_FALSE(pstate_at_entry(P::SSBS::kMask, {S{}, false, false}) & P::SSBS::kMask);
    EXPECT_TRUE(pstate_at_entry(0, {S{}, false, true}) & P::TCO::kMask);
    EXPECT_FALSE(pstate_at_entry(P::TCO::kMask, {S{}, false, false}) & P::TCO::kMask);
}

// All 32 values of SPSR_EL2.M, and TGE.
TEST(ExceptionReturn, LegalModes) {
    for (u64 mode = 0; mode < 32; mode++)
        for (bool tge : {false, true}) {
            const bool el2 = mode == kModeEL2h || mode == kModeEL2t, el1 = mode == kModeEL1h || mode == kModeEL1t;
            const bool legal = mode == kModeEL0t || el2 || (el1 && !tge);
            EXPECT_EQ(is_illegal_return(mode | 0xf000'03c0, tge), !legal) << mode << tge;
        }
}

TEST(ExceptionReturn, LegalTakesOnlyWhatTheVmKnows) {
    const u64 spsr = ~u64{0x1f} | kModeEL0t;  // UINJ, PACM, EXLOCK, PM, ALLINT, everything
    const u64 now = pstate_at_return(kModeEL2h, spsr, false, false, false);
    EXPECT_EQ(now & ~known_spsr_bits(false), 0u);
    EXPECT_FALSE(now & P::TCO::kMask);
    EXPECT_FALSE(now & P::SS::kMask) << "no step was armed";
    EXPECT_TRUE(now & P::IL::kMask);
    EXPECT_TRUE(pstate_at_return(kModeEL2h, spsr, false, true, false) & P::TCO::kMask);
    EXPECT_TRUE(pstate_at_return(kModeEL2h, spsr, false, false, true) & P::SS::kMask);
    EXPECT_EQ(now & 0x1f, kModeEL0t);
}

TEST(ExceptionReturn, IllegalStaysWithFlagsAndMasksOfSpsr) {
    const u64 old = kModeEL2t | P::UAO::kMask | P::N::kMask;
    const u64 spsr = 0xd | P::Z::kMask | P::PAN::kMask | P::A::kMask | P::UAO::kMask | P::SSBS::kMask | P::BTYPE::kMask;
    EXPECT_EQ(pstate_at_return(old, spsr, true, true, false),
              kModeEL2t | P::Z::kMask | P::PAN::kMask | P::A::kMask | P::IL::kMask);
}

TEST(ExceptionReturn, SingleStepRule) {
    using M = arch::MDSCR_EL1;
    const M ss = M{}.with<M::SS>(1), kde = ss.with<M::KDE>(1);
    const u64 with_ss = P::SS::kMask;
    // EL1 does the debugging: disabled at EL2, enabled at EL0; at EL1 itself with KDE and D clear.
    EXPECT_TRUE(returns_with_step(kModeEL2h, with_ss | kModeEL0t, ss, false, false));
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL1h, ss, false, false));
    EXPECT_TRUE(returns_with_step(kModeEL2h, with_ss | kModeEL1h, kde, false, false));
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL1h | P::D::kMask, kde, false, false));
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL2h, kde, false, false));
    // EL2 does: enabled below it; at EL2 with KDE, and not if it was enabled before.
    EXPECT_TRUE(returns_with_step(kModeEL2h, with_ss | kModeEL1h, ss, true, false));
    EXPECT_TRUE(returns_with_step(kModeEL2h | P::D::kMask, with_ss | kModeEL2h, kde, true, false));
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL0t, kde, true, false));
    EXPECT_TRUE(returns_with_step(kModeEL2h | P::D::kMask, with_ss | kModeEL0t, kde, true, false));
    // Neither without MDSCR_EL1.SS nor without SPSR_EL2.SS.
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL0t, {}, false, false));
    EXPECT_FALSE(returns_with_step(kModeEL2h, kModeEL0t, ss, false, false));
    // Illegal: the target is where we are.
    EXPECT_FALSE(returns_with_step(kModeEL2h, with_ss | kModeEL0t, ss, false, true));
}

}  // namespace
}  // namespace nest::nested
