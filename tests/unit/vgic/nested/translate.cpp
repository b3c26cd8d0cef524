// SPDX-License-Identifier: GPL-2.0-only
// From L1's ICH_* registers to hardware's: which list registers go, what becomes of their fields, and of ICH_HCR_EL2.
#include <tests/unit/vgic/nested/machine.hpp>

namespace nest::test {
namespace {

using arch::SysReg;
using NestedTranslate = NestedMachine;

TEST_F(NestedTranslate, OnlyValidOnesAreLoadedAndPacked) {
    set_lr(0, soft(40, arch::kLrInvalid).with<L::EOI>(1));
    set_lr(1, soft(41));
    set_lr(2, soft(42, arch::kLrInvalid));
    set_lr(3, soft(43, arch::kLrActive));
    flush();
    EXPECT_EQ(n.used, 2u);
    EXPECT_EQ(hardware(0), soft(41));
    EXPECT_EQ(hardware(1), soft(43, arch::kLrActive));
    EXPECT_EQ(hardware(2).raw, 0u);
    EXPECT_EQ(n.from[0], 1u);
    EXPECT_EQ(n.from[1], 3u);
    sync();
}

TEST_F(NestedTranslate, ListRegistersThatTheHostLacksAreIgnored) {
    set_lr(4, soft(41));
    set_lr(15, soft(42));
    flush();
    EXPECT_EQ(n.used, 0u);
    sync();
}

TEST_F(NestedTranslate, AllOfThemFit) {
    for (unsigned i = 0; i < 4; i++)
        set_lr(i, soft(40 + i));
    flush();
    EXPECT_EQ(n.used, 4u);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(hardware(i), soft(40 + i));
    sync();
    EXPECT_EQ(n.used, 0u);
}

TEST_F(NestedTranslate, FieldsOfSoftwareInterrupts) {
    for (const u64 state : {arch::kLrPending, arch::kLrActive, arch::kLrPendingActive})
        for (const u64 eoi : {0, 1})
            for (const u64 group : {0, 1}) {
                const L l = soft(8192 + 5, state).with<L::EOI>(eoi).with<L::Group>(group).with<L::Priority>(0x38);
                set_lr(2, l);
                flush();
                EXPECT_EQ(hardware(0), l);
                sync();
            }
}

TEST_F(NestedTranslate, Res0BitsStayBehind) {
    const u64 res0 = u64{0x0f00'e000'0000'0000} | u64{0x1dff} << 32 | u64{0xffff} << 16;
    set_lr(0, L::of(soft(40).raw | res0));
    flush();
    EXPECT_EQ(hardware(0), soft(40));
    sync();
}

TEST_F(NestedTranslate, MappedInterruptGetsTheHostsNumber) {
    for (const u64 state : {arch::kLrPending, arch::kLrActive}) {
        set_lr(0, hard(27, kTimer, state));
        flush();
        EXPECT_EQ(hardware(0), hard(27, kHostTimer, state));
        sync();
        EXPECT_EQ(lr(0), hard(27, kTimer, state)) << "L1 sees its own number";
    }
}

// HW=1 for L1, but no physical interrupt behind it: we must see the deactivation.
TEST_F(NestedTranslate, UnmappedInterruptsAreWatched) {
    for (const unsigned pintid : {0u, 26u, 31u, 32u, 40u, 95u, 96u, 1019u, 1023u, 8191u}) {
        set_lr(0, hard(27, pintid));
        flush();
        EXPECT_EQ(hardware(0), soft(27).with<L::EOI>(1)) << pintid;
        sync();
        EXPECT_EQ(lr(0), hard(27, pintid)) << "the EOI request is ours, not L1's";
    }
}

TEST_F(NestedTranslate, AnotherVcpusMappingDoesNotCount) {
    Machine::ok(vgic::map_hw(m.cpu(1), 26, 31));
    set_lr(0, hard(27, 26));
    flush();
    EXPECT_FALSE(hardware(0).get<L::HW>());
    sync();
}

TEST_F(NestedTranslate, PendingAndActiveIsForSoftwareOnly) {
    set_lr(0, hard(27, kTimer, arch::kLrPendingActive));
    flush();
    EXPECT_EQ(hardware(0), soft(27, arch::kLrPendingActive).with<L::EOI>(1));
    sync();
}

TEST_F(NestedTranslate, OnePhysicalInterruptIsInOneListRegister) {
    set_lr(0, hard(27, kTimer));
    set_lr(1, hard(28, kTimer));
    flush();
    EXPECT_EQ(hardware(0), hard(27, kHostTimer));
    EXPECT_EQ(hardware(1), soft(28).with<L::EOI>(1));
    sync();
}

TEST_F(NestedTranslate, OneVirtualInterruptIsInOneListRegister) {
    set_lr(0, soft(40));
    set_lr(1, soft(41));
    set_lr(2, L::of(soft(40, arch::kLrActive).raw | 0x10000));  // 40 again, in sixteen bits
    flush();
    EXPECT_EQ(n.used, 2u);
    sync();
    EXPECT_EQ(state(2), arch::kLrActive) << "what hardware did not get has not changed";
}

// [IHI0069] 12.4 ICH_LR<n>_EL2.vINTID: UNPREDICTABLE for hardware, and L1's to write.
TEST_F(NestedTranslate, NoSpecialIntidReachesHardware) {
    for (const u64 state_of : {arch::kLrPending, arch::kLrActive, arch::kLrPendingActive}) {
        set_lr(0, soft(1019, state_of));
        set_lr(1, soft(1020, state_of));
        set_lr(2, L::of(soft(1023, state_of).raw | 0x10000));  // in sixteen bits
        set_lr(3, soft(1024, state_of));
        flush();
        ASSERT_EQ(n.used, 2u);
        EXPECT_EQ(hardware(0), soft(1019, state_of));
        EXPECT_EQ(hardware(1), soft(1024, state_of));
        sync();
        for (unsigned i = 0; i < 4; i++)
            EXPECT_EQ(state(i), state_of) << i;
    }
    for (unsigned i = 0; i < 4; i++)
        set_lr(i, hard(1020 + i, kTimer));
    flush();
    EXPECT_EQ(n.used, 0u);
    sync();
}

TEST_F(NestedTranslate, ControlKeepsTrapsAndDropsWhatTheMachineLacks) {
    set(Hcr::of(~u64{0} & ~Hcr::EOIcount::kMask));
    set_lr(0, soft(40));
    set_lr(1, soft(41));
    flush();
    // VGrp0DIE holds already (VENG0 is clear), so that no maintenance interrupt is enabled.
    EXPECT_EQ(cpu.registers[SysReg::ICH_HCR_EL2], (Hcr::mask<Hcr::En, Hcr::TDIR, Hcr::TC, Hcr::TALL0, Hcr::TALL1>()));
    sync();

    vgic::HostGic gic = m.gic;
    gic.vtr = gic.vtr.with<arch::ICH_VTR_EL2::TDS>(0).with<arch::ICH_VTR_EL2::SEIS>(1);
    EXPECT_EQ(vgic::nested_hcr(file, gic), (Hcr::mask<Hcr::En, Hcr::TSEI, Hcr::TC, Hcr::TALL0, Hcr::TALL1>()));
}

TEST_F(NestedTranslate, MaintenanceIsEnabledUntilItsConditionHolds) {
    const Hcr hcr = Hcr{}.with<Hcr::En>(1).with<Hcr::UIE>(1).with<Hcr::NPIE>(1);
    set(hcr);
    set_lr(0, soft(40));
    set_lr(1, soft(41));
    EXPECT_EQ(vgic::nested_hcr(file, m.gic), hcr.raw);
    set_lr(1, soft(41, arch::kLrInvalid));  // underflow: L1's line is high
    EXPECT_EQ(vgic::nested_hcr(file, m.gic), Hcr::En::kMask);
    set(hcr.with<Hcr::En>(0));  // L1's interrupt is off, and so is ours
    EXPECT_EQ(vgic::nested_hcr(file, m.gic), hcr.with<Hcr::En>(0).raw);
}

TEST_F(NestedTranslate, EoiCountGoesAlong) {
    set(Hcr{}.with<Hcr::En>(1).with<Hcr::EOIcount>(30));
    run([](FakeCpuInterface& g) {
        g.lr(0) = soft(40).raw;
        g.acknowledge();
        g.lr(0) = 0;
        g.eoi(40);  // not in a list register
    });
    EXPECT_EQ(file.get<Hcr>(), Hcr{}.with<Hcr::En>(1).with<Hcr::EOIcount>(31));
}

}  // namespace
}  // namespace nest::test
