// SPDX-License-Identifier: GPL-2.0-only
// Stage2 as kvm/ uses it: real policy, FakeCpu, allocation failures, life and death.
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <stage2/stage2.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/stage2/fake_table_memory.hpp>

namespace nest::test {
namespace {
using namespace stage2;
using arch::Ipa;
using arch::Pa;
using arch::SysReg;

class Stage2Test : public testing::Test {
public:
    void SetUp() override {
        port().reset();
        cpu.registers[SysReg::HCR_EL2] = arch::HCR_EL2::mask<arch::HCR_EL2::E2H, arch::HCR_EL2::TGE>();
        ASSERT_TRUE(vmids.init(8, 4).ok());
    }
    unsigned count(Event::Kind kind, u64 what) const {
        unsigned n = 0;
        for (const Event& e : cpu.log)
            n += e.kind == kind && e.what == what;
        return n;
    }
    FakeCpu cpu;
    VmidAllocator vmids{cpu};
    HostFeatures host = {.parange = 5, .cnp = true, .fwb = true, .ttl = true, .ctr = 0x8444'c004};
};

// Two vCPUs of a VM share its VMID, and TLBs keep what each one's stage 1 said.
TEST_F(Stage2Test, KnowsWhoRanLastOnEachCpu) {
    Stage2<> s2(cpu, vmids), other(cpu, vmids);
    ASSERT_TRUE(s2.init(40, host).ok());
    ASSERT_TRUE(other.init(40, host).ok());
    EXPECT_FALSE(s2.change_runner(1, 7)) << "nobody has run there";
    EXPECT_FALSE(s2.change_runner(1, 7));
    EXPECT_FALSE(s2.change_runner(2, 8)) << "another CPU";
    EXPECT_FALSE(other.change_runner(1, 8)) << "another VMID";
    EXPECT_TRUE(s2.change_runner(1, 8));
    EXPECT_FALSE(s2.change_runner(1, 8));
    EXPECT_TRUE(s2.change_runner(1, 7));
    EXPECT_FALSE(s2.change_runner(2, 8));
}

TEST_F(Stage2Test, DropsStageOneHereInTheGuestsRegime) {
    drop_stage1_here(cpu);
    const std::vector<Event> wanted = {{Event::kIsb},
                                       {Event::kTlbi, static_cast<u64>(arch::Tlbi::VMALLE1)},
                                       {Event::kDsb, static_cast<u64>(arch::Barrier::NSH)},
                                       {Event::kIsb}};
    EXPECT_EQ(cpu.log, wanted);
}

TEST_F(Stage2Test, RegistersDescribeTheTable) {
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(40, host).ok());
    ASSERT_TRUE(s2.top_up(cache).ok());
    EXPECT_EQ(cache.size(), 2u);
    ASSERT_TRUE(s2.map(cache, Ipa(0x4000'0000), Pa(0x8000'0000), 12, {kProtRwx}).ok());
    arch::VTTBR_EL2 vttbr = s2.vttbr(1);
    EXPECT_EQ(vttbr.get<arch::VTTBR_EL2::VMID>(), 1u);
    EXPECT_EQ(vttbr.get<arch::VTTBR_EL2::CnP>(), 1u);
    HardwareResult hw = hardware_walk(vttbr.raw, s2.vtcr().raw, 0x4000'0123);
    EXPECT_TRUE(hw.translated);
    EXPECT_EQ(hw.pa, 0x8000'0123u);
    EXPECT_EQ(hw.descriptor, 0x8000'07dbu);
    EXPECT_EQ(s2.walk(Ipa(0x4000'0123)).pa.raw, 0x8000'0123u);
    EXPECT_EQ(s2.max_block_shift(), 30u);
}

TEST_F(Stage2Test, RefusedSizesAndEveryMissingAllocation) {
    Stage2<> s2(cpu, vmids);
    EXPECT_EQ(s2.init(49, host).error(), Errno::kInval);
    host.parange = 2;
    EXPECT_EQ(s2.init(41, host).error(), Errno::kInval);
    port().fail_allocation = 1;
    EXPECT_EQ(s2.init(40, host).error(), Errno::kNoMem);
    ASSERT_TRUE(s2.init(40, host).ok());
    TableCache cache;
    for (u64 n : {1, 2}) {
        cache.drain();
        port().fail_allocation = n;
        EXPECT_EQ(s2.top_up(cache).error(), Errno::kNoMem);
    }
    EXPECT_EQ(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {kProtR}).error(), Errno::kAgain);  // one table is not enough
    ASSERT_TRUE(s2.top_up(cache).ok());
    EXPECT_TRUE(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {kProtR}).ok());
    cache.drain();
    EXPECT_EQ(s2.split(cache, Ipa(0), Ipa(0x1000)).next, Ipa(0x1000));
}

TEST_F(Stage2Test, UnderASpinlockNothingSleeps) {
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(40, host).ok());
    ASSERT_TRUE(s2.top_up(cache).ok());
    SpinLock lock{NEST_LOCK_MMU};
    {
        Guard guard(lock);  // the fake port aborts on anything that may sleep
        ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {kProtRw}).ok());
        EXPECT_TRUE(s2.relax(Ipa(0), kProtRwx).ok());
        s2.complete(s2.write_protect(Ipa(0), Ipa(0x1000)));
        s2.complete(s2.unmap(Ipa(0), s2.limit()));
    }
    EXPECT_FALSE(s2.walk(Ipa(0)).valid);
    TableChain chain = s2.take_retired();
    EXPECT_EQ(chain.size(), 2u);
    s2.free_retired(std::move(chain));
    EXPECT_EQ(count(Event::kTlbi, static_cast<u64>(arch::Tlbi::VMALLE1IS)), 1u);     // the page
    EXPECT_EQ(count(Event::kTlbi, static_cast<u64>(arch::Tlbi::VMALLS12E1IS)), 1u);  // the 1 GiB of a whole subtree
}

TEST_F(Stage2Test, WithoutFwbNewMemoryIsWrittenBack) {
    host.fwb = false;
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(40, host).ok());
    ASSERT_TRUE(s2.top_up(cache).ok());
    EXPECT_EQ(s2.max_block_shift(), 21u);
    void* page = nest_port_pages_alloc(0, false);
    ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(nest_port_va_to_pa(page)), 12, {kProtRw}).ok());
    EXPECT_EQ(count(Event::kCache, static_cast<u64>(arch::CacheOp::CIVAC)), 64u);
    EXPECT_EQ(count(Event::kCache, static_cast<u64>(arch::CacheOp::IVAU)), 0u);
    for (const Event& e : cpu.log)
        if (e.kind == Event::kCache) {
            EXPECT_EQ(e.operand & ~u64{4095}, reinterpret_cast<u64>(page));
        }
    EXPECT_TRUE(s2.relax(Ipa(0), {false, false, true}).ok());
    EXPECT_EQ(count(Event::kCache, static_cast<u64>(arch::CacheOp::IVAU)), 64u);
    nest_port_pages_free(page, 0);
}

TEST_F(Stage2Test, DeathInvalidatesThenFreesAll) {
    size_t before = port().live_runs;
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(48, host).ok());
    for (u64 i = 0; i < 20; i++) {
        ASSERT_TRUE(s2.top_up(cache).ok());
        ASSERT_TRUE(s2.map(cache, Ipa(i << 33), Pa(i << 12), 12, {kProtR}).ok());
    }
    ASSERT_TRUE(s2.top_up(cache).ok());
    ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(0), 21, {kProtR}).ok());  // retires one
    cache.drain();
    cpu.log.clear();
    s2.destroy();
    EXPECT_EQ(count(Event::kTlbi, static_cast<u64>(arch::Tlbi::VMALLS12E1IS)), 1u);
    EXPECT_EQ(port().live_runs, before);
    s2.destroy();
    EXPECT_TRUE(s2.init(36, host).ok());  // and again
}

// A VMID's generation is beside its number, and bits 63:56 of VTTBR_EL2 are RES0 with VMIDs of 8 bits.
TEST_F(Stage2Test, AnInvalidationNamesTheVmidThatTheTableIsLoadedWith) {
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(40, host).ok());
    ASSERT_TRUE(s2.top_up(cache).ok());
    ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {kProtRw}).ok());
    const u64 loaded = s2.vttbr(0).raw;
    cpu.log.clear();
    s2.complete(s2.unmap(Ipa(0), Ipa(0x1000)));
    const int at = cpu.position_of_write(SysReg::VTTBR_EL2);
    ASSERT_GE(at, 0);
    EXPECT_EQ(cpu.log[static_cast<size_t>(at)].operand, loaded);
    cache.drain();
}

TEST_F(Stage2Test, ManyRetiredTablesAskToBeReaped) {
    Stage2<> s2(cpu, vmids);
    TableCache cache;
    ASSERT_TRUE(s2.init(40, host).ok());
    for (unsigned i = 0; i < 40; i++) {
        EXPECT_EQ(s2.reap_due(), i >= 32);
        ASSERT_TRUE(s2.top_up(cache).ok());
        ASSERT_TRUE(s2.map(cache, Ipa(0), Pa(0x8000'0000), 12, {kProtRw}).ok());
        s2.complete(s2.unmap(Ipa(0), Ipa(0x1000)));
    }
    s2.free_retired(s2.take_retired());
    EXPECT_FALSE(s2.reap_due());
}

TEST_F(Stage2Test, TwoSpacesOnOneCpuHaveTheirOwnVmids) {
    Stage2<> a(cpu, vmids);
    Stage2<arch::L2Ipa> shadow(cpu, vmids);
    ASSERT_TRUE(a.init(40, host).ok());
    ASSERT_TRUE(shadow.init(44, host).ok());
    auto vmid = [](arch::VTTBR_EL2 v) { return v.get<arch::VTTBR_EL2::VMID>(); };
    u64 first = vmid(a.vttbr(0));
    EXPECT_NE(vmid(shadow.vttbr(0)), first);
    EXPECT_EQ(vmid(a.vttbr(0)), first);
    EXPECT_NE(a.vttbr(0).get<arch::VTTBR_EL2::BADDR>(), shadow.vttbr(0).get<arch::VTTBR_EL2::BADDR>());
}

}  // namespace
}  // namespace nest::test
