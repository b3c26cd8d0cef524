// SPDX-License-Identifier: GPL-2.0-only
// Table: operations on ranges, budgets, access flags, permissions.
#include <tests/unit/stage2/fixture.hpp>

namespace nest::test {
namespace {
using namespace stage2;
using arch::Ipa;
using arch::Pa;

TEST_F(TableTest, UnmapTakesExactlyTheRange) {
    for (u64 i = 0; i < 8; i++)
        map(i * K4, 0x8000'0000 + i * K4);
    unmap(2 * K4, 5 * K4);
    for (u64 i = 0; i < 8; i++)
        if (i >= 2 && i < 5)
            expect_unmapped(i * K4);
        else
            expect_mapped(i * K4, 0x8000'0000 + i * K4, 3);
    memory.history.clear();
    auto debt = table->unmap(Ipa(0), Ipa(K4));
    EXPECT_EQ(debt.invalidation().level(), 3u);
    EXPECT_EQ(debt.invalidation().bytes(), K4);
    std::move(debt).complete(memory);
    EXPECT_EQ(memory.count(Step::kInvalidate), 1u);
}

TEST_F(TableTest, UnmapOfNothingInvalidatesNothing) {
    unmap(0, geometry.ipa_limit());
    EXPECT_TRUE(memory.history.empty());
}

TEST_F(TableTest, UnmapInsideABlockTakesTheBlock) {
    map(G1, 8 * G1, 30);
    memory.history.clear();
    unmap(G1 + M2, G1 + M2 + K4);
    EXPECT_EQ(memory.history[1], (Step{Step::kInvalidate, G1, G1, 1}));
    expect_unmapped(G1);
    expect_unmapped(2 * G1 - 1);
}

TEST_F(TableTest, AWholeSubtreeGoesInOneStoreAndOneInvalidation) {
    for (u64 i = 0; i < 1024; i++)
        map(G1 + i * K4, 0x8000'0000 + i * K4);
    unsigned tables = memory.tables_alive;
    memory.history.clear();
    unmap(G1, 2 * G1);
    // The entry, and the links of the three tables that went.
    EXPECT_EQ(memory.count(Step::kStore), 1u + 3u + 1u);
    EXPECT_EQ(memory.count(Step::kInvalidate), 1u);
    EXPECT_EQ(table->retired(), tables);
    reap();
    EXPECT_EQ(memory.tables_alive, 0u);
}

TEST_F(TableTest, ATableThatBecomesEmptyGoes) {
    map(G1, 0x8000'0000);
    map(G1 + M2, 0x9000'0000);
    EXPECT_EQ(memory.tables_alive, 3u);
    unmap(G1, G1 + K4);
    reap();
    EXPECT_EQ(memory.tables_alive, 2u);
    unmap(G1 + M2, G1 + M2 + K4);
    reap();
    EXPECT_EQ(memory.tables_alive, 0u);
    map(G1, M2, 21);  // and nothing about them is cached that forbids a block
}

TEST_F(TableTest, BudgetsStopAndResume) {
    for (u64 i = 0; i < 600; i++)
        map(i * K4, 0x8000'0000 + i * K4);
    u64 at = K4;  // not at the start of a table, which would go as a whole
    unsigned pieces = 0;
    while (at < 600 * K4) {
        auto debt = table->unmap(Ipa(at), Ipa(600 * K4), 50);
        EXPECT_GT(debt.resume().raw, at);
        at = debt.resume().raw;
        std::move(debt).complete(memory);
        settle();
        if (at < 600 * K4)
            expect_mapped(at, 0x8000'0000 + at, 3);
        pieces++;
    }
    EXPECT_GE(pieces, 12u);
    expect_mapped(0, 0x8000'0000, 3);
    EXPECT_EQ(table->retired(), 1u);  // the second one has become empty
    // Nothing mapped costs one visit per large entry, whatever the range.
    auto debt = table->unmap(Ipa(G1), table->limit(), 1024);
    EXPECT_EQ(debt.resume(), table->limit());
    std::move(debt).complete(memory);
}

TEST_F(TableTest, TheSmallestBudgetMakesProgress) {
    map(K4, 0x8000'0000);
    auto debt = table->unmap(Ipa(K4), Ipa(3 * K4), 1);
    EXPECT_EQ(debt.resume().raw, 2 * K4);
    std::move(debt).complete(memory);
    EXPECT_EQ(table->age(Ipa(K4), Ipa(3 * K4), true, 1).next.raw, 2 * K4);
}

TEST_F(TableTest, DebtsAddUp) {
    map(0, 0x8000'0000);
    map(9 * K4, 0x8000'9000);
    map(G1, 8 * G1, 30);
    auto debt = table->unmap(Ipa(0), Ipa(K4));
    debt.absorb(table->unmap(Ipa(9 * K4), Ipa(10 * K4)));
    EXPECT_EQ(debt.resume().raw, 10 * K4);
    EXPECT_EQ(debt.invalidation().bytes(), 10 * K4);
    debt.absorb(table->unmap(Ipa(G1), Ipa(2 * G1)));
    EXPECT_EQ(debt.invalidation().level(), kAnyLevel);
    memory.history.clear();
    std::move(debt).complete(memory);
    EXPECT_EQ(memory.count(Step::kInvalidate), 1u);
    settle();
}

TEST_F(TableTest, WriteProtectKeepsAllElse) {
    map(0, 0x8000'0000, 12, {kProtRwx, MemoryType::Normal, 7});
    map(K4, 0x8000'1000, 12, {kProtRx});
    map(M2, 4 * M2, 21, {kProtRw});
    memory.history.clear();
    write_protect(0, M2 + K4);
    EXPECT_EQ(walk(0).attributes, (Attributes{kProtRx, MemoryType::Normal, 7}));
    EXPECT_EQ(walk(M2).attributes.prot, kProtR);
    EXPECT_EQ(memory.count(Step::kStore), 2u);  // what was read-only already is left alone
    memory.history.clear();
    write_protect(0, 4 * M2);
    EXPECT_TRUE(memory.history.empty());
}

TEST_F(TableTest, SplitMakesPagesOfBlocks) {
    map(M2, 4 * M2, 21, {kProtR, MemoryType::Normal, 9});
    map(2 * M2, 8 * M2, 21);
    memory.history.clear();
    auto p = table->split(Ipa(M2), Ipa(2 * M2));
    EXPECT_EQ(p.next.raw, 2 * M2);
    EXPECT_FALSE(p.needs_tables);
    settle();
    EXPECT_EQ(memory.history[0].b, 0u);  // broken first, made last
    EXPECT_EQ(memory.history[1], (Step{Step::kInvalidate, M2, M2, 2}));
    for (u64 off = 0; off < M2; off += K4) {
        expect_mapped(M2 + off, 4 * M2 + off, 3);
        EXPECT_EQ(walk(M2 + off).attributes, (Attributes{kProtR, MemoryType::Normal, 9}));
    }
    expect_mapped(2 * M2, 8 * M2, 2);
}

TEST_F(TableTest, SplitStopsForTablesAndForItsBudget) {
    map(G1, 8 * G1, 30, {kProtR});
    u64 at = G1;
    unsigned rounds = 0;
    memory.tables_left = 0;
    while (at < 2 * G1) {
        memory.tables_left += rounds % 2 ? 100 : 20;
        unsigned before = memory.tables_alive;
        auto p = table->split(Ipa(at), Ipa(2 * G1), 50 * kEntries);
        EXPECT_GE(p.next.raw, at);
        EXPECT_LE(memory.tables_alive - before, 51u);  // each costs a broadcast, too
        at = p.next.raw;
        settle();
        ASSERT_LT(rounds++, 20u);
    }
    memory.tables_left = ~0u;
    EXPECT_EQ(memory.tables_alive, 513u);
    expect_mapped(2 * G1 - K4, 9 * G1 - K4, 3);
    expect_mapped(G1 + 77 * K4, 8 * G1 + 77 * K4, 3);
}

TEST_F(TableTest, AgeingTestsAndClears) {
    map(0, 0x8000'0000);
    map(M2, 4 * M2, 21);
    memory.history.clear();
    EXPECT_TRUE(table->age(Ipa(0), Ipa(4 * M2), false).young);
    EXPECT_TRUE(walk(0).young);
    auto aged = table->age(Ipa(0), Ipa(4 * M2), true);
    EXPECT_TRUE(aged.young);
    EXPECT_EQ(aged.next.raw, 4 * M2);
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_FALSE(table->age(Ipa(0), Ipa(4 * M2), false).young);
    EXPECT_FALSE(walk(M2).young);
    expect_mapped(M2, 4 * M2, 2);
    EXPECT_TRUE(table->make_young(Ipa(M2 + 5 * K4)).ok());
    EXPECT_TRUE(walk(M2).young);
    EXPECT_FALSE(walk(0).young);
    map(0, 0x8000'0000);  // a fault that another vCPU's ageing overtook
    EXPECT_TRUE(walk(0).young);
    EXPECT_EQ(table->make_young(Ipa(9 * M2)).error(), Errno::kNoEnt);
    EXPECT_EQ(table->make_young(table->limit()).error(), Errno::kNoEnt);
}

TEST_F(TableTest, HardwareMaySetTheAccessFlagAtAnyTime) {
    map(0, 0x8000'0000);
    (void)table->age(Ipa(0), Ipa(K4), true);
    unsigned times = 0;
    memory.before_exchange = [&](u64* slot) {
        if (times++ == 0)
            *slot |= 1 << 10;
    };
    write_protect(0, K4);
    memory.before_exchange = nullptr;
    EXPECT_EQ(times, 2u);
    EXPECT_TRUE(walk(0).young);  // not lost
    EXPECT_FALSE(walk(0).attributes.prot.w);
}

TEST_F(TableTest, RelaxAddsPermissions) {
    map(0, 0x8000'0000, 12, {kProtR});
    memory.history.clear();
    EXPECT_TRUE(table->relax(Ipa(0), kProtRw).ok());
    EXPECT_EQ(walk(0).attributes.prot, kProtRw);
    EXPECT_EQ(memory.count(Step::kIcache), 0u);
    EXPECT_EQ(memory.history.back().kind, Step::kPublish);
    EXPECT_LT(memory.position(Step::kStore), memory.position(Step::kLocal));
    EXPECT_TRUE(table->relax(Ipa(0), {false, false, true}).ok());
    EXPECT_EQ(walk(0).attributes.prot, kProtRwx);
    EXPECT_EQ(memory.count(Step::kIcache), 1u);
    memory.history.clear();
    EXPECT_TRUE(table->relax(Ipa(0), kProtR).ok());  // nothing new: a stale entry of this CPU made the fault
    EXPECT_EQ(memory.count(Step::kStore), 0u);
    EXPECT_EQ(memory.count(Step::kLocal), 1u);
    EXPECT_EQ(memory.count(Step::kInvalidate), 0u);
    EXPECT_EQ(table->relax(Ipa(K4), kProtR).error(), Errno::kNoEnt);
    EXPECT_EQ(table->relax(table->limit(), kProtR).error(), Errno::kNoEnt);
    map(K4, 0x0900'0000, 12, {kProtR, MemoryType::Device_nGnRE});
    EXPECT_EQ(table->relax(Ipa(K4), kProtRx).error(), Errno::kInval);
    settle();
}

TEST_F(TableTest, RelaxJoinsWhoMayExecute) {
    start(40, {false, true});
    map(0, 0x8000'0000, 12, {{true, false, true, ExecAt::El0Only}});
    EXPECT_TRUE(table->relax(Ipa(0), {true, false, true, ExecAt::El1Only}).ok());
    EXPECT_EQ(walk(0).attributes.prot.x_at, ExecAt::Both);
}

TEST_F(TableTest, SetWritableOnlyUpToASize) {
    map(0, 0x8000'0000, 12, {kProtR});
    map(M2, 4 * M2, 21, {kProtRx});
    EXPECT_TRUE(table->set_writable(Ipa(0), 12).ok());
    EXPECT_TRUE(walk(0).attributes.prot.w);
    EXPECT_EQ(table->set_writable(Ipa(M2 + K4), 12).error(), Errno::k2Big);
    EXPECT_FALSE(walk(M2).attributes.prot.w);
    EXPECT_TRUE(table->set_writable(Ipa(M2 + K4), 21).ok());
    EXPECT_EQ(walk(M2).attributes.prot, kProtRwx);
    EXPECT_EQ(table->set_writable(Ipa(G1), 21).error(), Errno::kNoEnt);
    settle();
}

TEST_F(TableTest, ForEachLeafSeesEachOnce) {
    map(0, 0x8000'0000);
    map(M2, 4 * M2, 21);
    map(5 * G1, 8 * G1, 30);
    std::vector<std::pair<u64, unsigned>> seen;
    u64 at = 0;
    while (at < geometry.ipa_limit())
        at = table->for_each_leaf(Ipa(at), table->limit(), [&](Ipa base, const Leaf& l) {
            seen.push_back({base.raw, l.level});
            EXPECT_EQ(l.pa.raw, hardware(base.raw).pa);
        }, 7).raw;
    EXPECT_EQ(seen, (std::vector<std::pair<u64, unsigned>>{{0, 3}, {M2, 2}, {5 * G1, 1}}));
}

using TrackedTableTest = BasicTableTest<true>;
TEST_F(TrackedTableTest, EveryLeafThatComesOrGoesIsReported) {
    map(0, 0x8000'0000);
    map(M2, 4 * M2, 21);
    map(G1, 8 * G1, 30);
    EXPECT_EQ(memory.leaves.size(), 3u);
    map(M2 + K4, 0x9000'0000);
    EXPECT_EQ(memory.leaves.size(), 2u + 512u);
    map(M2, 4 * M2, 21);
    EXPECT_EQ(memory.leaves.size(), 3u);
    unmap(0, G1);  // the subtree as a whole
    EXPECT_EQ(memory.leaves.size(), 1u);
    EXPECT_EQ(memory.leaves.at(G1).first, 1u);
    unmap(G1, G1 + K4);
    EXPECT_TRUE(memory.leaves.empty());
}

TEST_F(TableTest, ARetiredTableReadsAsInvalid) {
    map(0, 0x8000'0000);
    map(M2 - K4, 0x9000'0000);
    // A walker that holds the address of the page table while it goes.
    auto first_child = [&](u64* t) { return static_cast<u64*>(memory.va(Pte::of(*t).output())); };
    u64* l3 = first_child(first_child(static_cast<u64*>(memory.va(table->root()))));
    ASSERT_EQ(l3[0] & 1, 1u);
    unmap(0, M2);
    EXPECT_EQ(l3[0] & 1, 0u);
    reap();
}

using PendingDeathTest = TableTest;
TEST_F(PendingDeathTest, AForgottenInvalidationIsABug) {
    EXPECT_DEATH({ auto debt = table->unmap(Ipa(0), Ipa(K4)); }, "BUG at .*ledger_");
    EXPECT_DEATH(
        {
            auto debt = table->unmap(Ipa(0), Ipa(K4));
            (void)table->map(Ipa(0), Pa(0), 12, {kProtR});
        },
        "BUG at .*ledger_.open");
    EXPECT_DEATH((void)table->age(Ipa(0), Ipa(K4 + 1), false), "BUG at .*sound");
}

}  // namespace
}  // namespace nest::test
