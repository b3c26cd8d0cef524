// SPDX-License-Identifier: GPL-2.0-only
// Cache maintenance and the cache of table pages.
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <stage2/cache_maintenance.hpp>
#include <stage2/table_cache.hpp>
#include <tests/fake/port.hpp>

namespace nest::test {
namespace {
using namespace stage2;
using arch::Barrier;
using arch::CacheOp;

constexpr u64 kPipt = 3 << 14;
constexpr CacheType ctr_of(unsigned d, unsigned i, u64 rest = kPipt) { return CacheType::of(u64{d} << 16 | i | rest); }

TEST(CacheMaintenance, TouchesEachDataLineOnceAndWaits) {
    FakeCpu cpu;
    clean_invalidate_to_poc(cpu, ctr_of(4, 4), 0x10000, 0x1000);  // 64-byte lines
    ASSERT_EQ(cpu.log.size(), 65u);
    for (u64 i = 0; i < 64; i++)
        EXPECT_EQ(cpu.log[i], (Event{Event::kCache, static_cast<u64>(CacheOp::CIVAC), 0x10000 + 64 * i}));
    EXPECT_EQ(cpu.log[64], (Event{Event::kDsb, static_cast<u64>(Barrier::SY)}));
}

TEST(CacheMaintenance, AnUnalignedRangeTouchesBothEnds) {
    FakeCpu cpu;
    clean_invalidate_to_poc(cpu, ctr_of(4, 4), 0x1003f, 2);
    ASSERT_EQ(cpu.log.size(), 3u);
    EXPECT_EQ(cpu.log[0].operand, 0x10000u);
    EXPECT_EQ(cpu.log[1].operand, 0x10040u);
}

TEST(CacheMaintenance, InstructionsByLineByAllOrNotAtAll) {
    auto first = [](CacheType ctr, u64 bytes) {
        FakeCpu cpu;
        invalidate_instructions(cpu, ctr, 0x10000, bytes);
        EXPECT_EQ(cpu.log.back().kind, Event::kIsb);
        return cpu.log;
    };
    auto log = first(ctr_of(4, 3), 0x1000);  // 32-byte lines
    ASSERT_EQ(log.size(), 130u);
    EXPECT_EQ(log[127], (Event{Event::kCache, static_cast<u64>(CacheOp::IVAU), 0x10fe0}));
    EXPECT_EQ(log[128], (Event{Event::kDsb, static_cast<u64>(Barrier::ISH)}));
    log = first(ctr_of(4, 3), 0x200000);
    ASSERT_EQ(log.size(), 3u);
    EXPECT_EQ(log[0].what, static_cast<u64>(CacheOp::IALLUIS));
    log = first(ctr_of(4, 3, 2 << 14), 0x1000);  // VIPT: other aliases of the page may be cached
    EXPECT_EQ(log[0].what, static_cast<u64>(CacheOp::IALLUIS));
    EXPECT_EQ(first(ctr_of(4, 3, kPipt | CacheType::DIC::kMask), 0x1000).size(), 1u);
}

TEST(TableCache, FillsHandsOutZeroedAndFrees) {
    port().reset();
    {
        TableCache cache;
        EXPECT_EQ(cache.alloc(), nullptr);
        EXPECT_TRUE(cache.top_up(4).ok());
        EXPECT_TRUE(cache.top_up(2).ok());
        EXPECT_EQ(cache.size(), 4u);
        void* page = cache.alloc();
        for (unsigned i = 0; i < 512; i++)
            EXPECT_EQ(static_cast<u64*>(page)[i], 0u);
        nest_port_pages_free(page, 0);
        EXPECT_EQ(cache.size(), 3u);
    }
    EXPECT_TRUE(port().nothing_leaked());
}

TEST(TableCache, RunningOutKeepsWhatItGot) {
    port().reset();
    for (unsigned n = 1; n <= 3; n++) {
        TableCache cache;
        port().fail_allocation = n;
        EXPECT_EQ(cache.top_up(3).error(), Errno::kNoMem);
        EXPECT_EQ(cache.size(), n - 1);
        EXPECT_TRUE(cache.top_up(3).ok());
        EXPECT_EQ(cache.size(), 3u);
    }
    EXPECT_TRUE(port().nothing_leaked());
}

}  // namespace
}  // namespace nest::test
