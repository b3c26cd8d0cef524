// SPDX-License-Identifier: GPL-2.0-only
// Halt polling: how a vCPU's window follows its waits, and what ends a poll.
#include <kvm/abi/capability.hpp>
#include <kvm/vm/halt_poll.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

constexpr nest_halt_polling kDefault{500'000, 2, 10'000, 2};

// Waits that each take so long, and the window behind each.
void follow(HaltPollWindow& window, u64 waited_ns, std::initializer_list<u64> expected) {
    for (const u64 ns : expected) {
        window.adapt(waited_ns, 500'000, kDefault);
        EXPECT_EQ(window.ns(500'000), ns);
    }
}

TEST(HaltPollWindow, GrowsUntilItCoversTheWaits) {
    HaltPollWindow window;
    EXPECT_EQ(window.ns(500'000), 0u);
    follow(window, 100'000, {10'000, 20'000, 40'000, 80'000, 160'000, 160'000, 160'000});
}

TEST(HaltPollWindow, IsNeverAboveTheLimit) {
    HaltPollWindow window;
    for (int i = 0; i < 20; i++)
        window.adapt(500'000, 500'000, kDefault);
    EXPECT_EQ(window.ns(500'000), 500'000u);
    EXPECT_EQ(window.ns(30'000), 30'000u) << "the VMM has lowered it meanwhile";
    EXPECT_EQ(window.ns(0), 0u);
    // A factor that the product of two 32-bit numbers holds.
    window.adapt(0xffff'ffff, 0xffff'ffff, {0, 0xffff'ffff, 10'000, 2});
    EXPECT_EQ(window.ns(0xffff'ffff), 0xffff'ffffu);
}

TEST(HaltPollWindow, ALowerLimitOutlivesItself) {
    HaltPollWindow window;
    follow(window, 100'000, {10'000, 20'000, 40'000, 80'000});
    window.adapt(1'000, 30'000, kDefault);
    EXPECT_EQ(window.ns(500'000), 30'000u) << "the VMM has raised it again";
}

TEST(HaltPollWindow, ShrinksWhereNoWindowWouldDo) {
    HaltPollWindow window;
    follow(window, 100'000, {10'000, 20'000, 40'000});
    follow(window, 500'001, {20'000, 10'000, 0, 0});
}

TEST(HaltPollWindow, ADivisorOfNoneEndsIt) {
    HaltPollWindow window;
    for (int i = 0; i < 5; i++)
        window.adapt(300'000, 500'000, kDefault);
    window.adapt(500'001, 500'000, {500'000, 2, 10'000, 0});
    EXPECT_EQ(window.ns(500'000), 0u);
}

TEST(HaltPollWindow, AFactorOfNoneKeepsIt) {
    HaltPollWindow window;
    window.adapt(100'000, 500'000, {500'000, 0, 10'000, 2});
    EXPECT_EQ(window.ns(500'000), 0u);
}

struct HaltPoll : VmTest {
    unsigned polls = 0, waits = 0;

    void SetUp() override {
        VmTest::SetUp();
        test::port().halt_polling = kDefault;
        test::port().on_wait = [&](nest_host_vcpu*) { waits++; };
    }
    // As if the guest's waits had taken so long that the window is 40 us.
    void open_window() {
        for (int i = 0; i < 3; i++)
            core().halt_poll.adapt(100'000, 500'000, kDefault);
    }
    // What comes to a vCPU that polls, behind its second look.
    void comes_while_polling(std::function<void()> what) {
        test::port().on_poll = [this, what] {
            test::port().now_ns += 1'000;
            if (++polls == 2)
                what();
        };
    }
    static ExitKind wfi(GuestContext&) {
        test::set_syndrome(arch::Ec::kWfx, 0);
        return ExitKind::kSync;
    }
    void guest_waits() {
        guest_does({wfi});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    }
};

TEST_F(HaltPoll, AnInterruptWithinTheWindowCostsNoSleep) {
    make_vcpu();
    make_gic();
    open_window();
    comes_while_polling([&] {
        EXPECT_EQ(test::port().vcpus[core().host].detaches, 0u) << "a timer in hardware goes on";
        core().serror.pending = true;
    });
    guest_waits();
    EXPECT_EQ(waits, 0u);
    EXPECT_EQ(polls, 2u);
    EXPECT_EQ(core().stats.halt_attempted_poll, 1u);
    EXPECT_EQ(core().stats.halt_successful_poll, 1u);
    EXPECT_EQ(core().stats.halt_poll_success_ns, 2'000u);
    EXPECT_EQ(core().stats.halt_poll_success_hist[11], 1u);
    EXPECT_EQ(core().stats.halt_poll_fail_ns, 0u);
    EXPECT_EQ(core().stats.halt_wait_ns, 0u);
    EXPECT_EQ(core().stats.halt_wakeup, 0u);
    EXPECT_EQ(core().halt_poll.ns(500'000), 40'000u);
}

TEST_F(HaltPoll, BehindTheWindowTheThreadSleeps) {
    make_vcpu();
    make_gic();
    open_window();
    test::port().on_poll = [&] { test::port().now_ns += 15'000, polls++; };
    test::port().on_wait = [&](nest_host_vcpu*) {
        waits++;
        EXPECT_FALSE(nest_vcpu_runnable(vcpu));
        test::port().now_ns += 100'000;
        core().serror.pending = true;
        EXPECT_TRUE(nest_vcpu_runnable(vcpu));
    };
    guest_waits();
    EXPECT_EQ(waits, 1u);
    EXPECT_EQ(polls, 3u);
    EXPECT_EQ(core().stats.halt_attempted_poll, 1u);
    EXPECT_EQ(core().stats.halt_successful_poll, 0u);
    EXPECT_EQ(core().stats.halt_poll_fail_ns, 45'000u);
    EXPECT_EQ(core().stats.halt_poll_fail_hist[16], 1u);
    EXPECT_EQ(core().stats.halt_wait_ns, 100'000u);
    EXPECT_EQ(core().stats.halt_wakeup, 1u);
    EXPECT_EQ(core().halt_poll.ns(500'000), 80'000u) << "the whole wait, 145 us, is what a longer window would have covered";
}

TEST_F(HaltPoll, AnotherThreadsNeedOfTheCpuEndsIt) {
    make_vcpu();
    make_gic();
    open_window();
    comes_while_polling([&] { test::port().cpu_is_wanted = true; });
    guest_waits();
    EXPECT_EQ(polls, 2u);
    EXPECT_EQ(waits, 1u);
}

TEST_F(HaltPoll, ARequestEndsIt) {
    make_vcpu();
    make_gic();
    open_window();
    comes_while_polling([&] { core().make_request(Request::kLook); });
    guest_waits();
    EXPECT_EQ(waits, 0u);
    EXPECT_EQ(core().stats.halt_successful_poll, 1u);
}

// Nobody sets an alarm for a vCPU that polls.
TEST_F(HaltPoll, TheDeadlineOfAWfitEndsIt) {
    make_vcpu();
    make_gic();
    open_window();
    cpu().registers[arch::SysReg::CNTPCT_EL0] = 1'000'000;
    u64 deadline = 0;
    comes_while_polling([&] { cpu().registers[arch::SysReg::CNTPCT_EL0] += 5'000; });
    guest_does({[&](GuestContext& c) {
        deadline = core().timers.context(timer::TimerId::kVirtual).guest_count(1'005'000);
        c.x[3] = deadline;
        test::set_syndrome(arch::Ec::kWfx, 2 | 1 << 2 | 3 << 5);  // TI: WFIT; RV; RN: x3
        return ExitKind::kSync;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(polls, 2u);
    EXPECT_EQ(waits, 0u);
}

TEST_F(HaltPoll, NobodySendsAnIpiToAVcpuThatPolls) {
    make_vcpu();
    make_gic();
    open_window();
    unsigned kicks = 0;
    comes_while_polling([&] {
        const unsigned before = test::port().vcpus[core().host].kicks;
        core().serror.pending = true;
        core().kick();
        kicks = test::port().vcpus[core().host].kicks - before;
    });
    guest_waits();
    EXPECT_EQ(kicks, 0u);
    EXPECT_EQ(polls, 2u);
}

// The VMM has to be told that a timer's output is high, which is no event of the vCPU's.
TEST_F(HaltPoll, WithoutAGicInTheKernelThereIsNone) {
    make_vcpu();
    open_window();
    test::port().on_poll = [&] { polls++; };
    guest_waits();
    EXPECT_EQ(polls, 0u);
    EXPECT_EQ(waits, 1u);
    EXPECT_EQ(core().stats.halt_attempted_poll, 0u);
}

TEST_F(HaltPoll, TheVmmsLimitHoldsFromTheNextWaitOn) {
    make_vcpu();
    make_gic();
    open_window();
    test::port().on_poll = [&] { test::port().now_ns += 1'000, polls++; };
    abi::EnableCap cap{};
    cap.cap = abi::KVM_CAP_HALT_POLL;
    cap.args[0] = 5'000;
    ASSERT_EQ(vm_ioctl(abi::KVM_ENABLE_CAP, &cap), 0);
    guest_waits();
    EXPECT_EQ(core().stats.halt_poll_fail_ns, 5'000u);
    cap.args[0] = 0;
    ASSERT_EQ(vm_ioctl(abi::KVM_ENABLE_CAP, &cap), 0);
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_waits();
    EXPECT_EQ(core().stats.halt_attempted_poll, 1u) << "0 means none";
    cap.args[0] = u64{1} << 32;
    EXPECT_EQ(vm_ioctl(abi::KVM_ENABLE_CAP, &cap), -22);
    cap.args[0] = 5'000;
    cap.flags = 1;
    EXPECT_EQ(vm_ioctl(abi::KVM_ENABLE_CAP, &cap), -22);
}

}  // namespace
}  // namespace nest::kvm
