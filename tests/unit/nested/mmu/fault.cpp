// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using namespace nest::stage2;
using test::World;
using arch::L2Ipa;

u64 esr(arch::Ec ec, u64 iss) { return arch::ESR_EL2{}.with<arch::ESR_EL2::EC>(static_cast<u64>(ec)).with<arch::ESR_EL2::ISS>(iss).raw; }

TEST(L2Fault, FromTheSyndrome) {
    using I = arch::AbortIss;
    auto data = [](u64 iss, bool instruction = false) {
        return decode_l2_fault(esr(instruction ? arch::Ec::kInstrAbortLower : arch::Ec::kDataAbortLower, iss), 0xffff'0123, 0x4'5670, 5, false);
    };
    EXPECT_EQ(data(7).ipa.raw, 0x456'7123u);
    EXPECT_FALSE(data(7).write);
    EXPECT_TRUE(data(7 | I::WnR::kMask).write);
    EXPECT_FALSE(data(7 | I::WnR::kMask | I::CM::kMask).write) << "cache maintenance where nothing is mapped";
    EXPECT_TRUE(data(15 | I::WnR::kMask | I::CM::kMask).write) << "cache maintenance that needs the permission";
    EXPECT_TRUE(data(7, true).exec);
    EXPECT_FALSE(data(7 | I::S1PTW::kMask, true).exec) << "the walk reads";
    EXPECT_FALSE(data(7 | I::S1PTW::kMask | I::WnR::kMask).write);
    EXPECT_TRUE(data(15 | I::S1PTW::kMask).write) << "only an update of a descriptor is stopped by a permission";
    EXPECT_TRUE(decode_l2_fault(0, 0, 0, 0, false).el0);
    EXPECT_EQ(forwarded_esr(esr(arch::Ec::kDataAbortLower, 7 | I::ISV::kMask), 0x0d), esr(arch::Ec::kDataAbortLower, 13 | I::ISV::kMask));
    EXPECT_EQ(forwarded_hpfar(L2Ipa(0x456'7123)), 0x4'5670u);
}

Stage2Result l1(Prot prot, MemoryType type = MemoryType::Normal, unsigned shift = 12) {
    Stage2Result r;
    r.attributes = {prot, type};
    r.shift = static_cast<u8>(shift);
    return r;
}
Leaf below(Prot prot, MemoryType type = MemoryType::Normal, unsigned level = 3) {
    Leaf l;
    l.valid = true;
    l.level = static_cast<u8>(level);
    l.attributes = {prot, type};
    return l;
}

TEST(Compose, EveryPermissionTypeAndSize) {
    for (unsigned a = 0; a < 8; a++)
        for (unsigned b = 0; b < 8; b++)
            for (auto x_at : {ExecAt::Both, ExecAt::El0Only, ExecAt::El1Only}) {
                const Prot p{(a & 1) != 0, (a & 2) != 0, (a & 4) != 0, x_at}, q{(b & 1) != 0, (b & 2) != 0, (b & 4) != 0};
                const Composed c = compose(l1(p), below(q), 1, (a ^ b) & 1);
                EXPECT_EQ(c.attributes.prot.r, p.r && q.r);
                EXPECT_EQ(c.attributes.prot.w, p.w && q.w);
                EXPECT_EQ(c.attributes.prot.x, p.x && q.x);
                EXPECT_EQ(c.attributes.prot.x_at, p.x && q.x ? x_at : ExecAt::Both);
            }
    using T = MemoryType;
    auto type = [](T a, T b, bool fwb, Prot p = kProtRw) { return compose(l1(p, a), below(kProtRwx, b), 0, fwb).attributes; };
    for (bool fwb : {false, true}) {
        EXPECT_EQ(type(T::Normal, T::Normal, fwb).type, T::Normal);
        EXPECT_EQ(type(T::NormalNC, T::Normal, fwb, kProtRwx), (Attributes{kProtRwx})) << "execution needs Write-Back";
        EXPECT_FALSE(type(T::Device_nGnRE, T::Normal, fwb, kProtRwx).prot.x);
        for (T a : {T::Normal, T::NormalNC, T::Device_nGnRE})
            EXPECT_EQ(type(a, T::Device_nGnRE, fwb, kProtRwx), (Attributes{kProtRw, T::Device_nGnRE}));
    }
    EXPECT_EQ(type(T::NormalNC, T::Normal, false).type, T::NormalNC);
    EXPECT_EQ(type(T::Device_nGnRE, T::Normal, false, kProtRwx).type, T::Device_nGnRE);
    EXPECT_EQ(type(T::NormalNC, T::Normal, true).type, T::Normal) << "nobody has cleaned that memory";
    EXPECT_EQ(type(T::Device_nGnRE, T::Normal, true, kProtRwx).type, T::Normal);
    struct Size { unsigned l1, level, shift; };
    for (Size s : {Size{12, 1, 12}, {14, 1, 12}, {16, 2, 12}, {21, 1, 21}, {21, 3, 12}, {25, 2, 21}, {29, 1, 21}, {30, 1, 30},
                   {30, 2, 21}, {0, 1, 30}, {0, 3, 12}})
        EXPECT_EQ(compose(l1(kProtRw, T::Normal, s.l1), below(kProtRw, T::Normal, s.level), 0, false).shift, s.shift) << s.l1 << ' ' << s.level;
}

TEST(Compose, WhatL1Forbids) {
    L2Fault walk;
    walk.on_walk = true;
    EXPECT_FALSE(l1_forbids(l1(kProtR), walk));
    EXPECT_TRUE(l1_forbids(l1({false, true, false}), walk));
    EXPECT_FALSE(l1_forbids(l1(kProtRw, MemoryType::Device_nGnRE), walk));
    walk.no_device_walk = true;
    EXPECT_TRUE(l1_forbids(l1(kProtRw, MemoryType::Device_nGnRE), walk));
    walk.write = true;
    EXPECT_TRUE(l1_forbids(l1(kProtR), walk));
    L2Fault fetch;
    fetch.exec = true;
    EXPECT_FALSE(l1_forbids(l1({true, false, true, ExecAt::El1Only}), fetch));
    EXPECT_TRUE(l1_forbids(l1({true, false, true, ExecAt::El0Only}), fetch));
    EXPECT_TRUE(l1_forbids(l1(kProtRwx, MemoryType::Device_nGnRE), fetch));
    fetch.el0 = true;
    EXPECT_TRUE(l1_forbids(l1({true, false, true, ExecAt::El1Only}), fetch));
}

class ResolveTest : public testing::Test {
public:
    void SetUp() override {
        vm.stage2_granules = 7;
        vm.access_flag = true;
        using V = arch::VTCR_EL2;
        regime = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase),
                               V::of(arch::kVtcrRes1).with<V::SL0>(0).with<V::T0SZ>(39).with<V::PS>(5).with<V::HA>(1), false, false, vm);
        *world.word(arch::Ipa(World::kRamBase)) = (World::kRamBase + 0x1000) | 3;
        leaf() = World::kBigBase | 1 << 10 | 3 << 6 | 15 << 2 | 3;
        shadow = &world.get({1, 2, 3, true});
    }
    u64& leaf() { return *world.word(arch::Ipa(World::kRamBase + 0x1000)); }
    Resolution resolve(L2Fault f = {}, bool top_up = true) {
        World::check(!top_up || World::Mmu::top_up(*shadow, world.cache).ok(), "memory");
        Guard guard(world.lock);
        return world.mmu.resolve(*shadow, &regime, f, world.cache);
    }
    World world;
    MmuFeatures vm;
    Stage2Regime regime;
    World::Shadow* shadow;
};

TEST_F(ResolveTest, TablesFirstThenMemoryThenDone) {
    Resolution r = resolve();
    EXPECT_EQ(r.outcome, FaultOutcome::kFaultIn);
    EXPECT_TRUE(r.of_table);
    EXPECT_EQ(r.canonical.raw, World::kRamBase);
    EXPECT_EQ(r.fsc, 0x16) << "if no memory is there: an external abort on the walk, level 2";
    ASSERT_TRUE(world.fault_in(r.canonical, r.write));
    r = resolve();
    EXPECT_EQ(r.canonical.raw, World::kRamBase + 0x1000);
    ASSERT_TRUE(world.fault_in(r.canonical, r.write));
    r = resolve();
    EXPECT_FALSE(r.of_table);
    EXPECT_EQ(r.canonical.raw, World::kBigBase);
    EXPECT_FALSE(r.permission);
    ASSERT_TRUE(world.fault_in(r.canonical, r.write));
    EXPECT_EQ(resolve().outcome, FaultOutcome::kResolved);
    L2Fault write;
    write.write = write.permission = true;
    r = resolve(write);
    EXPECT_EQ(r.outcome, FaultOutcome::kFaultIn);
    EXPECT_TRUE(r.write && r.permission) << "the canonical leaf is read-only: dirty logging hears of it first";
    ASSERT_TRUE(world.fault_in(r.canonical, r.write));
    EXPECT_EQ(resolve(write).outcome, FaultOutcome::kResolved);
}

TEST_F(ResolveTest, AccessFlagOfL1NeedsAWritableTable) {
    leaf() &= ~u64{1 << 10};
    for (u64 at : {World::kRamBase, World::kRamBase + 0x1000, World::kBigBase})
        ASSERT_TRUE(world.fault_in(arch::Ipa(at), false));
    Resolution r = resolve();
    EXPECT_EQ(r.outcome, FaultOutcome::kFaultIn);
    EXPECT_TRUE(r.of_table && r.write && r.permission);
    EXPECT_FALSE(leaf() & 1 << 10) << "a write-protected page is not written behind the dirty log's back";
    ASSERT_TRUE(world.fault_in(r.canonical, r.write));
    EXPECT_EQ(resolve().outcome, FaultOutcome::kResolved);
    EXPECT_TRUE(leaf() & 1 << 10);
}

// The walk remembers where L1's tables lie: not beyond the VMM's taking a page of them away.
TEST_F(ResolveTest, ATableThatIsTakenAwayIsAskedForAgain) {
    ASSERT_EQ(world.access(*shadow, &regime, {}).outcome, FaultOutcome::kResolved);
    ASSERT_EQ(resolve().outcome, FaultOutcome::kResolved);
    struct { u64 from, to, table; } const ranges[] = {
        {World::kRamBase, World::kRamBase + 0x1000, World::kRamBase},
        {World::kRamBase + 0x1000, World::kRamBase + 0x2000, World::kRamBase + 0x1000},
        {World::kRamBase, World::kRamBase + World::kRamBytes, World::kRamBase},
    };
    for (const auto& range : ranges) {
        world.canonical_unmap(range.from, range.to);
        const Resolution r = resolve();
        EXPECT_EQ(r.outcome, FaultOutcome::kFaultIn);
        EXPECT_TRUE(r.of_table);
        EXPECT_EQ(r.canonical.raw, range.table);
        ASSERT_EQ(world.access(*shadow, &regime, {}).outcome, FaultOutcome::kResolved);
    }
    world.canonical_unmap(World::kBigBase, World::kBigBase + 0x1000);
    EXPECT_FALSE(resolve().of_table) << "another page than the tables'";
}

TEST(TableFrames, KeepsAndForgets) {
    TableFrames frames;
    u8 a, b;
    EXPECT_EQ(frames.find(0), nullptr);
    frames.enter(0, &a);
    frames.enter(65, &b);
    EXPECT_EQ(frames.find(0), &a);
    EXPECT_EQ(frames.find(65), &b);
    EXPECT_EQ(frames.find(1), nullptr) << "the same place";
    frames.forget(1, 65);
    EXPECT_EQ(frames.find(0), nullptr) << "a range of all places may forget more than it names";
    frames.enter(65, &b);
    frames.enter(2, &a);
    frames.forget(64, 66);
    EXPECT_EQ(frames.find(65), nullptr);
    EXPECT_EQ(frames.find(2), &a);
}

TEST_F(ResolveTest, OutsideOfTheVm) {
    leaf() = (u64{1} << 44) | 1 << 10 | 3 << 6 | 15 << 2 | 3;  // beyond the canonical stage 2
    const Resolution r = world.access(*shadow, &regime, {});
    EXPECT_EQ(r.outcome, FaultOutcome::kFaultIn);
    EXPECT_EQ(r.canonical.raw, u64{1} << 44);
    EXPECT_FALSE(r.of_table);
    L2Fault far;
    far.ipa = L2Ipa(u64{1} << 45);
    EXPECT_EQ(resolve(far).fsc, 0x04);
}

TEST_F(ResolveTest, EmptyCacheIsAskedFor) {
    for (u64 at : {World::kRamBase, World::kRamBase + 0x1000, World::kBigBase})
        ASSERT_TRUE(world.fault_in(arch::Ipa(at), false));
    world.cache.drain();
    EXPECT_EQ(resolve({}, false).outcome, FaultOutcome::kNeedTables);
    EXPECT_EQ(resolve().outcome, FaultOutcome::kResolved);
}

}  // namespace
