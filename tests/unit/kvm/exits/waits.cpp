// SPDX-License-Identifier: GPL-2.0-only
// What keeps a vCPU out of the guest: its power state, a halt of the VM, and requests, which must neither be overlooked
// nor keep a vCPU awake that has nothing else to do.
#include <kvm/abi/numbers.hpp>
#include <kvm/exits/wait.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct WaitTest : VmTest {
    unsigned waits = 0;

    void set_power(u32 state) {
        abi::MpState mp{state};
        ASSERT_EQ(ioctl(abi::KVM_SET_MP_STATE, &mp), 0);
    }
    static void raise_signal() { test::port().signal_pending = test::port().entry_blocked = true; }
    // Runs until the vCPU waits: it must be left alone there, with each of these requests made before.
    void expect_to_sleep(Request request) {
        test::port().signal_pending = test::port().entry_blocked = false;
        waits = 0;
        test::port().on_wait = [&](nest_host_vcpu*) {
            waits++;
            EXPECT_FALSE(nest_vcpu_runnable(vcpu)) << "request " << static_cast<u64>(request);
            raise_signal();
        };
        core().make_request(request);
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        EXPECT_EQ(waits, 1u);
        EXPECT_EQ(test::guest().entries, 0u);
    }
};

constexpr Request kRequests[] = {Request::kLook, Request::kTraps, Request::kStolenTime, Request::kWatch};

TEST_F(WaitTest, RequestsDoNotKeepASuspendedVcpuAwake) {
    make_vcpu();
    set_power(abi::KVM_MP_STATE_SUSPENDED);
    for (Request r : kRequests)
        expect_to_sleep(r);
    EXPECT_FALSE(core().has_requests()) << "they are served";
}

// With a GIC the pins are what the last flush for L2 made of a line that may be over: they would keep each WFI from sleeping.
TEST_F(WaitTest, PinsOfTheLastFlushDoNotKeepAVcpuWithAGicAwake) {
    make_vcpu();
    core().irq_pins.store_relaxed(1u << abi::KVM_ARM_IRQ_CPU_FIQ);
    EXPECT_TRUE(has_wakeup_event(core())) << "without a GIC they are the VMM's lines";
    make_gic();
    EXPECT_FALSE(has_wakeup_event(core()));
}

TEST_F(WaitTest, AKickWakesWhoeverMaySleep) {
    make_vcpu();
    auto wakes = [&] { return test::port().vcpus[core().host].wakes; };
    core().kick();
    EXPECT_EQ(wakes(), 0u) << "nobody sleeps";
    set_power(abi::KVM_MP_STATE_SUSPENDED);
    test::port().on_wait = [&](nest_host_vcpu*) {
        core().kick();
        raise_signal();
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(wakes(), 1u);
}

TEST_F(WaitTest, NorAStoppedOne) {
    make_vcpu();
    set_power(abi::KVM_MP_STATE_STOPPED);
    for (Request r : kRequests)
        expect_to_sleep(r);
}

TEST_F(WaitTest, NorAHaltedOne) {
    make_vcpu();
    core().vm.halt_all();
    for (Request r : kRequests)
        expect_to_sleep(r);
    core().vm.resume_all();
}

TEST_F(WaitTest, ARequestEndsTheWaitOfASuspendedVcpu) {
    make_vcpu();
    set_power(abi::KVM_MP_STATE_SUSPENDED);
    test::port().on_wait = [&](nest_host_vcpu*) {
        if (++waits == 2) {
            EXPECT_FALSE(nest_vcpu_runnable(vcpu)) << "the first one is served";
            return raise_signal();
        }
        core().make_request(Request::kTraps);
        EXPECT_TRUE(nest_vcpu_runnable(vcpu));
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(waits, 2u);
}

TEST_F(WaitTest, AnInterruptOfASuspendedVcpuIsItsVmms) {
    make_vcpu();
    set_power(abi::KVM_MP_STATE_SUSPENDED);
    test::port().on_wait = [&](nest_host_vcpu*) { core().irq_pins.store_relaxed(1); };
    EXPECT_EQ(ioctl(abi::KVM_RUN), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_SYSTEM_EVENT);
    EXPECT_EQ(run->system_event.type, abi::KVM_SYSTEM_EVENT_WAKEUP);
    EXPECT_EQ(test::guest().entries, 0u);
}

// A migration reads the vCPU after CPU_ON and before its first entry: the registers are those that it will start with.
TEST_F(WaitTest, RegistersAreThoseAfterAPendingReset) {
    make_vcpu();
    const auto reg = [](u64 offset) {
        return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | offset;
    };
    const auto get = [&](u64 id) {
        u64 value = ~u64{0};
        abi::OneReg one{id, reinterpret_cast<u64>(&value)};
        EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &one), 0);
        return value;
    };
    core().context.x[0] = core().context.x[5] = 0xdead;
    core().power.on = {0x1234'0000, 7, false};
    core().make_request(Request::kReset);
    EXPECT_EQ(get(reg(NEST_CORE_OFFSET(pc))), 0x1234'0000u);
    EXPECT_EQ(get(reg(NEST_CORE_OFFSET(regs[0]))), 7u);
    EXPECT_EQ(get(reg(NEST_CORE_OFFSET(regs[5]))), 0u);

    // And what is written stays: the reset does not come after it.
    core().power.on = {0x5678'0000, 8, false};
    core().make_request(Request::kReset);
    u64 value = 0x9999;
    abi::OneReg one{reg(NEST_CORE_OFFSET(regs[5])), reinterpret_cast<u64>(&value)};
    EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &one), 0);
    EXPECT_EQ(get(reg(NEST_CORE_OFFSET(pc))), 0x5678'0000u);
    EXPECT_EQ(get(reg(NEST_CORE_OFFSET(regs[5]))), 0x9999u);
}

}  // namespace
}  // namespace nest::kvm
