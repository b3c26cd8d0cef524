// SPDX-License-Identifier: GPL-2.0-only
// PSCI between the vCPUs of a VM: CPU_ON as one calls it, and what the other finds.
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct PowerTest : VmTest {
    static constexpr u64 kCpuOn = 0xc400'0003, kEntry = 0x8'0000, kContextId = 0x77;
    static constexpr u64 kInvalidParameters = static_cast<u64>(-2), kAlreadyOn = static_cast<u64>(-4);
    nest_vcpu* caller = nullptr;
    nest_vcpu* target = nullptr;

    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
        caller = vcpu;
        target = make_another(1, kPsci | 1 << abi::KVM_ARM_VCPU_POWER_OFF);
        ASSERT_TRUE(target);
        of(target).context.pc = 0xdead'0000;
    }
    void TearDown() override {
        vcpu = caller;
        VmTest::TearDown();
    }
    Vcpu& of(nest_vcpu* v) { return *reinterpret_cast<Vcpu*>(v); }
    // What the call answers.
    u64 cpu_on(u64 mpidr) {
        u64 answer = ~u64{0};
        test::port().signal_pending = test::port().entry_blocked = false;
        guest_does({[=](GuestContext& c) {
                        c.x[0] = kCpuOn;
                        c.x[1] = mpidr;
                        c.x[2] = kEntry;
                        c.x[3] = kContextId;
                        test::set_syndrome(arch::Ec::kHvc64, 0);
                        return ExitKind::kSync;
                    },
                    [&](GuestContext& c) {
                        answer = c.x[0];
                        test::port().signal_pending = test::port().entry_blocked = true;
                        return ExitKind::kIrq;
                    }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        return answer;
    }
};

TEST_F(PowerTest, CpuOnStartsTheOtherWhereItsCallerSays) {
    EXPECT_EQ(of(target).power.get(), PowerState::kStopped);
    ASSERT_EQ(cpu_on(1), 0u);
    ASSERT_EQ(of(target).power.get(), PowerState::kRunnable);
    u64 pc = 0, x0 = 0;
    vcpu = target;
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({[&](GuestContext& c) {
        pc = c.pc;
        x0 = c.x[0];
        test::port().signal_pending = test::port().entry_blocked = true;
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(pc, kEntry);
    EXPECT_EQ(x0, kContextId);
    vcpu = caller;
}

TEST_F(PowerTest, OneThatRunsIsLeftAlone) {
    ASSERT_EQ(cpu_on(1), 0u);
    ASSERT_TRUE(of(target).take_request(Request::kReset));  // it has begun
    EXPECT_EQ(cpu_on(1), kAlreadyOn);
    EXPECT_FALSE(of(target).take_request(Request::kReset));
    EXPECT_EQ(cpu_on(0), kAlreadyOn) << "the caller itself";
}

// Another vCPU's CPU_ON while the VMM initialises this one anew, off: the request must not outlive the state.
TEST_F(PowerTest, ACpuOnDuringInitialisationIsForgottenWithItsRequest) {
    Vcpu& v = of(target);
    bool done = false;
    test::port().on_mutex_lock = [&](nest_mutex* lock) {
        if (done || reinterpret_cast<void*>(lock) != static_cast<void*>(&v.power.lock))
            return;
        done = true;
        EXPECT_EQ(v.vm.power.power_on(1, {kEntry, kContextId, false}), PowerOnResult::kDone);
    };
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {static_cast<u32>(kPsci | 1 << abi::KVM_ARM_VCPU_POWER_OFF)}};
    EXPECT_EQ(nest_vcpu_ioctl(target, abi::KVM_ARM_VCPU_INIT, reinterpret_cast<u64>(&init)), 0);
    test::port().on_mutex_lock = nullptr;
    EXPECT_TRUE(done);
    EXPECT_EQ(v.power.get(), PowerState::kStopped);
    EXPECT_FALSE(v.take_request(Request::kReset));
}

// A reset that is carried out later would drop what the VMM has set.
TEST_F(PowerTest, EventsOfAVcpuThatWasTurnedOnAreThoseAfterTheReset) {
    Vcpu& v = of(target);
    v.serror.pending = true;
    ASSERT_EQ(cpu_on(1), 0u);
    abi::VcpuEvents events{};
    ASSERT_EQ(nest_vcpu_ioctl(target, abi::KVM_GET_VCPU_EVENTS, reinterpret_cast<u64>(&events)), 0);
    EXPECT_EQ(events.serror_pending, 0);
    of(target).power.set(PowerState::kStopped);
    ASSERT_EQ(cpu_on(1), 0u);
    events = {};
    events.serror_pending = 1;
    ASSERT_EQ(nest_vcpu_ioctl(target, abi::KVM_SET_VCPU_EVENTS, reinterpret_cast<u64>(&events)), 0);
    EXPECT_FALSE(v.has_requests() && v.take_request(Request::kReset));
    EXPECT_TRUE(v.serror.pending);
}

TEST_F(PowerTest, AnAffinityThatNobodyHasIsInvalid) {
    EXPECT_EQ(cpu_on(2), kInvalidParameters);
    EXPECT_EQ(cpu_on(1 << 8), kInvalidParameters);
    EXPECT_EQ(of(target).power.get(), PowerState::kStopped);
}

}  // namespace
}  // namespace nest::kvm
