// SPDX-License-Identifier: GPL-2.0-only
// HCR_EL2.E2H that L1 chooses: how KVM_RUN follows, and what a VMM sees of the choice.
#include <algorithm>
#include <base/preemption.hpp>
#include <kvm/run/load.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;
using vhe::ExitKind;
using vhe::GuestContext;

// The machine has NV1, so that E2H may be 0; the vCPU is at virtual EL2, and L1 has chosen E2H 1.
struct E2hTest : NestedVmTest {
    E2hTest() { mmfr4 = 0; }
    void SetUp() override {
        NestedVmTest::SetUp();
        core().vel2.choice_made();
        set_hcr(0);
        core().vel2.set_guest_pstate(arch::kModeEL2h);
        core().vel2.settle_world();
        const PreemptionOff here;
        load(core());  // which the fake port leaves to its tests
    }
    void TearDown() override {
        {
            const PreemptionOff here;
            put(core());
        }
        NestedVmTest::TearDown();
    }
    static u64 hardware(SysReg reg) { return cpu().registers[reg]; }
    // L1's store to the VNCR page, which is no exit.
    void l1_stores_hcr(u64 value) { core().regs.set(SysReg::HCR_EL2, value); }
    static bool nv1() { return H::of(hardware(SysReg::HCR_EL2)).get<H::NV1>(); }  // in the guest
    static ExitKind stop() {
        test::port().signal_pending = test::port().entry_blocked = true;
        return ExitKind::kIrq;
    }
};

TEST_F(E2hTest, AVcpuBeginsWithoutE2hAndWithoutNv2) {
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {}};
    init.features[0] = kPsci | 1 << abi::KVM_ARM_VCPU_HAS_EL2;
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_FALSE(core().vel2.e2h());
    EXPECT_FALSE(core().vel2.form().nv2);
    EXPECT_EQ(core().regs.get(SysReg::HCR_EL2) & H::E2H::kMask, 0u);
}

TEST_F(E2hTest, AStoreIsNoticedAtTheNextExitAndTheInstructionIsExecutedAgain) {
    u64 pc = 0, sctlr = 0;
    bool before = true, after = false;
    cpu().registers[SysReg::TCR_EL12] = 25;  // by the name TCR_EL1, with E2H
    guest_does({[&](GuestContext& c) {
                    before = nv1();
                    l1_stores_hcr(H::RW::kMask);
                    c.pc = 0x1000;
                    c.x[3] = 0x30c5'0830;
                    // MSR SCTLR_EL1, X3: with E2H that would be SCTLR_EL2.
                    test::set_syndrome(Ec::kSysReg, 3 << 20 | 1 << 10 | 3 << 5, 0, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext& c) {
                    pc = c.pc;
                    after = nv1();
                    sctlr = hardware(SysReg::TCR_EL12);
                    return stop();
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_FALSE(before);
    EXPECT_TRUE(after);
    EXPECT_EQ(pc, 0x1000u) << "nothing was emulated by the old choice";
    EXPECT_EQ(sctlr, vhe::tcr_el1_of(25));
    EXPECT_FALSE(core().vel2.e2h());
    EXPECT_EQ(core().stats.tier1_exits, 0u);
}

TEST_F(E2hTest, AnEretNoticesAndIsExecutedAgain) {
    u64 pc = 0;
    guest_does({[&](GuestContext& c) {
                    l1_stores_hcr(H::RW::kMask);
                    cpu().registers[SysReg::ELR_EL12] = 0x5000;
                    cpu().registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
                    c.pc = 0x1000;
                    test::set_syndrome(Ec::kEret, 0, 0, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext& c) {
                    pc = c.pc;
                    return stop();
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(pc, 0x1000u);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_FALSE(core().vel2.e2h());
}

TEST_F(E2hTest, AnInterruptNoticesToo) {
    bool after = false;
    guest_does({[&](GuestContext&) {
                    l1_stores_hcr(H::RW::kMask);
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    after = nv1();
                    return stop();
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(after);
}

// The TLBs of every CPU on which the vCPU has run may have translations that were made by other rules.
TEST_F(E2hTest, TheRegimesTranslationsGoEverywhere) {
    bool dropped = false;
    guest_does({[&](GuestContext&) {
                    l1_stores_hcr(H::RW::kMask);
                    cpu().log.clear();
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    dropped = std::ranges::any_of(cpu().log, [](const test::Event& e) {
                        return e.kind == test::Event::kTlbi && e.what == static_cast<u64>(arch::Tlbi::VMALLE1IS);
                    });
                    return stop();
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(dropped);
}

// Without E2H EL1's timers stay in hardware at virtual EL2.
TEST_F(E2hTest, TheTimersFollow) {
    bool before = false, after = true;
    guest_does({[&](GuestContext&) {
                    before = core().timers.hyp_is_direct();
                    l1_stores_hcr(H::RW::kMask);
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    after = core().timers.hyp_is_direct();
                    return stop();
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(before);
    EXPECT_FALSE(after);
}

TEST_F(E2hTest, TheFlagMakesAVmWithoutVhe) {
    IdRegisters ids;
    ids.init();
    ids.use_nv2(true, {.e2h0 = true});
    ASSERT_TRUE(ids.configure(u64{1} << abi::KVM_ARM_VCPU_HAS_EL2 | u64{1} << abi::KVM_ARM_VCPU_HAS_EL2_E2H0).ok());
    EXPECT_EQ(ids.get<arch::ID_AA64MMFR1_EL1>().get<arch::ID_AA64MMFR1_EL1::VH>(), 0u);
    EXPECT_EQ(ids.get<arch::ID_AA64MMFR4_EL1>().get<arch::ID_AA64MMFR4_EL1::E2H0>(), 0u);
    EXPECT_EQ(ids.get<arch::ID_AA64MMFR4_EL1>().get<arch::ID_AA64MMFR4_EL1::NV_frac>(), 0u) << "its guests are no hypervisors";
    EXPECT_EQ(ids.nested_config().masks.apply(SysReg::HCR_EL2, ~u64{0}) & H::E2H::kMask, 0u);
}

}  // namespace
}  // namespace nest::kvm
