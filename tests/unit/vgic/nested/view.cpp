// SPDX-License-Identifier: GPL-2.0-only
// ICH_VTR_EL2, MISR, EISR and ELRSR as L1 reads them: each condition with its enable, both ways.
#include <tests/unit/vgic/nested/machine.hpp>

namespace nest::test {
namespace {

using Misr = arch::ICH_MISR_EL2;
using Vtr = arch::ICH_VTR_EL2;
using Vmcr = arch::ICH_VMCR_EL2;
using NestedView = NestedMachine;

TEST_F(NestedView, Vtr) {
    vgic::HostGic gic;
    gic.vtr = Vtr::of(~u64{0}).with<Vtr::ListRegs>(15).with<Vtr::PRIbits>(4).with<Vtr::PREbits>(5);
    EXPECT_EQ(vgic::nested_vtr(gic), u64{4} << 29 | u64{5} << 26 | 1u << 22 | 1u << 20 | 1u << 19 | 15u);
    gic.vtr = Vtr{}.with<Vtr::ListRegs>(3);
    EXPECT_EQ(vgic::nested_vtr(gic), 1u << 20 | 3u) << "nV4 even where the host has GICv4";
}

TEST_F(NestedView, EndedAndEmptyByEveryStateOfAListRegister) {
    for (unsigned position = 0; position < 4; position++) {
        for (unsigned i = 0; i < 4; i++)
            set_lr(i, soft(40 + i));
        for (u64 state = 0; state < 4; state++)
            for (const u64 hw : {0, 1})
                for (const u64 eoi : {0, 1}) {
                    set_lr(position, soft(50, state).with<L::HW>(hw).with<L::EOI>(eoi));
                    const u64 bit = u64{1} << position;
                    EXPECT_EQ(vgic::nested_eisr(file, 4), state == 0 && !hw && eoi ? bit : 0);
                    EXPECT_EQ(vgic::nested_elrsr(file, 4), state == 0 && (hw || !eoi) ? bit : 0);
                    EXPECT_EQ(vgic::nested_misr(file, 4) & Misr::EOI::kMask, state == 0 && !hw && eoi ? 1u : 0u);
                }
    }
}

TEST_F(NestedView, OnlyExistingListRegistersCount) {
    EXPECT_EQ(vgic::nested_elrsr(file, 4), 0xfu);
    EXPECT_EQ(vgic::nested_elrsr(file, 16), 0xffffu);
    set_lr(4, soft(40, arch::kLrInvalid).with<L::EOI>(1));
    EXPECT_EQ(vgic::nested_eisr(file, 4), 0u);
    EXPECT_EQ(vgic::nested_eisr(file, 5), 0x10u);
}

TEST_F(NestedView, Underflow) {
    for (unsigned valid = 0; valid <= 4; valid++)
        for (const u64 enable : {0, 1}) {
            for (unsigned i = 0; i < 4; i++)
                set_lr(i, soft(40 + i, i < valid ? i % 3 + 1 : 0));
            set(Hcr{}.with<Hcr::UIE>(enable));
            EXPECT_EQ(vgic::nested_misr(file, 4), enable && valid <= 1 ? Misr::U::kMask : 0) << valid;
        }
}

TEST_F(NestedView, NoPending) {
    for (u64 state = 0; state < 4; state++)
        for (const u64 enable : {0, 1}) {
            set_lr(2, soft(40, state));
            set(Hcr{}.with<Hcr::NPIE>(enable));
            EXPECT_EQ(vgic::nested_misr(file, 4), enable && state != arch::kLrPending ? Misr::NP::kMask : 0) << state;
        }
}

TEST_F(NestedView, EntryNotPresent) {
    for (const u64 count : {0, 1, 31})
        for (const u64 enable : {0, 1}) {
            set(Hcr{}.with<Hcr::LRENPIE>(enable).with<Hcr::EOIcount>(count));
            EXPECT_EQ(vgic::nested_misr(file, 4), enable && count ? Misr::LRENP::kMask : 0);
        }
}

TEST_F(NestedView, Groups) {
    for (unsigned enables = 0; enables < 16; enables++)
        for (unsigned groups = 0; groups < 4; groups++) {
            set(Hcr::of(u64{enables} << 4));
            set(Vmcr{}.with<Vmcr::VENG0>(groups & 1).with<Vmcr::VENG1>(groups >> 1));
            const bool g0 = groups & 1, g1 = groups & 2;
            const u64 conditions = (g0 ? 1 : 2) | (g1 ? 4 : 8);  // E and D of group 0, then of group 1
            EXPECT_EQ(vgic::nested_misr(file, 4), (enables & conditions) << 4) << enables << " " << groups;
        }
}

TEST_F(NestedView, MaintenanceNeedsEn) {
    set_lr(0, soft(40, arch::kLrInvalid).with<L::EOI>(1));
    set(Hcr{});
    EXPECT_NE(vgic::nested_misr(file, 4), 0u);
    EXPECT_FALSE(vgic::nested_maintenance(file, 4));
    set(Hcr{}.with<Hcr::En>(1));
    EXPECT_TRUE(vgic::nested_maintenance(file, 4));
    set_lr(0, soft(40, arch::kLrInvalid));
    EXPECT_FALSE(vgic::nested_maintenance(file, 4));
}

}  // namespace
}  // namespace nest::test
