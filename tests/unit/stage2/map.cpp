// SPDX-License-Identifier: GPL-2.0-only
// Table: mapping, splitting and collapsing, at each level and size.
#include <tests/unit/stage2/fixture.hpp>

namespace nest::test {
namespace {
using namespace stage2;
using arch::Ipa;
using arch::Pa;

class MapAtEverySize : public TableTest, public testing::WithParamInterface<unsigned> {};

TEST_P(MapAtEverySize, FirstAndLastLeafOfEachLevel) {
    start(GetParam());
    for (unsigned shift : {12u, 21u, 30u}) {
        unsigned level = level_of_shift(shift);
        u64 bytes = u64{1} << shift;
        u64 last = geometry.ipa_limit() - bytes;
        if (level < geometry.start_level) {
            EXPECT_EQ(table->map(Ipa(0), Pa(0), shift, {kProtR}).error(), Errno::kInval);
            continue;
        }
        map(0, 0x40'0000'0000 + bytes, shift);
        map(last, 0x80'0000'0000, shift);
        expect_mapped(0, 0x40'0000'0000 + bytes, level);
        expect_mapped(bytes - 1, 0x40'0000'0000 + 2 * bytes - 1, level);
        expect_mapped(last, 0x80'0000'0000, level);
        expect_mapped(geometry.ipa_limit() - 1, 0x80'0000'0000 + bytes - 1, level);
        expect_unmapped(bytes);
        expect_unmapped(last - 1);
        EXPECT_FALSE(walk(u64{1} << 62).valid) << "its index, cut to size, is that of the first entry";
        unmap(0, geometry.ipa_limit());
        expect_unmapped(0);
        expect_unmapped(last);
    }
    expect_unmapped(geometry.ipa_limit());
    EXPECT_EQ(table->map(table->limit(), Pa(0), 12, {kProtR}).error(), Errno::kInval);
}
INSTANTIATE_TEST_SUITE_P(Sizes, MapAtEverySize, testing::Values(32u, 34u, 35u, 36u, 39u, 40u, 43u, 44u, 48u));

TEST_F(TableTest, RefusesWhatCannotBeMapped) {
    EXPECT_EQ(table->map(Ipa(K4), Pa(0), 21, {kProtR}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(K4), 21, {kProtR}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(0), 39, {kProtR}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(0), 16, {kProtR}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(u64{1} << 48), 12, {kProtR}).error(), Errno::kRange);
    EXPECT_EQ(table->map(Ipa(0), Pa(0), 12, {kProtRwx, MemoryType::Device_nGnRE}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(0), 12, {kProtRx, MemoryType::NormalNC}).error(), Errno::kInval);
    EXPECT_EQ(table->map(Ipa(0), Pa(0), 12, {kProtR, MemoryType::Normal, 16}).error(), Errno::kInval);
    EXPECT_TRUE(memory.history.empty());
}

TEST_F(TableTest, ANewMappingNeedsNoInvalidationButPublishesAndCleans) {
    map(0x1000, 0x8000'1000);
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_EQ(memory.count(Step::kLocal), 0u);
    ASSERT_GE(memory.history.size(), 4u);
    // Caches are clean before the guest can reach the memory; the walkers are told last.
    auto n = memory.history.size();
    EXPECT_EQ(memory.history[n - 4], (Step{Step::kClean, 0x8000'1000, K4}));
    EXPECT_EQ(memory.history[n - 3], (Step{Step::kIcache, 0x8000'1000, K4}));
    EXPECT_EQ(memory.history[n - 2].kind, Step::kStore);
    EXPECT_EQ(memory.history[n - 1].kind, Step::kPublish);
}

TEST_F(TableTest, DevicesAreNotCleanedNorFetchedFrom) {
    map(0, 0x0900'0000, 12, {kProtRw, MemoryType::Device_nGnRE});
    map(K4, 0x0a00'0000, 12, {kProtRw, MemoryType::NormalNC});
    EXPECT_EQ(memory.count(Step::kClean), 0u);
    EXPECT_EQ(memory.count(Step::kIcache), 0u);
    EXPECT_EQ(walk(0).attributes.type, MemoryType::Device_nGnRE);
    EXPECT_EQ(walk(K4).attributes.type, MemoryType::NormalNC);
}

TEST_F(TableTest, AnotherOutputIsBrokenThenMade) {
    map(0x1000, 0x8000'0000);
    memory.history.clear();
    map(0x1000, 0x9000'0000);
    EXPECT_EQ(memory.history[0].kind, Step::kStore);
    EXPECT_EQ(memory.history[0].b, 0u);
    EXPECT_EQ(memory.history[1], (Step{Step::kInvalidate, 0x1000, K4, 3}));
    expect_mapped(0x1000, 0x9000'0000, 3);
}

TEST_F(TableTest, AnotherMemoryTypeIsBrokenThenMade) {
    map(M2, M2, 21, {kProtRw});
    memory.history.clear();
    map(M2, M2, 21, {kProtRw, MemoryType::Device_nGnRE});
    EXPECT_EQ(memory.history[1], (Step{Step::kInvalidate, M2, M2, 2}));
}

TEST_F(TableTest, FewerPermissionsAreInvalidatedEverywhereMoreOnlyHere) {
    map(0x1000, 0x8000'0000, 12, {kProtRwx});
    memory.history.clear();
    map(0x1000, 0x8000'0000, 12, {kProtR});
    EXPECT_EQ(memory.count(Step::kInvalidate), 1u);
    EXPECT_LT(memory.position(Step::kStore), memory.position(Step::kInvalidate));
    memory.history.clear();
    map(0x1000, 0x8000'0000, 12, {kProtRwx});
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_EQ(memory.count(Step::kLocal), 1u);
    EXPECT_EQ(memory.count(Step::kClean), 0u);
    EXPECT_EQ(memory.count(Step::kIcache), 1u);  // it became executable
    EXPECT_LT(memory.position(Step::kIcache), memory.position(Step::kStore));
    // Some less, some more: as less.
    map(0x1000, 0x8000'0000, 12, {kProtRx});
    memory.history.clear();
    map(0x1000, 0x8000'0000, 12, {kProtRw});
    EXPECT_EQ(memory.count(Step::kInvalidate), 1u);
    EXPECT_EQ(walk(0x1000).attributes.prot, kProtRw);
}

TEST_F(TableTest, TheSameAgainOnlyDropsWhatThisCpuCached) {
    map(M2, 4 * M2, 21, {kProtRw, MemoryType::Normal, 5});
    memory.history.clear();
    map(M2, 4 * M2, 21, {kProtRw, MemoryType::Normal, 5});
    map(M2 + K4, 4 * M2 + K4, 12, {kProtRw, MemoryType::Normal, 5});  // said by the block already
    EXPECT_EQ(memory.count(Step::kStore), 0u);
    EXPECT_EQ(memory.count(Step::kLocal), 2u);
    expect_mapped(M2 + K4, 4 * M2 + K4, 2);
    EXPECT_EQ(walk(M2).attributes.software, 5);
}

TEST_F(TableTest, ANewMappingNeverTouchesAnOldOne) {
    const auto map_new = [this](u64 ipa, unsigned shift) {
        return table->map_new(Ipa(ipa), Pa(0x80'0000'0000 + ipa), shift, {kProtRw}).error();
    };
    map(M2, 4 * M2, 21);
    map(4 * M2, 0x8000'0000);
    memory.history.clear();
    EXPECT_EQ(map_new(M2, 21), Errno::kExist) << "the same size";
    EXPECT_EQ(map_new(M2 + K4, 12), Errno::kExist) << "smaller";
    EXPECT_EQ(map_new(4 * M2, 21), Errno::kExist) << "larger";
    EXPECT_EQ(map_new(4 * M2, 12), Errno::kExist);
    EXPECT_EQ(map_new(4 * M2 + K4, 21), Errno::kInval);
    EXPECT_TRUE(memory.history.empty());
    expect_mapped(M2, 4 * M2, 2);
    expect_mapped(4 * M2, 0x8000'0000, 3);
    ASSERT_TRUE(table->map_new(Ipa(4 * M2 + K4), Pa(0x9000'0000), 12, {kProtRw}).ok());
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_EQ(memory.count(Step::kLocal), 0u);
    EXPECT_LT(memory.position(Step::kClean), memory.position(Step::kStore));
    EXPECT_LT(memory.position(Step::kStore), memory.position(Step::kPublish));
    expect_mapped(4 * M2 + K4, 0x9000'0000, 3);
}

// The table that was used last is found without a walk: not beyond its end.
TEST_F(TableTest, TheRecentTableGoesWithItsLink) {
    const auto expect_both = [this](u64 ipa, bool mapped) {
        EXPECT_EQ(table->walk_locked(Ipa(ipa)).valid, mapped) << std::hex << ipa;
        EXPECT_EQ(walk(ipa).valid, mapped) << std::hex << ipa;
    };
    map(0, 0x8000'0000);
    map(K4, 0x9000'0000);
    expect_both(K4, true);
    expect_both(2 * K4, false);
    EXPECT_EQ(table->walk_locked(Ipa(K4 + 5)).pa.raw, 0x9000'0005u);
    unmap(0, 2 * K4);  // it has become empty, and goes
    expect_both(0, false);
    map(0, 0xa000'0000);
    expect_both(0, true);
    unmap(0, M2);  // as a whole
    expect_both(0, false);
    map(K4, 0xb000'0000);
    map(0, 4 * M2, 21);  // a block in its place
    expect_both(K4, true);
    EXPECT_EQ(table->walk_locked(Ipa(K4)).level, 2);
    map(K4, 0xc000'0000);  // and pages again
    EXPECT_EQ(table->walk_locked(Ipa(K4)).pa.raw, 0xc000'0000u);
    EXPECT_EQ(table->walk_locked(Ipa(2 * K4)).pa.raw, 4 * M2 + 2 * K4);
    EXPECT_FALSE(table->walk_locked(table->limit()).valid);
    EXPECT_FALSE(table->walk_locked(Ipa(~u64{0})).valid);
}

TEST_F(TableTest, SoftwareBitsChangeInPlace) {
    map(0, 0x8000'0000, 12, {kProtRw, MemoryType::Normal, 1});
    map(0, 0x8000'0000, 12, {kProtRw, MemoryType::Normal, 2});
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_EQ(walk(0).attributes.software, 2);
}

TEST_F(TableTest, APageInABlockLeavesTheRestMapped) {
    for (unsigned shift : {21u, 30u}) {
        u64 bytes = u64{1} << shift;
        map(4 * G1, 16 * G1, shift, {kProtR, MemoryType::Normal, 3});
        memory.history.clear();
        map(4 * G1 + 5 * K4, 16 * G1 + 5 * K4, 12, {kProtRw, MemoryType::Normal, 3});
        EXPECT_EQ(memory.count(Step::kInvalidate), shift == 21 ? 1u : 2u);
        expect_mapped(4 * G1 + 5 * K4, 16 * G1 + 5 * K4, 3);
        expect_mapped(4 * G1 + 4 * K4, 16 * G1 + 4 * K4, 3);
        expect_mapped(4 * G1 + bytes - 1, 16 * G1 + bytes - 1, shift == 21 ? 3 : 2);
        EXPECT_TRUE(walk(4 * G1 + 5 * K4).attributes.prot.w);
        EXPECT_FALSE(walk(4 * G1 + 6 * K4).attributes.prot.w);
        EXPECT_EQ(walk(4 * G1 + bytes - 1).attributes.software, 3);
        unmap(0, geometry.ipa_limit());
    }
}

TEST_F(TableTest, ABlockReplacesAllTablesBelowIt) {
    for (unsigned shift : {21u, 30u}) {
        u64 bytes = u64{1} << shift;
        for (u64 off = 0; off < bytes; off += bytes / 8)
            map(G1 + off, 32 * G1 + off);
        map(G1 + bytes - M2 / 2, 64 * G1);
        unsigned before = memory.tables_alive;
        memory.history.clear();
        map(G1, 32 * G1, shift);
        EXPECT_EQ(memory.history[1], (Step{Step::kInvalidate, G1, bytes, kAnyLevel}));
        expect_mapped(G1 + bytes - 1, 32 * G1 + bytes - 1, level_of_shift(shift));
        EXPECT_EQ(memory.tables_alive, before);  // a lock-free walker may still be there
        EXPECT_TRUE(table->has_retired());
        reap();
        EXPECT_FALSE(table->has_retired());
        EXPECT_EQ(memory.tables_alive, shift == 21 ? 1u : 0u);
        unmap(0, geometry.ipa_limit());
        reap();
    }
}

TEST_F(TableTest, FwbAndXnxReachTheDescriptor) {
    start(40, {true, true});
    map(0, 0x8000'0000, 12, {{true, true, true, ExecAt::El0Only}});
    EXPECT_EQ(hardware(0).descriptor, 0x0020'0000'8000'07dbu);
    map(K4, 0x8000'1000, 12, {{true, false, true, ExecAt::El1Only}});
    EXPECT_EQ(hardware(K4).descriptor, 0x0060'0000'8000'175bu);
    EXPECT_EQ(walk(K4).attributes.prot.x_at, ExecAt::El1Only);
    start(40, {true, false});  // without FEAT_XNX the split cannot be said: then nobody executes
    map(0, 0x8000'0000, 12, {{true, true, true, ExecAt::El0Only}});
    EXPECT_FALSE(walk(0).attributes.prot.x);
}

// Every N: the N-th table is not there. Nothing changes that hardware or a walk could see as wrong, and the same call
// succeeds once there are tables.
TEST_F(TableTest, AnyMissingTableIsSurvived) {
    for (unsigned bits : {34u, 40u, 48u}) {
        for (unsigned n = 0; n <= 3; n++) {
            start(bits);
            memory.tables_left = n;
            Status s = table->map(Ipa(0x1234'5000), Pa(0x8000'0000), 12, {kProtRw});
            settle();
            if (n < geometry.max_new_tables()) {
                EXPECT_EQ(s.error(), Errno::kAgain);
                expect_unmapped(0x1234'5000);
                memory.tables_left = geometry.max_new_tables() - n;  // those of the first attempt are used
                s = table->map(Ipa(0x1234'5000), Pa(0x8000'0000), 12, {kProtRw});
            }
            EXPECT_TRUE(s.ok());
            expect_mapped(0x1234'5000, 0x8000'0000, 3);
            memory.tables_left = ~0u;
        }
    }
}

TEST_F(TableTest, ABlockStaysWholeWhenItCannotBeSplit) {
    map(G1, 8 * G1, 30, {kProtR});
    for (unsigned n : {0u, 1u}) {
        memory.tables_left = n;
        EXPECT_EQ(table->map(Ipa(G1), Pa(8 * G1), 12, {kProtRw}).error(), Errno::kAgain);
        settle();
        expect_mapped(G1 + 7 * M2, 8 * G1 + 7 * M2, n == 0 ? 1 : 2);
        expect_mapped(G1, 8 * G1, n == 0 ? 1 : 2);
    }
    memory.tables_left = ~0u;
}

TEST_F(TableTest, InitFails) {
    FakeTableMemory<> other;
    stage2::Table<FakeTableMemory<>> t(other);
    EXPECT_EQ(t.init(geometry_for(31, 5), {}).error(), Errno::kInval);
    other.fail_root = true;
    EXPECT_EQ(t.init(geometry_for(40, 5), {}).error(), Errno::kNoMem);
    t.destroy();
}

}  // namespace
}  // namespace nest::test
