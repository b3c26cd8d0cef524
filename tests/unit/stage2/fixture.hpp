// SPDX-License-Identifier: GPL-2.0-only
// What the table's tests share: a table over watched memory.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tests/unit/stage2/fake_table_memory.hpp>

namespace nest::test {

template <bool Tracks>
class BasicTableTest : public testing::Test {
public:
    using Memory = FakeTableMemory<Tracks>;
    using Table = stage2::Table<Memory>;
    using Step = typename Memory::Step;
    static constexpr u64 K4 = u64{1} << 12, M2 = u64{1} << 21, G1 = u64{1} << 30;

    void SetUp() override {
        port().reset();
        start(40);
    }
    void start(unsigned ipa_bits, stage2::PteFormat format = {}) {
        stop();
        table = new Table(memory);
        geometry = stage2::geometry_for(ipa_bits, 5);
        ASSERT_TRUE(table->init(geometry, format).ok());
        memory.checker.set_root(static_cast<u64*>(memory.va(table->root())), geometry);
        vtcr = stage2::vtcr_for(geometry, {.parange = 5}).raw;
    }
    void stop() {
        if (!table)
            return;
        settle();
        memory.destroying = true;
        table->destroy();
        memory.destroying = false;
        memory.checker.forget_all();
        delete std::exchange(table, nullptr);
        EXPECT_EQ(memory.tables_alive, 0u);
        EXPECT_TRUE(port().nothing_leaked());
    }
    void TearDown() override { stop(); }

    // After an operation: the lock would be dropped now.
    void settle() {
        memory.checker.settled();
        EXPECT_THAT(memory.checker.violations, testing::IsEmpty());
    }
    void map(u64 ipa, u64 pa, unsigned shift = 12, stage2::Attributes a = {stage2::kProtRwx}) {
        Status s = table->map(arch::Ipa(ipa), arch::Pa(pa), shift, a);
        ASSERT_TRUE(s.ok()) << static_cast<int>(s.error());
        settle();
    }
    void unmap(u64 start, u64 end) {
        auto debt = table->unmap(arch::Ipa(start), arch::Ipa(end), ~0u);
        EXPECT_EQ(debt.resume().raw, end);
        std::move(debt).complete(memory);
        settle();
    }
    void write_protect(u64 start, u64 end) {
        auto debt = table->write_protect(arch::Ipa(start), arch::Ipa(end), ~0u);
        EXPECT_EQ(debt.resume().raw, end);
        std::move(debt).complete(memory);
        settle();
    }
    stage2::Leaf walk(u64 ipa) { return table->walk(arch::Ipa(ipa)); }
    HardwareResult hardware(u64 ipa) { return hardware_walk(table->root().raw, vtcr, ipa); }
    // Both walkers agree that `ipa` goes to `pa`, by a leaf of `level`.
    void expect_mapped(u64 ipa, u64 pa, unsigned level) {
        stage2::Leaf leaf = walk(ipa);
        HardwareResult hw = hardware(ipa);
        EXPECT_TRUE(leaf.valid && hw.translated) << std::hex << ipa;
        EXPECT_EQ(leaf.pa.raw, pa);
        EXPECT_EQ(hw.pa, pa);
        EXPECT_EQ(leaf.level, level);
        EXPECT_EQ(hw.level, level);
    }
    void expect_unmapped(u64 ipa) {
        EXPECT_FALSE(walk(ipa).valid) << std::hex << ipa;
        EXPECT_FALSE(hardware(ipa).translated) << std::hex << ipa;
    }
    void reap() { table->free_retired(table->take_retired()); }

    Memory memory;
    Table* table = nullptr;
    stage2::Geometry geometry;
    u64 vtcr = 0;
};
using TableTest = BasicTableTest<false>;

}  // namespace nest::test
