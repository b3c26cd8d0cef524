// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <kvm/cpu/table_level.hpp>
#include <map>

namespace nest::kvm {
namespace {

struct Memory final : DescriptorReader {
    std::map<u64, u64> words;
    bool read(arch::Ipa at, u64& descriptor) override {
        const auto found = words.find(at.raw);
        if (found != words.end())
            descriptor = found->second;
        return found != words.end();
    }
};

TEST(TableLevel, EachLevelOfA48BitWalk) {
    Memory memory;
    const StageOneTables tables{16 | u64{16} << 16 | u64{2} << 30, 0x4000'0000, 0x5000'0000};
    const u64 va = 0x0000'1234'5678'9000;
    const u64 index[] = {va >> 39 & 511, va >> 30 & 511, va >> 21 & 511, va >> 12 & 511};
    memory.words[0x4000'0000 + index[0] * 8] = 0x4001'0003;
    memory.words[0x4001'0000 + index[1] * 8] = 0x4002'0003;
    memory.words[0x4002'0000 + index[2] * 8] = 0x4003'0003;
    const u64 pages[] = {0x4000'0000, 0x4001'0000, 0x4002'0000, 0x4003'0000};
    for (int level = 0; level < 4; level++)
        EXPECT_EQ(level_of_table_page(tables, va, arch::Ipa(pages[level] + ((index[level] * 8) & ~0xfffull)), memory).value(),
                  level);
    EXPECT_EQ(level_of_table_page(tables, va, arch::Ipa(0x7000'0000), memory).error(), Errno::kNoEnt);
}

TEST(TableLevel, TheUpperHalfHasItsOwnRootAndGranule) {
    Memory memory;
    // 64 KiB granule, 42 bits: two levels, 2 and 3
    const StageOneTables tables{25 | u64{22} << 16 | u64{3} << 30, 0x4000'0000, 0x5000'0000};
    const u64 va = 0xffff'fc00'0001'0000;
    memory.words[0x5000'0000] = 0x5001'0003;
    EXPECT_EQ(level_of_table_page(tables, va, arch::Ipa(0x5000'0000), memory).value(), 2);
    EXPECT_EQ(level_of_table_page(tables, va, arch::Ipa(0x5001'0000), memory).value(), 3);
}

TEST(TableLevel, AbsurdControlsEndTheWalk) {
    Memory memory;
    for (u64 size : {0, 5, 11, 49, 63})
        EXPECT_EQ(level_of_table_page({size, 0, 0}, 0x1000, arch::Ipa(0x9000), memory).error(), Errno::kNoEnt) << size;
    // A table that points to itself is walked as deep as the levels go, no further.
    for (u64 i = 0; i < 512; i++)
        memory.words[0x6000 + i * 8] = 0x6003;
    EXPECT_EQ(level_of_table_page({16, 0x6000, 0}, 0x1000, arch::Ipa(0x9000), memory).error(), Errno::kNoEnt);
}

}  // namespace
}  // namespace nest::kvm
