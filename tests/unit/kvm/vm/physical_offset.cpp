// SPDX-License-Identifier: GPL-2.0-only
// A VM whose physical counter is offset, on a machine with CNTPOFF_EL2. That offset acts while the guest's regime is loaded
// only: [DDI0487] D12.1.4. With the host's, the physical timer is compared with the host's own count.
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

TEST_F(VmTest, ThePhysicalTimerIsComparedAsItsRegimeCounts) {
    constexpr u64 kNow = 100'000, kOffset = 1000, kCompare = kNow + 5000;
    machine().timers.cntpoff = true;
    cpu().registers[arch::SysReg::CNTPCT_EL0] = kNow;
    make_vcpu();
    struct {
        u64 offset = kOffset, reserved = 0;
    } argument;
    ASSERT_EQ(vm_ioctl(abi::KVM_ARM_SET_COUNTER_OFFSET, &argument), 0);
    guest_does({});
    ASSERT_EQ(ioctl(abi::KVM_RUN), -4);  // from now on the timers are in use
    core().timers.context(timer::TimerId::kPhysical).set_cval(kCompare);
    {
        const PreemptionOff here;
        nest_vcpu_load(vcpu);
    }
    const auto compared = [] { return cpu().registers[arch::SysReg::CNTP_CVAL_EL02]; };
    u64 inside = 0;
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({[&](vhe::GuestContext&) {
        inside = compared();
        test::port().signal_pending = test::port().entry_blocked = true;
        return vhe::ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(inside, kCompare);
    EXPECT_EQ(compared(), kCompare + kOffset);
    const PreemptionOff here;
    nest_vcpu_put(vcpu);
}

}  // namespace
}  // namespace nest::kvm
