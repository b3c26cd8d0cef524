// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <gtest/gtest.h>
#include <kvm/devices/mmio.hpp>
#include <tests/unit/kvm/devices/cpu_fixture.hpp>
#include <vector>

namespace nest::test {
namespace {

using namespace kvm::abi;
using arch::AbortIss;
using arch::Ipa;
using Outcome = kvm::Mmio::Outcome;

class FakeDevice final : public kvm::MmioDevices {
public:
    bool mmio_read(Ipa ipa, unsigned bytes, u64& value) override {
        reads.push_back({ipa.raw, bytes});
        value = answer;
        return takes;
    }
    Written mmio_write(Ipa ipa, unsigned bytes, u64 value) override {
        writes.push_back({ipa.raw, bytes, value});
        return again ? Written::kAgain : takes ? Written::kDone : Written::kNobody;
    }
    bool again = false;
    bool takes = false;
    u64 answer = 0;
    std::vector<std::vector<u64>> reads, writes;
};

class MmioTest : public ::testing::Test {
protected:
    static constexpr u64 kPc = 0x8000;
    MmioTest() {
        port().reset();
        EXPECT_TRUE(bus.init().ok());
        state.context.pc = kPc;
        state.context.pstate = arch::kModeEL1h;
        std::memset(&run, 0xa5, sizeof(run));
    }
    static AbortIss word(bool write, unsigned gpr = 3) {
        return AbortIss::of(arch::kFscTranslation)
            .with<AbortIss::ISV>(1)
            .with<AbortIss::SAS>(2)
            .with<AbortIss::SRT>(gpr)
            .with<AbortIss::WnR>(write);
    }
    Outcome handle(AbortIss iss, bool in_slot = false, bool nisv = false) {
        u64 esr = u64{0x24} << 26 | u64{1} << 25 | iss.raw;
        state.context.esr = esr;
        return mmio.handle(state, {esr, Ipa(0x0900'0010), 0, in_slot, nisv}, device, bus, run, stats);
    }
    TestCpu cpu;
    kvm::CpuState& state = cpu.state;
    kvm::IoBus bus;
    kvm::Mmio mmio;
    kvm::VcpuStats stats{};
    FakeDevice device;
    kvm::abi::Run run;
};

TEST_F(MmioTest, AStoreThatADeviceWantsAgainIsNotSteppedOver) {
    device.again = true;
    EXPECT_EQ(handle(word(true)), Outcome::kAgain);
    EXPECT_EQ(state.context.pc, kPc);
    EXPECT_FALSE(mmio.pending());
}

TEST_F(MmioTest, AStoreGoesToUserSpaceAndIsSteppedOverAtTheNextRun) {
    state.context.x[3] = 0xdead'beef'1234'5678;
    ASSERT_EQ(handle(word(true)), Outcome::kUser);
    EXPECT_EQ(run.exit_reason, KVM_EXIT_MMIO);
    EXPECT_EQ(run.mmio.phys_addr, 0x0900'0010u);
    EXPECT_EQ(run.mmio.len, 4u);
    EXPECT_EQ(run.mmio.is_write, 1);
    EXPECT_EQ(std::memcmp(run.mmio.data, "\x78\x56\x34\x12", 4), 0);
    EXPECT_EQ(state.context.pc, kPc);
    EXPECT_TRUE(mmio.pending());
    mmio.complete(state, run);
    EXPECT_EQ(state.context.pc, kPc + 4);
    EXPECT_EQ(state.context.x[3], 0xdead'beef'1234'5678u);
    mmio.complete(state, run);
    EXPECT_EQ(state.context.pc, kPc + 4) << "once";
    EXPECT_EQ(stats.mmio_exit_user, 1u);
    EXPECT_EQ(stats.mmio_exit_kernel, 0u);
}

TEST_F(MmioTest, ALoadTakesTheDataAndNothingElseFromTheSharedPage) {
    state.context.x[3] = ~u64{0};
    ASSERT_EQ(handle(word(false)), Outcome::kUser);
    EXPECT_EQ(run.mmio.is_write, 0);
    std::memcpy(run.mmio.data, "\x01\x02\x03\x84\xff\xff\xff\xff", 8);
    run.mmio.len = 1;
    run.mmio.is_write = 1;
    run.mmio.phys_addr = 0;
    run.exit_reason = 99;
    mmio.complete(state, run);
    EXPECT_EQ(state.context.x[3], 0x8403'0201u);
    EXPECT_EQ(state.context.pc, kPc + 4);
}

TEST_F(MmioTest, AbandonedAccessesAreForgotten) {
    ASSERT_EQ(handle(word(false)), Outcome::kUser);
    u64 before = state.context.x[3];
    mmio.abandon();
    mmio.complete(state, run);
    EXPECT_EQ(state.context.x[3], before);
    EXPECT_EQ(state.context.pc, kPc);
}

TEST_F(MmioTest, DevicesInTheKernelComeFirst) {
    device.takes = true;
    device.answer = 0x1'2345'6789;
    ASSERT_EQ(handle(word(false)), Outcome::kDone);
    EXPECT_EQ(state.context.x[3], 0x2345'6789u);
    EXPECT_EQ(state.context.pc, kPc + 4);
    EXPECT_EQ(device.reads, (std::vector<std::vector<u64>>{{0x0900'0010, 4}}));
    int fd = port().make_eventfd();
    ASSERT_TRUE(bus.ioeventfd({0, 0x0900'0010, 4, fd, 0, {}}).ok());
    state.context.x[3] = 0xabcd'0000'0042;
    ASSERT_EQ(handle(word(true)), Outcome::kDone);
    EXPECT_EQ(device.writes, (std::vector<std::vector<u64>>{{0x0900'0010, 4, 0x42}}));
    EXPECT_EQ(port().eventfd_count(fd), 0u);
    EXPECT_EQ(stats.mmio_exit_kernel, 2u);

    device.takes = false;
    ASSERT_EQ(handle(word(true)), Outcome::kDone) << "then the ioeventfd";
    EXPECT_EQ(port().eventfd_count(fd), 1u);
    EXPECT_EQ(state.context.pc, kPc + 12);
    EXPECT_FALSE(mmio.pending());
    ASSERT_EQ(handle(word(false)), Outcome::kUser) << "an ioeventfd answers no load";
    EXPECT_EQ(run.exit_reason, KVM_EXIT_MMIO);
}

TEST_F(MmioTest, WithoutSyndromeItIsTheVmmsOrNobodys) {
    auto iss = AbortIss::of(0x1ff'ffff).with<AbortIss::ISV>(0).with<AbortIss::S1PTW>(0).with<AbortIss::CM>(0);
    EXPECT_EQ(handle(iss), Outcome::kNoSyndrome);
    EXPECT_EQ(handle(iss, false, true), Outcome::kUser);
    EXPECT_EQ(run.exit_reason, KVM_EXIT_ARM_NISV);
    EXPECT_EQ(run.arm_nisv.esr_iss, 0x7fu) << "WnR and the fault code only";
    EXPECT_EQ(run.arm_nisv.fault_ipa, 0x0900'0010u);
    EXPECT_FALSE(mmio.pending());
    EXPECT_EQ(state.context.pc, kPc);
}

TEST_F(MmioTest, TablesInDeviceSpaceAreAnExternalAbort) {
    EXPECT_EQ(handle(word(false).with<AbortIss::S1PTW>(1)), Outcome::kExternalAbort);
    EXPECT_EQ(state.context.pc, kPc);
}

TEST_F(MmioTest, CacheMaintenanceOutsideMemoryIsSkipped) {
    auto iss = AbortIss{}.with<AbortIss::CM>(1).with<AbortIss::WnR>(1).with<AbortIss::FSC>(5);
    EXPECT_EQ(handle(iss), Outcome::kDone);
    EXPECT_EQ(state.context.pc, kPc + 4);
    EXPECT_EQ(handle(iss, true, true), Outcome::kUser) << "not so in a read-only slot";
    EXPECT_EQ(run.arm_nisv.esr_iss, 0x145u);
}

TEST_F(MmioTest, SixtyFourByteAccessesAreTheVmms) {
    for (u64 code : {0x04, 0x07, 0x0b, 0x0f, 0x2a, 0x2b}) {
        ASSERT_EQ(handle(word(true).with<AbortIss::SET>(2).with<AbortIss::FSC>(code)), Outcome::kUser);
        EXPECT_EQ(run.exit_reason, KVM_EXIT_ARM_LDST64B) << code;
        EXPECT_EQ(run.arm_nisv.esr_iss, state.context.esr & ~u64{0x3f});
        EXPECT_FALSE(mmio.pending());
    }
    ASSERT_EQ(handle(word(true).with<AbortIss::SET>(2).with<AbortIss::FSC>(0x35)), Outcome::kUser);
    EXPECT_EQ(run.exit_reason, KVM_EXIT_MMIO) << "there the bits mean something else";
}

}  // namespace
}  // namespace nest::test
