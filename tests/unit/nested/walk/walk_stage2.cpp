// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <map>
#include <nested/walk/walk_stage2.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using arch::Ipa;
using arch::VTCR_EL2;
using arch::VTTBR_EL2;

// Guest memory by words; whole pages can be missing, read-only or no memory at all.
struct FakeMemory {
    std::map<u64, u64> words;
    std::map<u64, Access> pages;
    bool read_only = false, changes = false;
    unsigned reads = 0, writes = 0;

    Word read(Ipa at) {
        reads++;
        EXPECT_TRUE(at.aligned(8));
        if (auto p = pages.find(at.frame()); p != pages.end())
            return {p->second};
        auto w = words.find(at.raw);
        return {Access::kDone, w == words.end() ? 0 : w->second};
    }
    Access exchange(Ipa at, u64 expected, u64 desired) {
        if (read_only)
            return Access::kAbsent;
        if (changes || words[at.raw] != expected)
            return Access::kChanged;
        words[at.raw] = desired;
        writes++;
        return Access::kDone;
    }
};

constexpr u64 kValid = 1, kTable = 3, kPage = 3, kAf = 1 << 10, kR = 1 << 6, kW = 1 << 7, kWb = 15 << 2;
constexpr u64 kAll = kAf | kR | kW | kWb;

MmuFeatures features() {
    MmuFeatures f;
    f.pa_bits = 48;
    f.stage1_granules = f.stage2_granules = 7;
    return f;
}
VTCR_EL2 vtcr(unsigned tg0, unsigned sl0, unsigned t0sz, unsigned ps = 5) {
    using V = VTCR_EL2;
    return V::of(arch::kVtcrRes1).with<V::TG0>(tg0).with<V::SL0>(sl0).with<V::T0SZ>(t0sz).with<V::PS>(ps);
}
constexpr unsigned kTg4 = 0, kTg64 = 1, kTg16 = 2;
Stage2Regime regime(VTCR_EL2 v, u64 base = 0x10000, MmuFeatures f = features()) {
    return stage2_regime(VTTBR_EL2::of(base), v, false, false, f);
}

// [DDI0487] table D8-… by hand: every TG0, SL0 and T0SZ against the sizes that the manual lists for PARange 48.
TEST(Stage2Regime, EveryCombinationOfStartLevelAndSize) {
    struct Legal {
        unsigned tg, sl0, least, most;  // input bits
    };
    // 4K: level 2 resolves 21..(+9+4), level 1, level 0; 16K: levels 3, 2, 1; 64K: levels 3, 2, 1
    const Legal legal[] = {{kTg4, 0, 25, 34}, {kTg4, 1, 31, 43}, {kTg4, 2, 40, 48}, {kTg16, 0, 25, 29}, {kTg16, 1, 26, 40},
                           {kTg16, 2, 37, 48}, {kTg64, 0, 25, 33}, {kTg64, 1, 30, 46}, {kTg64, 2, 43, 48}};
    for (unsigned tg : {kTg4, kTg16, kTg64})
        for (unsigned sl0 = 0; sl0 < 4; sl0++)
            for (unsigned t0sz = 0; t0sz < 64; t0sz++) {
                bool expected = false;
                for (const Legal& l : legal)
                    expected |= l.tg == tg && l.sl0 == sl0 && 64 - t0sz >= l.least && 64 - t0sz <= l.most;
                const Stage2Regime r = regime(vtcr(tg, sl0, t0sz), 0);
                EXPECT_EQ(r.fsc == Stage2Regime::kNoFault, expected) << tg << ' ' << sl0 << ' ' << t0sz;
                if (!expected) {
                    EXPECT_EQ(r.fsc, 0x04);  // translation fault, level 0
                }
                FakeMemory m;
                const Stage2Result w = walk_stage2(r, m, 0, false);
                EXPECT_EQ(w.status, WalkStatus::kFault);
                EXPECT_EQ(m.reads, expected ? 1u : 0u);
            }
}

TEST(Stage2Regime, SmallPhysicalAddressesForbidHighStartLevelsAndLargeInputs) {
    MmuFeatures f = features();
    f.pa_bits = 40;
    EXPECT_EQ(regime(vtcr(kTg4, 1, 24), 0, f).fsc, Stage2Regime::kNoFault);
    EXPECT_NE(regime(vtcr(kTg4, 1, 23), 0, f).fsc, Stage2Regime::kNoFault) << "41 bits of input, 40 of the VM";
    EXPECT_NE(regime(vtcr(kTg4, 2, 24), 0, f).fsc, Stage2Regime::kNoFault) << "level 0 needs more than 42 bits";
    EXPECT_NE(regime(vtcr(kTg16, 2, 24), 0, f).fsc, Stage2Regime::kNoFault);
    EXPECT_NE(regime(vtcr(kTg64, 2, 24), 0, f).fsc, Stage2Regime::kNoFault);
    EXPECT_EQ(regime(vtcr(kTg16, 1, 24), 0, f).fsc, Stage2Regime::kNoFault);
}

TEST(Stage2Regime, SmallTables) {
    MmuFeatures f = features();
    f.small_tables = true;
    EXPECT_EQ(regime(vtcr(kTg4, 3, 64 - 25), 0, f).start_level, 3);
    EXPECT_EQ(regime(vtcr(kTg4, 3, 48), 0, f).fsc, Stage2Regime::kNoFault);
    EXPECT_NE(regime(vtcr(kTg64, 0, 48), 0, f).fsc, Stage2Regime::kNoFault);
    EXPECT_EQ(regime(vtcr(kTg64, 0, 47), 0, f).fsc, Stage2Regime::kNoFault);
}

TEST(Stage2Regime, GranulesThatTheVmHasNotBecomeOnesThatItHas) {
    MmuFeatures f = features();
    f.stage2_granules = granule_bit(k4K);
    EXPECT_EQ(regime(vtcr(kTg64, 1, 24), 0, f).granule, k4K);
    EXPECT_EQ(regime(vtcr(3, 1, 24), 0, f).granule, k4K) << "reserved";
    f.stage2_granules = granule_bit(k64K);
    EXPECT_EQ(regime(vtcr(kTg4, 1, 24), 0, f).granule, k64K);
}

TEST(Stage2Regime, BaseIsAlignedToTheFirstTableAndLimitedByPs) {
    // 40 bits from level 1: 1024 entries, 8 KiB
    EXPECT_EQ(regime(vtcr(kTg4, 1, 24), 0x1'2345'6fff).base, 0x1'2345'6000u);
    EXPECT_EQ(regime(vtcr(kTg4, 1, 24), 0x1'2345'7000).base, 0x1'2345'6000u);
    // 32 bits from level 1: four entries, 32 bytes
    EXPECT_EQ(regime(vtcr(kTg4, 1, 32), 0x1'2345'6fff).base, 0x1'2345'6fe0u);
    EXPECT_EQ(regime(vtcr(kTg4, 1, 32, 0), 0x1'0000'0000).fsc, 0x00) << "address size fault, level 0";
    EXPECT_EQ(regime(vtcr(kTg4, 1, 32, 1), 0x1'0000'0000).fsc, Stage2Regime::kNoFault);
}

// FEAT_LPA2: level 0 for 16 KiB, level -1 for 4 KiB, which is for more than the 48 bits that a VM has.
TEST(Stage2Regime, Lpa2HasHigherStartLevels) {
    MmuFeatures f = features();
    using V = VTCR_EL2;
    const V from0 = vtcr(kTg16, 3, 16).with<V::DS>(1);
    EXPECT_EQ(regime(from0, 0x10000, f).fsc, 0x04) << "DS is RES0";
    f.stage2_lpa2 = granule_bit(k16K);
    EXPECT_EQ(regime(from0, 0x10000, f).fsc, Stage2Regime::kNoFault);
    EXPECT_EQ(regime(from0, 0x10000, f).start_level, 0);
    EXPECT_EQ(regime(vtcr(kTg16, 3, 16), 0x10000, f).fsc, 0x04);
    EXPECT_FALSE(regime(vtcr(kTg4, 2, 16).with<V::DS>(1), 0x10000, f).lpa2) << "not for this granule";
    f.stage2_lpa2 = granule_bit(k4K);
    const V four = vtcr(kTg4, 2, 16).with<V::DS>(1).with<V::SH0>(3);
    EXPECT_TRUE(regime(four, 0x10000, f).lpa2);
    EXPECT_EQ(regime(four, 0x10000, f).sh, 3);
    for (unsigned sl0 = 0; sl0 < 4; sl0++)
        for (unsigned t0sz = 12; t0sz < 40; t0sz++)
            EXPECT_EQ(regime(vtcr(kTg4, sl0, t0sz).with<V::DS>(1).with<V::SL2>(1), 0x10000, f).fsc, 0x04) << sl0 << " " << t0sz;
}

TEST(Stage2Lpa2, TwoAddressBitsLieInPlaceOfShareability) {
    MmuFeatures f = features();
    f.stage2_lpa2 = granule_bit(k4K);
    FakeMemory m;
    const Stage2Regime r = regime(vtcr(kTg4, 2, 16).with<VTCR_EL2::DS>(1).with<VTCR_EL2::SH0>(2), 0x10000, f);
    m.words[0x10000] = u64{7} << 39 | kValid | kAll;  // a block of 512 GiB
    m.words[0x10008] = 0x20000 | kTable;
    m.words[0x20000] = u64{1} << 30 | kValid | kAll;
    m.words[0x20008] = u64{1} << 30 | kValid | kAll | 1 << 8;
    m.words[0x20010] = u64{1} << 48 | kTable;
    Stage2Result s = walk_stage2(r, m, 0x12'3456'7000, false);
    EXPECT_EQ(s.status, WalkStatus::kTranslated);
    EXPECT_EQ(s.output.raw, (u64{7} << 39) + 0x12'3456'7000);
    EXPECT_EQ(s.shift, 39);
    EXPECT_EQ(s.sh, 2) << "VTCR_EL2.SH0";
    EXPECT_EQ(walk_stage2(r, m, u64{1} << 39, false).status, WalkStatus::kTranslated);
    EXPECT_EQ(walk_stage2(r, m, (u64{1} << 39) + (u64{1} << 30), false).fsc, 0x01) << "bit 50 of the output";
    EXPECT_EQ(walk_stage2(r, m, (u64{1} << 39) + (u64{2} << 30), false).fsc, 0x01) << "bit 48 of a table";
    const Stage2Regime without = regime(vtcr(kTg4, 2, 16), 0x10000, f);
    EXPECT_EQ(walk_stage2(without, m, 0, false).fsc, 0x04) << "no block at level 0";
}

struct Stage2Walk : testing::Test {
    FakeMemory m;
    Stage2Regime r = regime(vtcr(kTg4, 1, 64 - 39, 2), 0x10000);  // three levels, PS 40 bits
    void SetUp() override {
        m.words[0x10000] = 0x20000 | kTable;
        m.words[0x20000] = 0x30000 | kTable;
        m.words[0x30000 + 8 * 5] = 0x8000'0000 | kPage | kAll;
        m.words[0x20000 + 8 * 1] = 0x4000'0000 | kValid | kAll;
        m.words[0x10000 + 8 * 2] = 0xc000'0000 | kValid | kAll;
    }
    Stage2Result walk(u64 ipa, bool write = false) { return walk_stage2(r, m, ipa, write); }
};

TEST_F(Stage2Walk, PageBlockAndHugeBlock) {
    Stage2Result w = walk(0x5123);
    EXPECT_EQ(w.status, WalkStatus::kTranslated);
    EXPECT_EQ(w.output.raw, 0x8000'0123u);
    EXPECT_EQ(w.level, 3);
    EXPECT_EQ(w.shift, 12);
    EXPECT_EQ(w.attributes.prot, stage2::kProtRwx);
    EXPECT_EQ(w.attributes.type, stage2::MemoryType::Normal);
    w = walk(0x2a'bcde);
    EXPECT_EQ(w.output.raw, 0x400a'bcdeu);
    EXPECT_EQ(w.shift, 21);
    w = walk(0x9234'5678);
    EXPECT_EQ(w.output.raw, 0xd234'5678u);
    EXPECT_EQ(w.shift, 30);
    EXPECT_EQ(w.level, 1);
}

TEST_F(Stage2Walk, FaultsCarryTheirLevel) {
    EXPECT_EQ(walk(0x6000).fsc, 0x07);
    EXPECT_EQ(walk(0x40'0000).fsc, 0x06);
    EXPECT_EQ(walk(0x4000'0000).fsc, 0x05);
    EXPECT_EQ(walk(u64{1} << 39).fsc, 0x04) << "outside of the input size";
    m.words[0x30000 + 8 * 6] = 0x8000'0000 | kValid | kAll;  // at level 3 a block is no descriptor
    EXPECT_EQ(walk(0x6000).fsc, 0x07);
    m.words[0x30000 + 8 * 7] = 0x8000'0000 | kPage | (kAll & ~kAf);
    EXPECT_EQ(walk(0x7000).fsc, 0x0b);
    m.words[0x30000 + 8 * 8] = (u64{1} << 40) | kPage | kAll;
    EXPECT_EQ(walk(0x8000).fsc, 0x03);
    m.words[0x20000 + 8 * 2] = (u64{1} << 40) | kTable;
    EXPECT_EQ(walk(0x40'0000).fsc, 0x02);
    r = regime(vtcr(kTg4, 2, 16, 5), 0x40000);
    m.words[0x40000] = kValid | kAll;  // no blocks at level 0
    EXPECT_EQ(walk(0).fsc, 0x04);
}

TEST_F(Stage2Walk, TablesThatAreNotThere) {
    m.pages[0x30] = Access::kAbsent;
    Stage2Result w = walk(0x5000);
    EXPECT_EQ(w.status, WalkStatus::kAbsent);
    EXPECT_EQ(w.absent.raw, 0x30028u);
    EXPECT_FALSE(w.absent_write);
    EXPECT_EQ(w.fsc, 0x17);
    m.pages[0x20] = Access::kNone;
    w = walk(0x5000);
    EXPECT_EQ(w.status, WalkStatus::kFault);
    EXPECT_EQ(w.fsc, 0x16);
}

TEST_F(Stage2Walk, CyclicTablesEnd) {
    for (unsigned i = 0; i < 512; i++)
        m.words[0x10000 + 8 * i] = 0x10000 | kTable | kAf;
    const Stage2Result w = walk(0x12'3456'7000);
    EXPECT_EQ(m.reads, 3u);
    EXPECT_EQ(w.status, WalkStatus::kTranslated) << "the table maps itself as a page";
    EXPECT_FALSE(w.attributes.prot.r);
}

TEST_F(Stage2Walk, AccessFlagAndDirtyState) {
    const u64 at = 0x30000 + 8 * 5, dbm = u64{1} << 51;
    m.words[at] = 0x8000'0000 | kPage | kWb | kR | dbm;
    EXPECT_EQ(walk(0x5000).fsc, 0x0b);
    EXPECT_EQ(m.writes, 0u);
    r.sets_access_flag = true;
    EXPECT_EQ(walk(0x5000).status, WalkStatus::kTranslated);
    EXPECT_EQ(m.words[at], 0x8000'0000 | kPage | kWb | kR | dbm | kAf);
    EXPECT_FALSE(walk(0x5000, true).attributes.prot.w) << "without HD, DBM means nothing";
    r.sets_dirty_state = true;
    EXPECT_FALSE(walk(0x5000).attributes.prot.w) << "a read dirties nothing";
    EXPECT_TRUE(walk(0x5000, true).attributes.prot.w);
    EXPECT_EQ(m.words[at], 0x8000'0000 | kPage | kWb | kR | dbm | kAf | kW);
    m.words[at] = 0x8000'0000 | kPage | kWb | kR;
    m.changes = true;
    EXPECT_EQ(walk(0x5000).status, WalkStatus::kAgain);
    m.changes = false;
    m.read_only = true;
    const Stage2Result w = walk(0x5000);
    EXPECT_EQ(w.status, WalkStatus::kAbsent);
    EXPECT_TRUE(w.absent_write);
    EXPECT_EQ(w.absent.raw, at);
}

TEST_F(Stage2Walk, BigEndian) {
    for (auto& [at, word] : m.words)
        word = __builtin_bswap64(word);
    r.big_endian = r.sets_access_flag = true;
    m.words[0x30000 + 8 * 5] = __builtin_bswap64(0x8000'0000 | kPage | (kAll & ~kAf));
    EXPECT_EQ(walk(0x5123).output.raw, 0x8000'0123u);
    EXPECT_EQ(m.words[0x30000 + 8 * 5], __builtin_bswap64(0x8000'0000 | kPage | kAll));
}

TEST_F(Stage2Walk, OtherGranules) {
    r = regime(vtcr(kTg16, 1, 64 - 36, 5), 0x10000);  // level 2 (32 MiB) and level 3
    m.words[0x10000 + 8 * 3] = 0x50000 | kTable;      // bits 13:12 of a table address of 16 KiB are not address
    m.words[0x50000 - 0x2000 + 8 * 7] = 1;
    m.words[0x50000 + 8 * 7] = 0x8000'4000 | kPage | kAll;
    EXPECT_EQ(walk((u64{3} << 25) | (7 << 14) | 0x3abc).output.raw, 0x8000'7abcu);
    m.words[0x10000 + 8 * 4] = 0x200'0000 | kValid | kAll;
    EXPECT_EQ(walk((u64{4} << 25) | 0x12'3456).shift, 25);
    r = regime(vtcr(kTg64, 1, 64 - 40, 5), 0x10000);  // level 2 (512 MiB) and level 3
    m.words[0x10000 + 8 * 1] = 0x60000 | kTable;
    m.words[0x60000 + 8 * 9] = 0x8001'0000 | kPage | kAll;
    EXPECT_EQ(walk((u64{1} << 29) | (9 << 16) | 0xfabc).output.raw, 0x8001'fabcu);
}

TEST(Stage2Leaf, PermissionsAndTypes) {
    Stage2Regime r = regime(vtcr(kTg4, 1, 24));
    auto at = [&](u64 d) { return decode_stage2_leaf(r, d); };
    EXPECT_FALSE(at(kR).prot.w);
    EXPECT_FALSE(at(kW).prot.r);
    EXPECT_FALSE(at(u64{2} << 53).prot.x);
    EXPECT_TRUE(at(u64{1} << 53).prot.x);
    EXPECT_EQ(at(u64{1} << 53).prot.x_at, stage2::ExecAt::Both) << "bit 53 is RES0 without FEAT_XNX";
    r.xnx = true;
    EXPECT_EQ(at(u64{1} << 53).prot.x_at, stage2::ExecAt::El0Only);
    EXPECT_EQ(at(u64{3} << 53).prot.x_at, stage2::ExecAt::El1Only);
    EXPECT_FALSE(at(u64{2} << 53).prot.x);
    using stage2::MemoryType;
    EXPECT_EQ(at(0).type, MemoryType::Device_nGnRE);
    EXPECT_EQ(at(3 << 2).type, MemoryType::Device_nGnRE);
    EXPECT_EQ(at(5 << 2).type, MemoryType::NormalNC);
    EXPECT_EQ(at(10 << 2).type, MemoryType::NormalNC) << "Write-Through";
    EXPECT_EQ(at(15 << 2).type, MemoryType::Normal);
    r.fwb = true;
    EXPECT_EQ(at(1 << 2).type, MemoryType::Device_nGnRE);
    EXPECT_EQ(at(5 << 2).type, MemoryType::NormalNC);
    EXPECT_EQ(at(6 << 2).type, MemoryType::Normal);
    EXPECT_EQ(at(7 << 2).type, MemoryType::Normal);
}

}  // namespace
