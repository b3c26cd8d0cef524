// SPDX-License-Identifier: GPL-2.0-only
// Machines whose CPUs are not alike, and state of the host that is not ours to write.
#include <kvm/run/load.hpp>
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;
using arch::SysReg;
using vhe::ExitKind;
using vhe::GuestContext;
using H = arch::HCR_EL2;

constexpr u64 kTraps = H::mask<H::TID2, H::TID4>();
constexpr u64 kAarch32 = arch::kModeAArch32User;

struct DifferentCpus : VmTest {
    // A second CPU whose register is another; what it lacks.
    const char* come_up(SysReg reg, u64 value) {
        const u64 before = cpu().registers[reg];
        cpu().registers[reg] = value;
        test::port().set_cpu(1);
        const char* lacks = nest_cpu_online();
        disabled = this_cpu().disabled;
        test::port().set_cpu(0);
        cpu().registers[reg] = before;
        return lacks;
    }
    bool disabled = false;
};

TEST_F(DifferentCpus, OneWithLessIsRefused) {
    const struct {
        SysReg reg;
        u64 less;  // taken off
        const char* what;
    } cases[] = {
        {SysReg::ID_AA64MMFR2_EL1, u64{1} << 40, "FEAT_S2FWB"},
        {SysReg::ID_AA64MMFR1_EL1, u64{2} << 4, "FEAT_VMID16"},
        {SysReg::ID_AA64MMFR0_EL1, 1, "physical address bits"},
        {SysReg::ID_AA64DFR0_EL1, u64{1} << 20, "watchpoints"},
        {SysReg::ICH_VTR_EL2, 1, "list registers"},
        {SysReg::ICH_VTR_EL2, u64{1} << 29, "interrupt priorities"},
    };
    for (const auto& c : cases) {
        const char* lacks = come_up(c.reg, cpu().registers[c.reg] - c.less);
        ASSERT_NE(lacks, nullptr) << c.what;
        EXPECT_STREQ(lacks, c.what);
        EXPECT_TRUE(disabled);
    }
}

// Guests have been shown that HCR_EL2.E2H is theirs to choose, which takes NV1 on every CPU.
TEST_F(DifferentCpus, OneWithoutNv1IsRefused) {
    machine().common.note(machine().gic, false, true);
    EXPECT_EQ(nest_cpu_online(), nullptr);
    EXPECT_STREQ(come_up(SysReg::ID_AA64MMFR4_EL1, 0xe << 24), "HCR_EL2.NV1");
    machine().common.note(machine().gic, false, false);
    EXPECT_EQ(come_up(SysReg::ID_AA64MMFR4_EL1, 0xe << 24), nullptr);
}

TEST_F(DifferentCpus, OneWithMoreIsWelcome) {
    EXPECT_EQ(come_up(SysReg::ID_AA64MMFR0_EL1, cpu().registers[SysReg::ID_AA64MMFR0_EL1] + 1), nullptr);
    EXPECT_FALSE(disabled);
    EXPECT_EQ(come_up(SysReg::ICH_VTR_EL2, cpu().registers[SysReg::ICH_VTR_EL2] + 1), nullptr);
}

// Where one CPU cannot run AArch32 the kernel's system-wide value says so. One that comes later finds guests that have seen it.
TEST_F(DifferentCpus, Aarch32ThatAllHadStays) {
    auto& pfr0 = cpu().registers[SysReg::ID_AA64PFR0_EL1];
    test::port().feature_registers[arch::encoding_of(SysReg::ID_AA64PFR0_EL1).raw] = pfr0 = (pfr0 & ~u64{15}) | 2;
    machine().common.note(machine().gic, false, false);  // as at load
    EXPECT_EQ(nest_cpu_online(), nullptr);
    EXPECT_STREQ(come_up(SysReg::ID_AA64PFR0_EL1, pfr0 - 1), "AArch32 at EL0");
}

// A big core's CTR_EL0 says more than the little ones can keep: no guest may read it from the hardware, on either.
TEST_F(DifferentCpus, CtrTrapsFromThenOn) {
    make_vcpu();
    machine().traps.evt = true;
    const auto hcr_at_entry = [&] {
        u64 seen = 0;
        test::port().signal_pending = test::port().entry_blocked = false;
        guest_does({[&](GuestContext&) {
            seen = cpu().registers[SysReg::HCR_EL2];
            test::port().signal_pending = test::port().entry_blocked = true;
            return ExitKind::kIrq;
        }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        return seen;
    };
    EXPECT_EQ(hcr_at_entry() & kTraps, H::TID4::kMask);
    EXPECT_EQ(come_up(SysReg::CTR_EL0, cpu().registers[SysReg::CTR_EL0] ^ 1 << 29), nullptr);
    EXPECT_EQ(hcr_at_entry() & kTraps, H::TID2::kMask);
}

// The vCPU's thread was inside KVM_RUN when that CPU came up, and moves there.
TEST_F(DifferentCpus, CtrTrapsForAVcpuThatMoves) {
    make_vcpu();
    machine().traps.evt = true;
    refresh_traps(core());
    ASSERT_FALSE(core().traps.hcr.get<H::TID2>());
    EXPECT_EQ(come_up(SysReg::CTR_EL0, cpu().registers[SysReg::CTR_EL0] ^ 1 << 29), nullptr);
    nest_port_preempt_disable();
    load(core());
    EXPECT_TRUE(core().has_requests()) << "the entry is called off until the traps are made anew";
    put(core());
    nest_port_preempt_enable();
}

// A guest in AArch32 where not every CPU has it: on the next one, our own ERET would be illegal.
TEST_F(DifferentCpus, AGuestInAarch32IsNotEnteredAgain) {
    make_vcpu();
    ASSERT_FALSE(core().ids.shows_aarch32());
    unsigned entries = 0;
    guest_does({[&](GuestContext& c) {
                    entries++;
                    c.pstate = kAarch32;  // this CPU let its ERET do that
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    entries++;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -22);  // EINVAL
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_FAIL_ENTRY);
    EXPECT_EQ(entries, 1u);
    EXPECT_EQ(ioctl(abi::KVM_RUN), -8) << "ENOEXEC: the VMM has to initialise it anew";
}

}  // namespace
}  // namespace nest::kvm
