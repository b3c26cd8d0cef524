// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using test::World;
using test::L2Fault;
using arch::L2Ipa;

// Four shadows: two VMIDs on one set of tables, the first VMID again with other tables, and again with stage 2 off.
class TlbiTest : public testing::Test {
public:
    void SetUp() override {
        vm.pa_bits = 48;
        vm.stage2_granules = 7;
        vm.ttl = true;
        using V = arch::VTCR_EL2;
        vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(32).with<V::PS>(5);
        // L2 0..1G: a table of 2 MiB blocks, the first a table of pages; 1..2G: one block.
        word(0) = (World::kRamBase + 0x1000) | 3;
        word(8) = 0xc000'0000 | kLeaf | 1;
        for (u64 i = 0; i < 512; i++) {
            word(0x1000 + 8 * i) = (World::kBigBase + (i << 21)) | kLeaf | 1;
            word(0x2000 + 8 * i) = (World::kBigBase + (i << 12)) | kLeaf | 3;
        }
        word(0x1000) = (World::kRamBase + 0x2000) | 3;
        regime = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase), vtcr, false, false, vm);
        a = &world.get({World::kRamBase, vtcr.raw, 5, true});
        b = &world.get({World::kRamBase, vtcr.raw, 6, true});
        other = &world.get({World::kRamBase + 0x4000, vtcr.raw, 5, true});  // the VMID of `a`, other tables
        off = &world.get({0, 0, 5, false});
    }
    u64& word(u64 offset) { return *world.word(arch::Ipa(World::kRamBase + offset)); }
    void touch(World::Shadow& s, u64 ipa) {
        L2Fault f;
        f.ipa = L2Ipa(ipa);
        ASSERT_EQ(world.access(s, &regime, f).outcome, FaultOutcome::kResolved) << std::hex << ipa;
    }
    bool mapped(World::Shadow& s, u64 ipa) { return s.tables.walk(L2Ipa(ipa)).valid; }
    unsigned tlbi(const TlbiOp& op, u64 operand = 0, u16 vmid = 5, unsigned budget = 4096) {
        const ShadowTlbi t = shadow_tlbi(op, operand, vmid, false, vm);
        World::Mmu::Cursor cursor;
        for (unsigned calls = 1;; calls++) {
            Guard guard(world.lock);
            if (world.mmu.invalidate(t, cursor, budget))
                return calls;
        }
    }
    static TlbiOp ipa(u64 start, unsigned granule = 0, unsigned level = 0, u64 size = 0) {
        TlbiOp op{};
        op.scope = TlbiScope::kIpa;
        op.start = start;
        op.granule_bits = static_cast<u8>(granule);
        op.level = static_cast<u8>(level);
        op.size = size;
        return op;
    }
    static TlbiOp scope(TlbiScope s) {
        TlbiOp op{};
        op.scope = s;
        return op;
    }
    unsigned executed(arch::Tlbi op) {
        unsigned n = 0;
        for (const auto& e : world.cpu.log)
            n += e.kind == test::Event::kTlbi && e.what == static_cast<u64>(op);
        return n;
    }

    static constexpr u64 kLeaf = 1 << 10 | 3 << 6 | 15 << 2;
    static constexpr u64 M2 = 1 << 21, G1 = 1 << 30;
    World world;
    MmuFeatures vm;
    arch::VTCR_EL2 vtcr;
    Stage2Regime regime;
    World::Shadow *a, *b, *other, *off;
};

TEST_F(TlbiTest, OnePageOfOneVmid) {
    for (World::Shadow* s : {a, b}) {
        touch(*s, 0x5000);
        touch(*s, 0x6000);
    }
    tlbi(ipa(0x5000, k4K, 3));
    EXPECT_FALSE(mapped(*a, 0x5000));
    EXPECT_TRUE(mapped(*a, 0x6000));
    EXPECT_TRUE(mapped(*b, 0x5000)) << "another VMID";
}

// CVE-2026-89775: what is dropped must not be smaller than what L1 mapped, whatever was truncated on the way.
TEST_F(TlbiTest, PiecesOfALargeLeafAllGo) {
    const u64 places[] = {G1, G1 + 0x1000, G1 + 300 * M2, 2 * G1 - 4096};
    auto touch_all = [&] {
        for (u64 p : places)
            touch(*a, p);
    };
    auto gone = [&] {
        for (u64 p : places)
            if (mapped(*a, p))
                return false;
        return true;
    };
    touch_all();
    ASSERT_EQ(a->tables.walk(L2Ipa(G1)).level, 3) << "1 GiB of L1, pages of ours";
    for (u64 named : {G1, G1 + 300 * M2, G1 + 0x7'7000}) {  // mapped, mapped, not mapped here
        touch_all();
        tlbi(ipa(named));  // no hint
        EXPECT_TRUE(gone()) << std::hex << named;
        touch_all();
        tlbi(ipa(named, k4K, 1));
        EXPECT_TRUE(gone()) << std::hex << named;
    }
    // A hint that names less than the leaf that is there: the leaf counts.
    touch_all();
    tlbi(ipa(G1, k4K, 3));
    EXPECT_TRUE(gone());
    // Hints that can mean no leaf say nothing.
    for (unsigned granule : {k16K, k64K}) {
        touch_all();
        tlbi(ipa(G1 + 0x7'7000, granule, 1));
        EXPECT_TRUE(gone()) << granule;
    }
    // A VM without FEAT_TTL: the bits are RES0.
    vm.ttl = false;
    touch_all();
    tlbi(ipa(G1 + 0x7'7000, k4K, 3));
    EXPECT_TRUE(gone());
}

TEST_F(TlbiTest, LeafSizes) {
    EXPECT_EQ(leaf_shift_of(k4K, 3, false), 12u);
    EXPECT_EQ(leaf_shift_of(k4K, 2, false), 21u);
    EXPECT_EQ(leaf_shift_of(k4K, 1, false), 30u);
    EXPECT_EQ(leaf_shift_of(k4K, 0, false), 0u);
    EXPECT_EQ(leaf_shift_of(k16K, 3, false), 14u);
    EXPECT_EQ(leaf_shift_of(k16K, 2, false), 25u);
    EXPECT_EQ(leaf_shift_of(k16K, 1, false), 0u);
    EXPECT_EQ(leaf_shift_of(k64K, 2, false), 29u);
    EXPECT_EQ(leaf_shift_of(k64K, 1, false), 0u);
    EXPECT_EQ(leaf_shift_of(0, 3, false), 0u);
    EXPECT_EQ(leaf_shift_of(k4K, 0, true), 39u);
    EXPECT_EQ(leaf_shift_of(k16K, 1, true), 36u);
    EXPECT_EQ(leaf_shift_of(k64K, 1, true), 0u);
}

TEST_F(TlbiTest, Ranges) {
    for (u64 p = 0; p < 16; p++)
        touch(*a, p << 12);
    tlbi(ipa(0x4000, k4K, 0, 0x8000));
    for (u64 p = 0; p < 16; p++)
        EXPECT_EQ(mapped(*a, p << 12), p < 4 || p >= 12) << p;
    tlbi(ipa(u64{1} << 47, k4K, 0, u64{1} << 50));  // beyond everything
    tlbi(ipa(u64{1} << 50, k4K, 0, 0x1000));        // not an alias of 0
    tlbi(ipa(u64{1} << 48));
    EXPECT_TRUE(mapped(*a, 0));
    tlbi(ipa(0, k4K, 0, u64{1} << 62));
    EXPECT_FALSE(mapped(*a, 0));
}

TEST_F(TlbiTest, WholeVmidsAndAll) {
    auto fill = [&] {
        for (World::Shadow* s : {a, b})
            touch(*s, 0x5000);
        L2Fault f;
        f.ipa = L2Ipa(World::kBigBase);
        ASSERT_EQ(world.access(*off, nullptr, f).outcome, FaultOutcome::kResolved);
    };
    fill();
    tlbi(scope(TlbiScope::kVmid));
    EXPECT_FALSE(mapped(*a, 0x5000));
    EXPECT_FALSE(mapped(*off, World::kBigBase)) << "the same VMID without stage 2";
    EXPECT_TRUE(mapped(*b, 0x5000));
    fill();
    tlbi(ipa(World::kBigBase));
    EXPECT_TRUE(mapped(*off, World::kBigBase)) << "it has no IPAs";
    tlbi(scope(TlbiScope::kAllVmids), 0, 99);
    EXPECT_FALSE(mapped(*a, 0x5000));
    EXPECT_FALSE(mapped(*b, 0x5000));
    EXPECT_FALSE(mapped(*off, World::kBigBase));
    EXPECT_GE(world.mmu.stats().invalidations[static_cast<unsigned>(Cause::kTlbi)], 4u);
}

TEST_F(TlbiTest, NothingMappedStillDropsStage1) {
    world.cpu.log.clear();
    tlbi(scope(TlbiScope::kVmid));
    EXPECT_EQ(executed(arch::Tlbi::VMALLS12E1IS), 3u) << "a, other and off";
}

TEST_F(TlbiTest, Stage1RunsUnderEveryShadowOfTheVmid) {
    u64 own[3];
    for (unsigned i = 0; World::Shadow* s : {a, other, off})
        own[i++] = s->tables.vttbr(0).raw;
    TlbiOp op = scope(TlbiScope::kVa);
    op.last_level = true;
    world.cpu.registers[arch::SysReg::HCR_EL2] = 0;  // tier 0
    world.cpu.log.clear();
    tlbi(op, 0x0042'0000'1234'5678);
    EXPECT_EQ(executed(arch::Tlbi::VALE1IS), 3u);
    u64 loaded = 0;
    std::vector<u64> under;
    for (const auto& e : world.cpu.log) {
        if (e.kind == test::Event::kWrite && e.what == static_cast<u64>(arch::SysReg::VTTBR_EL2))
            loaded = e.operand;
        if (e.kind == test::Event::kTlbi) {
            EXPECT_EQ(e.operand, 0x0042'0000'1234'5678u);
            under.push_back(loaded);
        }
    }
    std::sort(under.begin(), under.end());
    std::sort(own, own + 3);
    EXPECT_EQ(under, std::vector<u64>(own, own + 3));
    EXPECT_EQ(tlbi(scope(TlbiScope::kStage1), 7, 77), 1u) << "no such VMID: nothing to do";
    EXPECT_EQ(executed(arch::Tlbi::VMALLE1IS), 0u);
    op.range = true;
    tlbi(op, 1);
    EXPECT_EQ(executed(arch::Tlbi::RVALE1IS), 3u);
}

TEST_F(TlbiTest, LargeOnesComeInPieces) {
    for (u64 i = 1; i < 40; i++)
        touch(*a, G1 + i * M2);
    EXPECT_GT(tlbi(scope(TlbiScope::kVmid), 0, 5, 64), 3u);
    EXPECT_FALSE(mapped(*a, G1 + M2));
    EXPECT_EQ(world.mmu.rmap().count(), 0u);
}

// A range that begins or ends inside a leaf of L1's: hardware's copy of that leaf is one entry, and goes as a whole.
TEST_F(TlbiTest, RangesTakeTheWholeLeavesAtTheirEnds) {
    const u64 first = 4 * M2, last = 5 * M2;
    const auto touch_all = [&] {
        for (u64 at : {first, first + 0x5000, last + 0x7000, last + M2 - 0x1000, 6 * M2})
            touch(*a, at);
    };
    const auto none_left = [&] {
        return !mapped(*a, first) && !mapped(*a, first + 0x5000) && !mapped(*a, last + 0x7000) && !mapped(*a, last + M2 - 0x1000);
    };
    const u64 starts[] = {first + 0x5000, first + 0x9000};  // mapped here, not mapped here
    const u64 ends[] = {last + 0x8000, last + 0x3000};
    for (u64 start : starts)
        for (u64 end : ends)
            for (unsigned level : {0u, 2u}) {
                touch_all();
                tlbi(ipa(start, k4K, level, end - start));
                EXPECT_TRUE(none_left()) << std::hex << start << ' ' << end << ' ' << level;
                EXPECT_TRUE(mapped(*a, 6 * M2)) << "another leaf";
            }
    // In pieces, with the first leaf's end gone before the second is looked at.
    touch_all();
    EXPECT_GT(tlbi(ipa(first + 0x5000, k4K, 0, M2), 0, 5, 16), 1u);
    EXPECT_TRUE(none_left());
    // One page of one leaf.
    touch_all();
    tlbi(ipa(first + 0x5000, k4K, 0, 0x2000));
    EXPECT_FALSE(mapped(*a, first));
    EXPECT_TRUE(mapped(*a, last + 0x7000));
}

TEST_F(TlbiTest, ARangesHintSavesTheNeighbours) {
    touch(*a, G1);       // a leaf of 1 GiB has been seen
    touch(*a, 4 * M2);
    tlbi(ipa(8 * M2, k4K, 2, 0x2000));
    EXPECT_TRUE(mapped(*a, 4 * M2));
    tlbi(ipa(8 * M2, k4K, 0, 0x2000));
    EXPECT_FALSE(mapped(*a, 4 * M2)) << "it may be part of a leaf of any size";
}

// FEAT_LPA2: a range begins at a multiple of 64 KiB, and whose DS hardware would read for L2's stage 1 nobody knows.
TEST(TlbiScopeTest, Lpa2CountsRangesIn64KiB) {
    TlbiOp op{};
    op.scope = TlbiScope::kIpa;
    op.range = true;
    op.granule_bits = 12;
    op.start = 0x345'000;
    op.size = 0x2000;
    MmuFeatures vm;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).start, 0x345'000u) << "DS is RES0";
    vm.stage2_lpa2 = vm.stage1_lpa2 = granule_bit(k4K);
    EXPECT_EQ(shadow_tlbi(op, 0, 1, false, vm).start, 0x345'000u);
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).start, 0x345'0000u);
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).bytes, 0x2000u);
    op.range = false;
    op.size = 0;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).start, 0x345'000u) << "one address is in units of 4 KiB always";
    op.scope = TlbiScope::kVa;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).op, arch::Tlbi::VAE1IS);
    op.range = true;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).op, arch::Tlbi::VMALLE1IS);
    vm.stage1_lpa2 = 0;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, true, vm).op, arch::Tlbi::RVAE1IS);
}

TEST(TlbiScopeTest, ARangeEndsWithTheAddresses) {
    constexpr u64 kLimit = u64{1} << stage2::kMaxIpaBits;
    TlbiOp op{};
    op.scope = TlbiScope::kIpa;
    op.start = kLimit - 0x3000;
    op.size = ~u64{0} - op.start;
    EXPECT_EQ(shadow_tlbi(op, 0, 1, false, MmuFeatures{}).bytes, 0x3000u);
}

}  // namespace
