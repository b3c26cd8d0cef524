// SPDX-License-Identifier: GPL-2.0-only
// A VMM that has the interrupt controller itself hears of the timers by kvm_run's device_irq_level.
#include <tests/unit/kvm/run/fixture.hpp>

#include <timer/vcpu_timers.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;
using vhe::ExitKind;
using vhe::GuestContext;

constexpr long kInterrupted = -4;
constexpr u64 kStore32 = 1 << 24 | 2 << 22 | 3 << 16 | 1 << 6 | 0x07;  // ISV, word, x3, write, translation fault of level 3

struct VmmGic : VmTest {
    timer::TimerContext& tick() { return core().timers.context(timer::TimerId::kVirtual); }
    void expire() {
        tick().set_cval(0);
        tick().set_ctl(timer::kCtlEnable);
    }
    u64 told() const { return run->s.regs.device_irq_level; }
};

// The timer expired while the VMM handled the last exit: its PPI is held active from the load on, so that nothing would end
// the guest's run.
TEST_F(VmmGic, HearsOfATimerBeforeTheGuestRuns) {
    make_vcpu();
    expire();
    EXPECT_EQ(ioctl(abi::KVM_RUN), kInterrupted);
    EXPECT_EQ(test::guest().entries, 0u);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_INTR);
    EXPECT_EQ(told(), timer::kDeviceIrqVtimer);
    guest_does({});
    EXPECT_EQ(ioctl(abi::KVM_RUN), kInterrupted);
    EXPECT_EQ(test::guest().entries, 1u) << "it knows";
}

// The guest's handler sets the next deadline, then ends the interrupt by a store to the VMM's controller, which must find the
// level low: otherwise the same interrupt is pending again at once, and handled for nothing until some other exit.
TEST_F(VmmGic, SeesTheFallenLevelAtTheEndOfTheInterrupt) {
    make_vcpu();
    expire();
    ASSERT_EQ(ioctl(abi::KVM_RUN), kInterrupted);
    ASSERT_EQ(told(), timer::kDeviceIrqVtimer);
    guest_does({[this](GuestContext&) {
        tick().set_cval(~u64{0});
        test::set_syndrome(Ec::kDataAbortLower, kStore32, 0x800'0010, 0x800'0010);
        return ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    EXPECT_EQ(told(), 0u);
}

TEST_F(VmmGic, SeesTheLevelAlsoWhenASignalEndsTheRun) {
    make_vcpu();
    guest_does({[this](GuestContext&) {
        test::port().signal_pending = test::port().entry_blocked = true;
        expire();
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), kInterrupted);
    EXPECT_EQ(told(), timer::kDeviceIrqVtimer);
}

}  // namespace
}  // namespace nest::kvm
