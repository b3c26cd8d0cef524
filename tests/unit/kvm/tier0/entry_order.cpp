// SPDX-License-Identifier: GPL-2.0-only
// What an entry must not do too late, and a stay not too long.
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;
using arch::SysReg;
using test::Event;
using vhe::ExitKind;
using vhe::GuestContext;

// The mask has to be open when the guest runs, or interrupts that the kernel masks by priority do not end its time.
TEST_F(VmTest, ThePriorityMaskIsOpenBeforeTheGuestRuns) {
    make_vcpu();
    ASSERT_TRUE(machine().pmr_masking);
    guest_does({});
    cpu().log.clear();
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    const int pmr = cpu().position_of_write(SysReg::ICC_PMR_EL1);
    ASSERT_GE(pmr, 0);
    EXPECT_EQ(cpu().log[static_cast<size_t>(pmr) + 1], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::SY)}));
    EXPECT_LT(pmr, cpu().position_of_write(SysReg::HCR_EL2));
}

// Another thread asks while the guest is busy with hypercalls that tier 0 answers.
TEST_F(VmTest, ARequestEndsTheStay) {
    make_vcpu();
    guest_does({[&](GuestContext& c) {
                    c.x[0] = 0x8400'0000;  // PSCI_VERSION
                    test::set_syndrome(Ec::kHvc64, 0);
                    core().make_request(Request::kTraps);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    EXPECT_FALSE(core().has_requests());
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(test::port().guest_enters, 2u);
    EXPECT_EQ(core().stats.tier0_exits, 1u) << "and its answer is not given again";
}

}  // namespace
}  // namespace nest::kvm
