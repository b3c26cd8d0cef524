// SPDX-License-Identifier: GPL-2.0-only
#include <random>
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

TEST(TickScale, IsExactOrOneNanosecondMore) {
    std::mt19937_64 random(1);
    for (u32 hz : {1'000'000u, 24'000'000u, 62'500'000u, 1'000'000'000u}) {
        const TickScale scale(hz);
        for (int i = 0; i < 2000; i++) {
            const u64 ticks = random() >> (20 + i % 44);
            const auto exact = (static_cast<unsigned __int128>(ticks) * 1'000'000'000 + hz - 1) / hz;
            const u64 ns = scale.to_ns(ticks);
            ASSERT_GE(ns, static_cast<u64>(exact)) << hz << " " << ticks;
            ASSERT_LE(ns - static_cast<u64>(exact), 1 + (ticks >> 32)) << hz << " " << ticks;
        }
    }
}

TEST(TickScale, KnownValues) {
    EXPECT_EQ(TickScale(62'500'000).to_ns(0), 0u);
    EXPECT_EQ(TickScale(62'500'000).to_ns(1), 17u);  // 16, and one for the rounding
    EXPECT_EQ(TickScale(1'000'000'000).to_ns(1'000'000'000), 1'000'000'001u);
}

TEST(TickScale, SaturatesInsteadOfWrapping) {
    for (u32 hz : {1u, 24'000'000u, 62'500'000u, 1'000'000'000u})
        EXPECT_GE(TickScale(hz).to_ns(~u64{0}), kNever - 1 - (u64{1} << 33)) << hz;
    EXPECT_EQ(TickScale(24'000'000).to_ns(~u64{0}), kNever - 1);
    EXPECT_EQ(TickScale(1).to_ns(u64{1} << 40), kNever - 1);
}

TEST(Tval, IsASignedWindow) {
    EXPECT_EQ(tval_of(100, 40), 60u);
    EXPECT_EQ(tval_of(40, 100), 0xffffffc4u);
    EXPECT_EQ(tval_of(u64{1} << 33, 0), 0u);
    EXPECT_EQ(cval_of_tval(60, 40), 100u);
    EXPECT_EQ(cval_of_tval(0xffffffff, 40), 39u);
    EXPECT_EQ(cval_of_tval(0xffffffff, 0), ~u64{0});           // wraps below zero: the far future
    EXPECT_EQ(cval_of_tval(0x80000000, u64{1} << 40), (u64{1} << 40) - (u64{1} << 31));
    EXPECT_EQ(cval_of_tval(0xdead'0000'0000'0001, 10), 11u);  // the upper half is ignored
}

TEST(Context, AgreesWithTheArchitectureForRandomStates) {
    std::mt19937_64 random(2);
    TimerContext t;
    Atomic<u64> vm{0};
    u64 cntvoff = 0;
    t.set_offset_source(&vm, &cntvoff);
    for (int i = 0; i < 20000; i++) {
        vm.store_relaxed(random() >> (i % 64));
        cntvoff = random() >> (i * 7 % 64);
        const u64 host = random() >> (i * 3 % 64);
        const u64 now = host - vm.load_relaxed() - cntvoff;
        const u64 cval = i % 3 ? now + (random() % 5) - 2 : random();
        const u64 ctl = random() % 8;
        t.set_ctl(ctl);
        t.set_cval(cval);
        ASSERT_EQ(t.guest_count(host), now);
        ASSERT_EQ(t.condition_met(host), now >= cval);
        ASSERT_EQ(t.should_fire(host), (ctl & 1) && !(ctl & 2) && now >= cval);
        ASSERT_EQ(t.ticks_left(host), now >= cval ? 0 : cval - now);
    }
}

TEST(Context, StorageCanBeTheGuestsPage) {
    TimerContext t;
    u64 page[2] = {};
    t.set_ctl(1);
    t.set_cval(55);
    t.bind_storage(&page[0], &page[1]);
    EXPECT_EQ(page[0], 1u);
    EXPECT_EQ(page[1], 55u);
    t.remember();
    EXPECT_FALSE(t.changed());
    page[1] = 56;
    EXPECT_TRUE(t.changed());
    EXPECT_EQ(t.cval(), 56u);
}

TEST(Names, OneRegEncodingsAreSwappedAsInTheAbi) {
    EXPECT_EQ(timer_one_reg(0xdf02, false), (TimerAccess{TimerId::kVirtual, TimerReg::kCompare}));
    EXPECT_EQ(timer_one_reg(0xdf1a, false), (TimerAccess{TimerId::kVirtual, TimerReg::kCount}));
    EXPECT_EQ(timer_one_reg(0xdf19, false), (TimerAccess{TimerId::kVirtual, TimerReg::kControl}));
    EXPECT_EQ(timer_one_reg(0xdf01, false), (TimerAccess{TimerId::kPhysical, TimerReg::kCount}));
    EXPECT_EQ(timer_one_reg(0xdf11, false), (TimerAccess{TimerId::kPhysical, TimerReg::kControl}));
    EXPECT_EQ(timer_one_reg(0xdf12, false), (TimerAccess{TimerId::kPhysical, TimerReg::kCompare}));
    EXPECT_FALSE(timer_one_reg(0xdf10, true));  // CNTP_TVAL_EL0 is no register of the ABI
    EXPECT_FALSE(timer_one_reg(arch::encode(3, 4, 14, 2, 1).raw, false));
    EXPECT_EQ(timer_one_reg(arch::encode(3, 4, 14, 2, 1).raw, true),
              (TimerAccess{TimerId::kHypPhysical, TimerReg::kControl}));
}

TEST(Names, SysregsFollowTheExceptionLevel) {
    using enum arch::SysReg;
    EXPECT_EQ(timer_access(CNTV_CTL_EL0), (TimerAccess{TimerId::kVirtual, TimerReg::kControl}));
    EXPECT_EQ(timer_access(CNTV_CTL_EL0, true, true), (TimerAccess{TimerId::kHypVirtual, TimerReg::kControl}));
    EXPECT_EQ(timer_access(CNTV_CTL_EL0, true, false), (TimerAccess{TimerId::kVirtual, TimerReg::kControl}));
    EXPECT_EQ(timer_access(CNTPCT_EL0, true, false), (TimerAccess{TimerId::kHypPhysical, TimerReg::kCount}));
    EXPECT_EQ(timer_access(CNTP_TVAL_EL02, true, true), (TimerAccess{TimerId::kPhysical, TimerReg::kValue}));
    EXPECT_EQ(timer_access(CNTHV_CVAL_EL2, true, true), (TimerAccess{TimerId::kHypVirtual, TimerReg::kCompare}));
    EXPECT_FALSE(timer_access(SCTLR_EL1));
}

TEST(Traps, TouchOnlyTheEl1Controls) {
    using R = arch::CNTHCTL_EL2;
    constexpr u64 ours = R::mask<R::EL1PTEN, R::EL1PCTEN, R::EL1TVT, R::EL1TVCT, R::EL1NVPCT, R::EL1NVVCT, R::ECV>();
    const auto open = with_traps(R::of(~u64{0}), {});
    EXPECT_EQ(open.raw & ~ours, ~ours);
    EXPECT_EQ(open.raw & ours, (R::mask<R::EL1PTEN, R::EL1PCTEN>()));
    TimerTraps all{true, true, true, true, true, true, true};
    EXPECT_EQ(with_traps(R::of(0), all).raw, (R::mask<R::EL1TVT, R::EL1TVCT, R::EL1NVPCT, R::EL1NVVCT, R::ECV>()));
    const TimerTraps l1 = merged({}, R::of(R::EL1PCTEN::kMask | R::EL1TVT::kMask));
    EXPECT_TRUE(l1.physical_timer && l1.virtual_timer);
    EXPECT_FALSE(l1.physical_counter || l1.virtual_counter || l1.offset_physical);
}

}  // namespace
}  // namespace nest::timer
