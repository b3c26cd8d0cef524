// SPDX-License-Identifier: GPL-2.0-only
// L1's AT instructions, executed at virtual EL2.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::PAR_EL1;
using nested::AtOp;
using nested::Outcome;
using nested::Regime;

struct AtTest : NestedVmTest {
    static constexpr u64 kOwnRoot = kRam + 0x8000, kL2Root = kRam + 0x9000;
    static constexpr u64 kVa = 0x12'3000, kEl1Tcr = 25 | u64{5} << 32, kOn = 1;  // 39 bits, IPS 48 bits; SCTLR.M
    static constexpr u64 kReadOnly = 1 << 7, kWriteBack = 0xff;

    void SetUp() override {
        NestedVmTest::SetUp();
        enter_vel2();
        for (SysReg r : {SysReg::TCR_EL1, SysReg::TCR_EL2})
            set_l1(r, kEl1Tcr);
        for (SysReg r : {SysReg::SCTLR_EL1, SysReg::SCTLR_EL2})
            set_l1(r, kOn);
        for (SysReg r : {SysReg::MAIR_EL1, SysReg::MAIR_EL2})
            set_l1(r, kWriteBack);
    }
    // L2's stage-1 tables lie at addresses of its own, which L1 maps to the same ones.
    void map_l2_stage1(u64 bits = 0) {
        set_l1(SysReg::TTBR0_EL1, kL2Root);
        map_stage1(kL2Root, kVa, kL2, bits);
        const u64 end = next_table;
        map_l2(kL2Root, kL2Root);
        for (u64 table = kRam + 0x10'0000; table < end; table += kPage)
            map_l2(table, table);
    }
    PAR_EL1 at(AtOp op) {
        op.va = kVa | 0x456;
        core().regs.set(SysReg::PAR_EL1, 0xdead);
        EXPECT_EQ(mmu().at(core(), op, Tier::k1), Outcome::kDone);
        return PAR_EL1::of(core().regs.get(SysReg::PAR_EL1));
    }
    static AtOp op(Regime regime, bool stage2 = false, bool write = false) {
        AtOp o{};
        o.regime = regime;
        o.stage2 = stage2;
        o.write = write;
        return o;
    }
    static u64 status(PAR_EL1 par) { return par.raw & 1 ? par.raw >> 1 & 0x3f : 0; }
    static constexpr u64 kStage2Fault = 1 << 9, kOnWalk = 1 << 8;
};

TEST_F(AtTest, OwnRegimeEndsAtL1sAddress) {
    set_l1(SysReg::TTBR0_EL2, kOwnRoot);
    map_stage1(kOwnRoot, kVa, kData);
    const PAR_EL1 par = at(op(Regime::kEl20));
    EXPECT_EQ(par.raw & 1, 0u);
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kData);
    EXPECT_EQ(par.raw >> 56, kWriteBack);
    EXPECT_TRUE(canonical_leaf(kOwnRoot).valid) << "its tables were brought in";
    EXPECT_FALSE(canonical_leaf(kData).valid) << "what they lead to was not";
}

TEST_F(AtTest, PermissionsOfTheAccess) {
    set_l1(SysReg::TTBR0_EL2, kOwnRoot);
    map_stage1(kOwnRoot, kVa, kData, kReadOnly);
    EXPECT_EQ(status(at(op(Regime::kEl20))), 0u);
    EXPECT_EQ(status(at(op(Regime::kEl20, false, true))), 15u);
    AtOp el0 = op(Regime::kEl20);
    el0.el0 = true;
    EXPECT_EQ(status(at(el0)), 15u);
    el0.any = true;
    EXPECT_EQ(status(at(el0)), 0u);
}

TEST_F(AtTest, PanCountsOnlyWhereTheInstructionSaysSo) {
    set_l1(SysReg::TTBR0_EL2, kOwnRoot);
    map_stage1(kOwnRoot, kVa, kData, 1 << 6);  // EL0 may read it
    core().context.pstate |= arch::SPSR_EL2::PAN::kMask;
    EXPECT_EQ(status(at(op(Regime::kEl20))), 0u);
    AtOp pan = op(Regime::kEl20);
    pan.pan = true;
    EXPECT_EQ(status(at(pan)), 15u);
    core().context.pstate &= ~arch::SPSR_EL2::PAN::kMask;
    EXPECT_EQ(status(at(pan)), 0u);
}

TEST_F(AtTest, L2sStageOneGoesThroughL1sStageTwo) {
    map_l2_stage1();
    PAR_EL1 par = at(op(Regime::kEl10));
    EXPECT_EQ(par.raw & 1, 0u);
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kL2) << "stage 1 alone: an address of L2's";
    word(kRam + 0x10'0000) = 0;  // stage 1's first entry below the root: L2's page is not mapped any more
    EXPECT_EQ(status(at(op(Regime::kEl10))), 6u);
}

TEST_F(AtTest, BothStages) {
    map_l2_stage1();
    PAR_EL1 par = at(op(Regime::kEl10, true));
    EXPECT_EQ(status(par), 5u) << "L1 does not map what stage 1 leads to";
    EXPECT_EQ(par.raw & (kStage2Fault | kOnWalk), kStage2Fault);
    map_l2(kL2, kData, kLeaf | kR);
    par = at(op(Regime::kEl10, true));
    EXPECT_EQ(par.raw & 1, 0u);
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kData);
    par = at(op(Regime::kEl10, true, true));
    EXPECT_EQ(status(par), 15u);
    EXPECT_EQ(par.raw & (kStage2Fault | kOnWalk), kStage2Fault);
}

TEST_F(AtTest, AStageTwoFaultOfTheWalk) {
    map_l2_stage1();
    // L1 takes the root's page away from L2.
    const u64 table = word(word(kRoot + (kL2Root >> 30) * 8) & 0xffff'ffff'f000) & 0xffff'ffff'f000;
    word(table + (kL2Root >> 12 & 511) * 8) = 0;
    const PAR_EL1 par = at(op(Regime::kEl10));
    EXPECT_EQ(status(par), 7u);
    EXPECT_EQ(par.raw & (kStage2Fault | kOnWalk), kStage2Fault | kOnWalk);
}

TEST_F(AtTest, WithoutStageTwoBothAreStageOne) {
    set_hcr(0);
    map_l2_stage1();
    const PAR_EL1 par = at(op(Regime::kEl10, true));
    EXPECT_EQ(par.raw & 1, 0u);
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kL2);
}

TEST_F(AtTest, DefaultCacheabilityIsStageOneOff) {
    set_hcr(arch::HCR_EL2::DC::kMask);
    map_l2(kVa, kData);
    PAR_EL1 par = at(op(Regime::kEl10));
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kVa);
    EXPECT_EQ(par.raw >> 56, 0xffu);
    par = at(op(Regime::kEl10, true));
    EXPECT_EQ(par.get<PAR_EL1::PA>() << 12, kData) << "DC turns stage 2 on";
}

TEST_F(AtTest, TablesWithoutMemoryAreABusError) {
    set_l1(SysReg::TTBR0_EL2, 0x1000'0000);
    EXPECT_EQ(status(at(op(Regime::kEl20))), 0x15u);
    map_l2_stage1();
    set_l1(SysReg::VTTBR_EL2, u64{1} << 48 | 0x1000'0000);
    EXPECT_EQ(status(at(op(Regime::kEl10))), 0x15u);
}

TEST_F(AtTest, TierZeroWalksWhatIsThere) {
    set_l1(SysReg::TTBR0_EL2, kOwnRoot);
    map_stage1(kOwnRoot, kVa, kData);
    AtOp o = op(Regime::kEl20);
    o.va = kVa;
    core().regs.set(SysReg::PAR_EL1, 0xdead);
    EXPECT_EQ(mmu().at(core(), o, Tier::k0), Outcome::kTier1);
    EXPECT_EQ(core().regs.get(SysReg::PAR_EL1), 0xdeadu) << "nothing has changed";
    EXPECT_EQ(mmu().at(core(), o, Tier::k1), Outcome::kDone);
    core().regs.set(SysReg::PAR_EL1, 0xdead);
    {
        Guard guard(core().vm.mmu_lock);
        EXPECT_EQ(mmu().at(core(), o, Tier::k0), Outcome::kTier1);
    }
    EXPECT_EQ(mmu().at(core(), o, Tier::k0), Outcome::kDone);
    EXPECT_EQ(core().regs.get(SysReg::PAR_EL1) & 0xffff'f001, kData);
}

TEST_F(AtTest, UpdatesOfDescriptorsAreLogged) {
    set_l1(SysReg::TTBR0_EL2, kOwnRoot);
    set_l1(SysReg::TCR_EL2, kEl1Tcr | u64{1} << 39);  // HA
    map_stage1(kOwnRoot, kVa, kData);
    u64 table = kOwnRoot;
    for (unsigned shift : {30u, 21u})
        table = word(table + (kVa >> shift & 511) * 8) & 0xffff'ffff'f000;
    u64& leaf = word(table + (kVa >> 12 & 511) * 8);
    leaf &= ~u64{1 << 10};
    ASSERT_EQ(add_slot(abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    EXPECT_EQ(status(at(op(Regime::kEl20))), 0u);
    EXPECT_EQ(leaf >> 10 & 1, 1u) << "the access flag is set as hardware would";
    std::vector<u64> bitmap(kRamBytes / kPage / 64);
    abi::DirtyLog log{};
    log.dirty_bitmap = reinterpret_cast<u64>(bitmap.data());
    ASSERT_EQ(vm_ioctl(abi::KVM_GET_DIRTY_LOG, &log), 0);
    const u64 frame = (table - kRam) / kPage;
    EXPECT_EQ(bitmap[frame / 64] >> frame % 64 & 1, 1u);
}

// HCR_EL2.CD acts on stage 2: the S12 forms tell of it, at once when L1 sets or clears it.
TEST_F(AtTest, CacheabilityThatL1TurnsOff) {
    map_l2_stage1();
    map_l2(kL2, kData);
    for (u64 fwb : {u64{0}, u64{arch::HCR_EL2::FWB::kMask}}) {
        if (fwb)
            map_l2(kL2, kData, (kLeaf & ~u64{15 << 2}) | 6 << 2 | kR | kW);
        set_hcr(arch::HCR_EL2::VM::kMask | fwb);
        EXPECT_EQ(at(op(Regime::kEl10, true)).raw >> 56, 0xffu);
        set_hcr(arch::HCR_EL2::VM::kMask | arch::HCR_EL2::CD::kMask | fwb);
        const PAR_EL1 par = at(op(Regime::kEl10, true));
        EXPECT_EQ(par.raw >> 56, 0x44u);
        EXPECT_EQ(par.raw >> 7 & 3, 2u) << "Outer Shareable";
        EXPECT_EQ(at(op(Regime::kEl10)).raw >> 56, 0xffu) << "stage 1 alone";
    }
}
}  // namespace
}  // namespace nest::kvm
