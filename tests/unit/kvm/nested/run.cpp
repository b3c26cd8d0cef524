// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN with L2: which stage 2 the hardware has, and what an abort of L2's does on its way through the tiers.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

struct NestedRunTest : NestedVmTest {
    static u64 loaded_vttbr() { return cpu().registers[SysReg::VTTBR_EL2]; }
    static u64 baddr(arch::VTTBR_EL2 v) { return v.get<arch::VTTBR_EL2::BADDR>(); }
    bool runs_on_shadow() {
        const auto loaded = arch::VTTBR_EL2::of(loaded_vttbr());
        return core().nested.shadow_use.shadow && baddr(loaded) == baddr(shadow_tables().vttbr(0)) &&
               cpu().registers[SysReg::VTCR_EL2] == shadow_tables().vtcr().raw;
    }
    bool runs_on_canonical() { return baddr(arch::VTTBR_EL2::of(loaded_vttbr())) == baddr(core().vm.stage2.vttbr(0)); }
    static auto l2_abort(u64 l2, u64 iss = kTranslation3) {
        return [=](GuestContext& c) {
            c.pc = 0x1000;
            test::set_syndrome(Ec::kDataAbortLower, iss, 0x1'0000 | (l2 & 0xfff), l2);
            return ExitKind::kSync;
        };
    }
};

TEST_F(NestedRunTest, L2RunsOnItsShadowAndItsFaultIsResolved) {
    map_l2(kL2, kData);
    bool before = false, after = false, mapped = false;
    u64 pc = 0;
    guest_does({[&](GuestContext& c) {
                    before = runs_on_shadow();
                    return l2_abort(kL2)(c);
                },
                [&](GuestContext& c) {
                    after = runs_on_shadow();
                    mapped = shadow_leaf(kL2).valid;
                    pc = c.pc;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(before);
    EXPECT_TRUE(after);
    EXPECT_TRUE(mapped);
    EXPECT_EQ(pc, 0x1000u) << "the access is tried again";
    EXPECT_EQ(core().stats.tier1_exits, 1u);
}

TEST_F(NestedRunTest, AForwardedFaultChangesStageTwo) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);  // L1's tables are there
    u64 esr = 0, hpfar = 0, pc = 0;
    bool canonical = false;
    guest_does({l2_abort(kL2 + kPage), [&](GuestContext& c) {
                    canonical = runs_on_canonical();
                    esr = core().read(SysReg::ESR_EL2);
                    hpfar = core().read(SysReg::HPFAR_EL2);
                    pc = c.pc;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(canonical);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_EQ(pc, 0xffff'0400u);
    EXPECT_EQ(esr & 0x3f, 7u);
    EXPECT_EQ(hpfar, (kL2 + kPage) >> 12 << 4);
    EXPECT_EQ(core().stats.tier0_exits, 1u);
    EXPECT_EQ(core().stats.tier1_exits, 0u);
}

TEST_F(NestedRunTest, AliasesAreResolvedInTierZero) {
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    guest_does({l2_abort(kL2 + kPage)});
    const unsigned enters = test::port().guest_enters;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).valid);
    EXPECT_EQ(core().stats.tier0_exits, 1u);
    EXPECT_EQ(test::port().guest_enters, enters + 1) << "one stay in the guest";
}

// Between the two, an interrupt of the host: HCR_EL2 is written anew for the next stay.
TEST_F(NestedRunTest, AnSerrorThatL2HasTakenDoesNotComeAgain) {
    using H = arch::HCR_EL2;
    map_l2(kL2, kData);
    set_hcr(H::mask<H::VM, H::AMO, H::VSE>());
    core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());
    bool before = false, after = true;
    guest_does({[&](GuestContext&) {
                    before = cpu().registers[SysReg::HCR_EL2] & H::VSE::kMask;
                    cpu().registers[SysReg::HCR_EL2] &= ~H::VSE::kMask;  // L2 takes it
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    after = cpu().registers[SysReg::HCR_EL2] & H::VSE::kMask;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(before);
    EXPECT_FALSE(after);
}

TEST_F(NestedRunTest, AnMmioLoadOfL2IsFinishedAtTheNextRun) {
    map_l2(kL2, 0x900'0000);
    u64 loaded = 0, pc = 0;
    guest_does({l2_abort(kL2 | 0x18, kTranslation3 | kIsv | 2 << 22 | 3 << 16), [&](GuestContext& c) {
                    loaded = c.x[3];
                    pc = c.pc;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    ASSERT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    EXPECT_EQ(run->mmio.phys_addr, 0x900'0018u);
    run->mmio.data[0] = 0x11;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(loaded, 0x11u);
    EXPECT_EQ(pc, 0x1004u);
    EXPECT_TRUE(core().vel2.in_l2());
}

}  // namespace
}  // namespace nest::kvm
