// SPDX-License-Identifier: GPL-2.0-only
// What is put where nothing was needs no invalidation; but other CPUs' walkers must see it before the operation is over, or
// they fault once more on what is mapped ([DDI0487] D8.2.6: a DSB orders the store before what the walker reads afterwards).
#include <arch/cpu.hpp>
#include <stage2/stage2.hpp>
#include <tests/unit/stage2/fixture.hpp>

namespace nest::test {
namespace {

using arch::Ipa;
using arch::Pa;
using stage2::kLastLevel;

struct Publishing : TableTest {
    void expect_published(const char* what) {
        int store = -1, publish = -1;
        for (size_t i = 0; i < memory.history.size(); i++) {
            if (memory.history[i].kind == Step::kStore)
                store = static_cast<int>(i);
            if (memory.history[i].kind == Step::kPublish)
                publish = static_cast<int>(i);
        }
        EXPECT_GE(store, 0) << what;
        EXPECT_GT(publish, store) << what;
        memory.history.clear();
    }
};

TEST_F(Publishing, IsTheLastThatEachOperationDoes) {
    map(M2, 0x8000'0000, 21, {stage2::kProtR});
    expect_published("a block");
    EXPECT_TRUE(table->relax(Ipa(M2), stage2::kProtRw).ok());
    expect_published("a permission more");
    (void)table->age(Ipa(M2), Ipa(2 * M2), true);
    settle();
    memory.history.clear();
    EXPECT_TRUE(table->make_young(Ipa(M2)).ok());
    expect_published("an access flag");
    (void)table->split(Ipa(M2), Ipa(2 * M2));
    settle();
    EXPECT_EQ(walk(M2).level, kLastLevel);
    expect_published("a table in the block's place");
}

TEST(PublishingTest, IsABarrierForAllCpus) {
    port().reset();
    FakeCpu cpu;
    cpu.registers[arch::SysReg::HCR_EL2] = arch::HCR_EL2::mask<arch::HCR_EL2::E2H, arch::HCR_EL2::TGE>();
    stage2::VmidAllocator vmids{cpu};
    ASSERT_TRUE(vmids.init(8, 4).ok());
    stage2::Stage2<> s2(cpu, vmids);
    stage2::TableCache cache;
    ASSERT_TRUE(s2.init(40, {.parange = 5, .fwb = true, .ctr = 0x8444'c004}).ok());
    ASSERT_TRUE(s2.top_up(cache).ok());
    cpu.log.clear();
    ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {stage2::kProtR}).ok());
    ASSERT_FALSE(cpu.log.empty());
    EXPECT_EQ(cpu.log.back(), (Event{Event::kDsb, static_cast<u64>(arch::Barrier::ISHST)}));
    cache.drain();
}

}  // namespace
}  // namespace nest::test
