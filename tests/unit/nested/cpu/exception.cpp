// SPDX-License-Identifier: GPL-2.0-only
// Exceptions to virtual EL2, from each origin.
#include <nested/cpu/exception.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using P = arch::SPSR_EL2;
using H = arch::HCR_EL2;
constexpr u64 kVbar = 0xffff'8000'1000'0800;
constexpr u64 kHvcEsr = u64{0x16} << 26 | 1 << 25 | 7;

struct ExceptionTest : Vel2Test {
    void load_vel2_at(u64 mode, u64 flags = 0) {
        at(mode, flags);
        v.set_world(World::kVel2);
        load_world(cpu, v, sources());
        cpu.registers[SysReg::VBAR_EL12] = kVbar;
        cpu.log.clear();
    }
};

TEST_F(ExceptionTest, HvcFromVel2GoesToItself) {
    load_vel2_at(arch::kModeEL2h, P::Z::kMask);
    context.pc = 0x4004;
    EXPECT_FALSE(take_exception(cpu, v, Exception::sync(kHvcEsr), args()));
    EXPECT_EQ(context.pc, kVbar + 0x200);
    EXPECT_EQ(hardware(SysReg::ELR_EL12), 0x4004u);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12), P::Z::kMask | arch::kModeEL2h) << "the guest's view";
    EXPECT_EQ(hardware(SysReg::ESR_EL12), kHvcEsr);
    EXPECT_EQ(context.pstate & 0x3df, 0x3c0u | arch::kModeEL1h) << "hardware's view";
    EXPECT_EQ(writes_of(SysReg::FAR_EL12), 0u);
    EXPECT_EQ(writes_of(SysReg::SCTLR_EL12), 0u) << "no switch";
}

TEST_F(ExceptionTest, FromEl2tAndFromItsUserSpace) {
    load_vel2_at(arch::kModeEL2t);
    take_exception(cpu, v, Exception::interrupt(Vector::kIrq), args());
    EXPECT_EQ(context.pc, kVbar + 0x080);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12) & 0x1f, arch::kModeEL2t);

    add_hcr(H::TGE::kMask);
    load_vel2_at(arch::kModeEL0t);
    take_exception(cpu, v, Exception::serror(0x55), args());
    EXPECT_EQ(context.pc, kVbar + 0x580);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12) & 0x1f, arch::kModeEL0t);
    EXPECT_EQ(hardware(SysReg::ESR_EL12), u64{0x2f} << 26 | 1 << 25 | 0x55);
    EXPECT_TRUE(context.pstate & P::PAN::kMask) << "SPAN is clear and this is the host's regime";
}

TEST_F(ExceptionTest, FromL2SwitchesAndLandsInTheLowerVectors) {
    l1(SysReg::VBAR_EL2, kVbar);
    add_hcr(0);
    enter_guest();
    // The switch saved what hardware had; L1's own are in the file from here on.
    l1(SysReg::VBAR_EL2, kVbar);
    l1(SysReg::SCTLR_EL2, arch::SCTLR_EL1::DSSBS::kMask);
    context.pc = 0xffff'0000'0000'1000;
    context.pstate = arch::kModeEL1h | P::N::kMask;
    EXPECT_TRUE(take_exception(cpu, v, Exception::stage2(0x9300'0007, 0xdead'0000, 0x1234'0), args()));
    EXPECT_TRUE(v.in_vel2());
    EXPECT_EQ(context.pc, kVbar + 0x400);
    EXPECT_EQ(context.pstate, P::N::kMask | P::SSBS::kMask | 0x3c0 | arch::kModeEL1h);
    EXPECT_EQ(hardware(SysReg::ELR_EL12), 0xffff'0000'0000'1000u);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12), arch::kModeEL1h | P::N::kMask) << "L2's EL1 is EL1";
    EXPECT_EQ(hardware(SysReg::ESR_EL12), 0x9300'0007u);
    EXPECT_EQ(hardware(SysReg::FAR_EL12), 0xdead'0000u);
    EXPECT_EQ(file.get(SysReg::HPFAR_EL2), 0x1234'0u);
}

TEST_F(ExceptionTest, FromAarch32TheyLandInItsVectors) {
    l1(SysReg::VBAR_EL2, kVbar);
    add_hcr(0);
    enter_guest();
    l1(SysReg::VBAR_EL2, kVbar);
    constexpr u64 kUser32 = 0x10;
    context.pstate = kUser32;
    EXPECT_TRUE(take_exception(cpu, v, Exception::interrupt(Vector::kIrq), args()));
    EXPECT_EQ(context.pc, kVbar + 0x680);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12) & 0x1f, kUser32);
}

TEST_F(ExceptionTest, L2sOwnSyndromeSurvives) {
    enter_guest();
    cpu.registers[SysReg::ESR_EL12] = 0x5600'0000;
    cpu.registers[SysReg::ELR_EL12] = 0x77;
    take_exception(cpu, v, Exception::sync(kHvcEsr), args());
    EXPECT_EQ(file.get(SysReg::ESR_EL1), 0x5600'0000u);
    EXPECT_EQ(file.get(SysReg::ELR_EL1), 0x77u);
}

TEST_F(ExceptionTest, SyndromesThatAnExceptionDoesNotHaveStay) {
    enter_guest();
    l1(SysReg::ESR_EL2, 0x111);
    l1(SysReg::FAR_EL2, 0x222);
    l1(SysReg::HPFAR_EL2, 0x330);
    take_exception(cpu, v, Exception::interrupt(Vector::kFiq), args());
    EXPECT_EQ(hardware(SysReg::ESR_EL12), 0x111u);
    EXPECT_EQ(hardware(SysReg::FAR_EL12), 0x222u);
    EXPECT_EQ(file.get(SysReg::HPFAR_EL2), 0x330u);
}

TEST_F(ExceptionTest, InMemoryTouchesNoHardware) {
    l1(SysReg::VBAR_EL2, kVbar);
    v.set_world(World::kL2);
    context.pstate = arch::kModeEL0t;
    context.pc = 0x400;
    take_exception_in_memory(cpu, v, Exception::serror(1));
    EXPECT_TRUE(cpu.log.empty());
    EXPECT_TRUE(v.in_vel2());
    EXPECT_EQ(context.pc, kVbar + 0x580);
    EXPECT_EQ(file.get(SysReg::ELR_EL2), 0x400u);
}

TEST_F(ExceptionTest, AbortClassByOrigin) {
    at(arch::kModeEL2h);
    EXPECT_EQ(abort_esr(v, false, 0x10) >> 26, 0x25u);
    EXPECT_EQ(abort_esr(v, true, 0x10) >> 26, 0x21u);
    context.pstate = arch::kModeEL0t;
    EXPECT_EQ(abort_esr(v, false, 0x10) >> 26, 0x24u);
    v.set_world(World::kL2);
    context.pstate = arch::kModeEL1h;
    EXPECT_EQ(abort_esr(v, true, 0x10), u64{0x20} << 26 | 1 << 25 | 0x10);
    EXPECT_EQ(Exception::undefined().esr, u64{1} << 25);
}

TEST_F(ExceptionTest, WhoTakesAnInterrupt) {
    using D = VirtualEl2::Delivery;
    v.set_world(World::kL2);
    context.pstate = arch::kModeEL1h | P::I::kMask;
    EXPECT_EQ(v.irq(), D::kGuestEl1);
    add_hcr(H::IMO::kMask);
    EXPECT_EQ(v.irq(), D::kVel2Now) << "L2 cannot mask what goes to EL2";
    EXPECT_EQ(v.fiq(), D::kGuestEl1);
    at(arch::kModeEL2h, P::I::kMask);
    EXPECT_EQ(v.irq(), D::kVel2Masked);
    EXPECT_EQ(v.fiq(), D::kNowhere) << "neither FMO nor TGE";
    at(arch::kModeEL2h);
    EXPECT_EQ(v.irq(), D::kVel2Now);
    add_hcr(H::TGE::kMask);
    EXPECT_EQ(v.serror(), D::kVel2Now);
    at(arch::kModeEL0t, P::A::kMask);
    EXPECT_EQ(v.serror(), D::kVel2Masked);
}

TEST_F(ExceptionTest, WorldFollowsPstateAndTge) {
    at(arch::kModeEL2h);
    EXPECT_TRUE(v.in_vel2());
    EXPECT_EQ(v.guest_pstate() & 0x1f, arch::kModeEL2h);
    EXPECT_EQ(context.pstate & 0x1f, arch::kModeEL1h);
    at(arch::kModeEL1h);
    EXPECT_TRUE(v.in_l2());
    EXPECT_EQ(v.guest_pstate() & 0x1f, arch::kModeEL1h);
    // EL0: whose it is depends on HCR_EL2, whichever a VMM restores first.
    at(arch::kModeEL0t);
    add_hcr(H::TGE::kMask);
    v.settle_world();
    EXPECT_TRUE(v.in_vel2());
    l1(SysReg::HCR_EL2, 0);
    v.settle_world();
    EXPECT_TRUE(v.in_l2());
}

}  // namespace
}  // namespace nest::nested
