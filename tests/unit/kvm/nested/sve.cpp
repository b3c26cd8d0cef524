// SPDX-License-Identifier: GPL-2.0-only
// SVE below virtual EL2: whose length acts, and whose trap it is.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct NestedSveTest : NestedVmTest {
    static constexpr u64 kOpen = 3 << 20 | 3 << 16, kFpOnly = 3 << 20, kSveOnly = 3 << 16;
    NestedSveTest() { more_features = 1 << abi::KVM_ARM_VCPU_SVE; }
    void SetUp() override {
        NestedVmTest::SetUp();
        s32 feature = abi::KVM_ARM_VCPU_SVE;
        ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_FINALIZE, &feature), 0);
        set_l1(SysReg::ZCR_EL2, 1);
        set_l1(SysReg::ZCR_EL1, 2);
    }
    void let_l2(u64 cptr) {
        set_l1(SysReg::CPTR_EL2, cptr);
        core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());
    }
    static u64 hw(SysReg reg) { return cpu().registers[reg]; }
    static auto traps(Ec ec) {
        return [ec](GuestContext&) {
            test::set_syndrome(ec, ec == Ec::kFpAccess ? 0x1e0'0000 : 0);
            return ExitKind::kSync;
        };
    }
    static constexpr u64 kBoth = 3 << 20 | 3 << 16;
};

TEST_F(NestedSveTest, TheShorterLengthActsInL2) {
    let_l2(kOpen);
    guest_does({traps(Ec::kSve),
                [&](GuestContext&) {
                    EXPECT_EQ(hw(SysReg::CPTR_EL2) & kBoth, kBoth);
                    EXPECT_EQ(hw(SysReg::ZCR_EL2), 1u) << "L1's";
                    EXPECT_EQ(hw(SysReg::ZCR_EL12), 2u) << "L2's own";
                    cpu().registers[SysReg::ZCR_EL12] = 0;
                    test::set_syndrome(Ec::kHvc64, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    EXPECT_TRUE(core().vel2.in_vel2());
                    EXPECT_EQ(hw(SysReg::ZCR_EL2), 3u) << "the vCPU's";
                    EXPECT_EQ(hw(SysReg::ZCR_EL12), 1u) << "ZCR_EL2 of virtual EL2";
                    EXPECT_EQ(core().regs.get(SysReg::ZCR_EL1), 0u);
                    cpu().registers[SysReg::ZCR_EL12] = 7;  // by its VHE name, without an exit
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().regs.get(SysReg::ZCR_EL2), 7u);
    test::port().signal_pending = test::port().entry_blocked = false;
    enter_l2();
    let_l2(kOpen);
    guest_does({traps(Ec::kSve), [&](GuestContext&) {
                    EXPECT_EQ(hw(SysReg::ZCR_EL2), 3u) << "L1's is longer than the vCPU's";
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
}

TEST_F(NestedSveTest, L1TakesWhatItTraps) {
    struct Case {
        u64 cptr;
        Ec trap, taken;
    };
    for (const Case& c : {Case{kFpOnly, Ec::kSve, Ec::kSve}, Case{kSveOnly, Ec::kSve, Ec::kFpAccess}, Case{0, Ec::kSve, Ec::kSve},
                          Case{0, Ec::kFpAccess, Ec::kFpAccess}, Case{kSveOnly, Ec::kFpAccess, Ec::kFpAccess}}) {
        enter_l2();
        let_l2(c.cptr);
        guest_does({traps(c.trap)});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        test::port().signal_pending = test::port().entry_blocked = false;
        EXPECT_TRUE(core().vel2.in_vel2());
        EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) >> 26, static_cast<u64>(c.taken)) << std::hex << c.cptr;
        EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x1ff'ffff, c.taken == Ec::kFpAccess ? 0x1e0'0000u : 0u);
    }
    EXPECT_EQ(test::guest().sve.loads, 0u);
}

// Loaded for L1, which keeps them from L2: L2's accesses trap, and L1's length stays in hardware.
TEST_F(NestedSveTest, WhatIsLoadedForL1IsNotL2s) {
    let_l2(0);
    enter_vel2();
    guest_does({traps(Ec::kSve), [&](GuestContext& c) {
                    EXPECT_EQ(hw(SysReg::CPTR_EL2) & kBoth, kBoth);
                    cpu().registers[SysReg::ELR_EL12] = 0x1000;
                    cpu().registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
                    (void)c;
                    test::set_syndrome(Ec::kEret, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    EXPECT_TRUE(core().vel2.in_l2());
                    EXPECT_EQ(hw(SysReg::CPTR_EL2) & kBoth, 0u);
                    EXPECT_EQ(hw(SysReg::ZCR_EL12), 1u);
                    return traps(Ec::kSve)(core().context);
                },
                [&](GuestContext&) {
                    EXPECT_TRUE(core().vel2.in_vel2());
                    EXPECT_EQ(hw(SysReg::ESR_EL12) >> 26, static_cast<u64>(Ec::kSve));
                    EXPECT_EQ(hw(SysReg::ZCR_EL12), 1u);
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().regs.get(SysReg::ZCR_EL1), 2u);
}

// ZCR_EL2 by its own name always traps, loaded or not.
TEST_F(NestedSveTest, ZcrEl2ByName) {
    enter_vel2();
    const auto access = [](bool read, unsigned rt) {
        return [=](GuestContext&) {
            // op0 3, op1 4, CRn 1, CRm 2, op2 0
            test::set_syndrome(Ec::kSysReg, u64{3} << 20 | u64{4} << 14 | u64{1} << 10 | u64{rt} << 5 | u64{2} << 1 | (read ? 1 : 0));
            return ExitKind::kSync;
        };
    };
    core().context.x[3] = 0xffff'fff2;
    let_l2(kOpen);
    guest_does({access(false, 3), access(true, 4), traps(Ec::kSve), access(true, 5), access(false, 6), access(true, 7)});
    core().context.x[6] = 1;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().context.x[4], 2u);
    EXPECT_EQ(core().context.x[5], 2u);
    EXPECT_EQ(core().context.x[7], 1u);
    EXPECT_EQ(core().regs.get(SysReg::ZCR_EL2), 1u);
    test::port().signal_pending = test::port().entry_blocked = false;
    let_l2(kFpOnly);
    guest_does({access(true, 8), [&](GuestContext&) {
                    EXPECT_EQ(hw(SysReg::ESR_EL12) >> 26, static_cast<u64>(Ec::kSve)) << "L1's own CPTR_EL2.ZEN";
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
}

}  // namespace
}  // namespace nest::kvm
