// SPDX-License-Identifier: GPL-2.0-only
// Shadows found, made and given back; what the canonical stage 2 and L1's TLBIs take from them.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using nested::Cause;
using nested::Outcome;
using nested::TlbiOp;
using nested::TlbiScope;

TEST_F(NestedVmTest, TheSameTablesAreTheSameShadow) {
    EXPECT_FALSE(mmu().find_shadow(core()));
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    auto* const first = core().nested.shadow_use.shadow;
    {
        Guard guard(core().vm.mmu_lock);  // the fake's lock finds out who takes it twice
        EXPECT_TRUE(mmu().find_shadow(core()));
    }
    set_l1(SysReg::VTTBR_EL2, u64{2} << 48 | kRoot);
    EXPECT_FALSE(mmu().find_shadow(core())) << "another VMID";
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    EXPECT_NE(core().nested.shadow_use.shadow, first);
    set_l1(SysReg::VTTBR_EL2, u64{3} << 48 | kRoot);
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    EXPECT_EQ(first->users, 0u);
    set_l1(SysReg::VTTBR_EL2, u64{1} << 48 | kRoot | 1);
    EXPECT_TRUE(mmu().find_shadow(core())) << "CnP does not matter";
    EXPECT_EQ(core().nested.shadow_use.shadow, first);
    EXPECT_EQ(first->users, 1u);
    EXPECT_EQ(stats().misses, 3u);
    EXPECT_EQ(stats().hits, 1u);
    mmu().drop_shadow(core());
    EXPECT_EQ(first->users, 0u);
    EXPECT_EQ(core().nested.shadow_use.shadow, nullptr);
}

// A hypervisor without VHE runs its own kernel and its guest in turn: neither is looked for, and each finds its own regime.
TEST_F(NestedVmTest, TwoShadowsInTurnStayHeld) {
    constexpr u64 kOne = u64{1} << 48 | kRoot, kTwo = u64{2} << 48 | kRoot;
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    auto* const one = core().nested.shadow_use.shadow;
    map_l2(kL2, kData);
    set_l1(SysReg::VTTBR_EL2, kTwo);
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    auto* const two = core().nested.shadow_use.shadow;
    {
        Guard guard(core().vm.mmu_lock);  // which find_shadow() must not want
        for (int i = 0; i < 3; i++)
            for (const u64 vttbr : {kOne, kTwo}) {
                set_l1(SysReg::VTTBR_EL2, vttbr);
                EXPECT_TRUE(mmu().find_shadow(core()));
                EXPECT_EQ(core().nested.shadow_use.shadow, vttbr == kOne ? one : two);
                EXPECT_FALSE(core().nested.shadow_use.regime_matches_shadow);
            }
    }
    EXPECT_EQ(one->users, 1u);
    EXPECT_EQ(two->users, 1u);
    EXPECT_EQ(stats().hits, 0u);
    mmu().drop_shadow(core());
    EXPECT_EQ(one->users, 0u);
    EXPECT_EQ(two->users, 0u);
    EXPECT_FALSE(core().nested.shadow_use.turn_back(core().regs)) << "none is held";
}

// The key of the shadow before is asked for by other values of L1's registers.
TEST_F(NestedVmTest, TheShadowBeforeIsHeldTwiceAtMostForAMoment) {
    constexpr u64 kOne = u64{1} << 48 | kRoot, kTwo = u64{2} << 48 | kRoot;
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    auto* const one = core().nested.shadow_use.shadow;
    set_l1(SysReg::VTTBR_EL2, kTwo);
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    set_l1(SysReg::VTTBR_EL2, kOne | 1);
    EXPECT_TRUE(mmu().find_shadow(core()));
    EXPECT_EQ(core().nested.shadow_use.shadow, one);
    EXPECT_EQ(one->users, 1u);
    mmu().drop_shadow(core());
    EXPECT_EQ(one->users, 0u);
}

TEST_F(NestedVmTest, InTierZeroAShadowIsOnlyFoundWithoutWaiting) {
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    mmu().drop_shadow(core());
    core().entered = true;
    {
        Guard guard(core().vm.mmu_lock);
        EXPECT_FALSE(mmu().find_shadow(core()));
    }
    EXPECT_TRUE(mmu().find_shadow(core()));
    core().entered = false;
}

TEST_F(NestedVmTest, EachShadowHasItsOwnVmid) {
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    using V = arch::VTTBR_EL2;
    const V canonical = core().vm.stage2.vttbr(0), shadow = shadow_tables().vttbr(0);
    EXPECT_NE(canonical.get<V::VMID>(), shadow.get<V::VMID>());
    EXPECT_NE(canonical.get<V::BADDR>(), shadow.get<V::BADDR>());
    EXPECT_EQ(shadow_tables().vtcr().get<arch::VTCR_EL2::T0SZ>(), 16u) << "as large as PARange says";
}

TEST_F(NestedVmTest, AResetGivesTheShadowBack) {
    ASSERT_TRUE(mmu().make_shadow(core()).ok());
    auto* const shadow = core().nested.shadow_use.shadow;
    constexpr u32 kFeatures = 1 << abi::KVM_ARM_VCPU_PSCI_0_2 | 1 << abi::KVM_ARM_VCPU_HAS_EL2;
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {kFeatures}};
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_EQ(core().nested.shadow_use.shadow, nullptr);
    EXPECT_EQ(shadow->users, 0u);
}

// ---- the canonical stage 2

TEST_F(NestedVmTest, ANotifierTakesItsPagesFromTheShadows) {
    for (u64 i = 0; i < 3; i++) {
        map_l2(kL2 + i * kPage, kData + i * kPage);
        ASSERT_EQ(access(kL2 + i * kPage), Next::kResume);
    }
    const u64 middle = reinterpret_cast<u64>(hva(kData + kPage));
    nest_mmu_invalidate_start(vm, middle, middle + kPage);
    EXPECT_TRUE(shadow_leaf(kL2).valid);
    EXPECT_FALSE(shadow_leaf(kL2 + kPage).valid);
    EXPECT_TRUE(shadow_leaf(kL2 + 2 * kPage).valid);
    test::port().entry_blocked = true;
    EXPECT_EQ(access(kL2 + kPage), Next::kResume);
    EXPECT_FALSE(shadow_leaf(kL2 + kPage).valid) << "not while the notifier is at work";
    test::port().entry_blocked = false;
    nest_mmu_invalidate_end(vm, middle, middle + kPage);
    EXPECT_EQ(access(kL2 + kPage), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).valid);
    EXPECT_EQ(stats()[Cause::kNotifier], 1u);
}

TEST_F(NestedVmTest, TheVmmsEndTakesEverything) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    nest_mmu_release(vm);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
}

TEST_F(NestedVmTest, AgeIsAskedOfTheShadowsToo) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    const u64 page = reinterpret_cast<u64>(hva(kData));
    EXPECT_TRUE(nest_mmu_age(vm, page, page + kPage, true));
    EXPECT_FALSE(shadow_leaf(kL2).young);
    EXPECT_FALSE(nest_mmu_age(vm, page, page + kPage, true));
    EXPECT_EQ(access(kL2, kAccessFlag3), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2).young);
    EXPECT_FALSE(canonical_leaf(kData).young);
    EXPECT_TRUE(nest_mmu_age(vm, page, page + kPage, false));
    EXPECT_TRUE(shadow_leaf(kL2).young) << "only asked";
}

TEST_F(NestedVmTest, ASlotThatGoesTakesItsPages) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    ASSERT_EQ(add_slot(0, 0), 0);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
    EXPECT_FALSE(canonical_leaf(kData).valid);
    EXPECT_EQ(stats()[Cause::kMemslot], 1u);
    EXPECT_EQ(access(kL2), Next::kResume);
    expect_forwarded(0x15, kL2);
}

TEST_F(NestedVmTest, WritesOfL2AreLogged) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2, kTranslation3 | kWrite), Next::kResume);
    ASSERT_TRUE(shadow_leaf(kL2).attributes.prot.w);
    ASSERT_EQ(add_slot(abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    EXPECT_TRUE(shadow_leaf(kL2).valid);
    EXPECT_FALSE(shadow_leaf(kL2).attributes.prot.w);
    std::vector<u64> bitmap(kRamBytes / kPage / 64);
    abi::DirtyLog log{};
    log.dirty_bitmap = reinterpret_cast<u64>(bitmap.data());
    const u64 frame = (kData - kRam) / kPage;
    ASSERT_EQ(vm_ioctl(abi::KVM_GET_DIRTY_LOG, &log), 0);
    EXPECT_EQ(bitmap[frame / 64] >> frame % 64 & 1, 0u);
    ASSERT_EQ(access(kL2, kPermission3 | kWrite), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2).attributes.prot.w);
    ASSERT_EQ(vm_ioctl(abi::KVM_GET_DIRTY_LOG, &log), 0);
    EXPECT_EQ(bitmap[frame / 64] >> frame % 64 & 1, 1u);
    EXPECT_FALSE(shadow_leaf(kL2).attributes.prot.w) << "the next write is to be seen again";
}

// ---- L1's TLBIs

TlbiOp op_of(TlbiScope scope) {
    TlbiOp op{};
    op.scope = scope;
    op.regime = nested::Regime::kEl10;
    op.shareability = nested::Shareability::kInner;
    return op;
}

TEST_F(NestedVmTest, ByAddressOnlyThatPageGoes) {
    for (u64 i = 0; i < 2; i++) {
        map_l2(kL2 + i * kPage, kData + i * kPage);
        ASSERT_EQ(access(kL2 + i * kPage), Next::kResume);
    }
    TlbiOp op = op_of(TlbiScope::kIpa);
    op.start = kL2;
    op.granule_bits = 12;
    op.level = 3;
    EXPECT_EQ(mmu().tlbi_l2(core(), op, kL2 >> 12, Tier::k0), Outcome::kDone);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).valid);
    EXPECT_EQ(stats()[Cause::kTlbi], 1u);
}

TEST_F(NestedVmTest, ByVmidOnlyThatVmidGoes) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    auto* const first = core().nested.shadow_use.shadow;
    set_l1(SysReg::VTTBR_EL2, u64{2} << 48 | kRoot);
    ASSERT_EQ(access(kL2), Next::kResume);
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k1), Outcome::kDone);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
    EXPECT_TRUE(first->tables.walk(L2Ipa(kL2)).valid);
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kAllVmids), 0, Tier::k1), Outcome::kDone);
    EXPECT_FALSE(first->tables.walk(L2Ipa(kL2)).valid);
}

// L1 goes from one L2 to another and back: each fault is looked up in the tables of the L2 that it came from.
TEST_F(NestedVmTest, AFaultIsOfTheTablesThatL1HasNow) {
    constexpr u64 kOther = kRam + 0x2000;
    const u64 first = u64{1} << 48 | kRoot, second = u64{2} << 48 | kOther;
    for (u64 i = 0; i < 2; i++) {
        map_l2(kL2 + i * kPage, kData + i * kPage);
        map_l2(kL2 + i * kPage, kData + (2 + i) * kPage, kLeaf | kR | kW, kOther);
    }
    ASSERT_EQ(access(kL2), Next::kResume);
    set_l1(SysReg::VTTBR_EL2, second);
    ASSERT_EQ(access(kL2), Next::kResume);
    EXPECT_EQ(shadow_leaf(kL2).pa.raw, pa(kData + 2 * kPage));
    set_l1(SysReg::VTTBR_EL2, first);
    ASSERT_EQ(access(kL2 + kPage), Next::kResume);
    EXPECT_EQ(shadow_leaf(kL2).pa.raw, pa(kData));
    EXPECT_EQ(shadow_leaf(kL2 + kPage).pa.raw, pa(kData + kPage));
}

// Other vCPUs may map faster than this one unmaps: after each piece its VMM's signal is looked at.
TEST_F(NestedVmTest, ASignalEndsALongTlbi) {
    constexpr u64 kBlock = 0x20'0000, kTables = stage2::kDefaultBudget / 512 + 2;
    for (u64 i = 0; i < kTables; i++) {
        map_l2(kL2 + i * kBlock, kData);
        ASSERT_EQ(access(kL2 + i * kBlock), Next::kResume);
    }
    test::port().entry_blocked = true;
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k1), Outcome::kTier1);
    EXPECT_TRUE(shadow_leaf(kL2 + (kTables - 1) * kBlock).valid);
    test::port().entry_blocked = false;
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k1), Outcome::kDone);
    EXPECT_FALSE(shadow_leaf(kL2 + (kTables - 1) * kBlock).valid);
}

TEST_F(NestedVmTest, ATlbiInTierZeroNeverWaits) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    {
        Guard guard(core().vm.mmu_lock);
        EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k0), Outcome::kTier1);
    }
    EXPECT_TRUE(shadow_leaf(kL2).valid);
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k0), Outcome::kDone);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
}

// A few blocks of the canonical stage 2 may have a great many leaves in shadows.
TEST_F(NestedVmTest, WhatChangesALargeSlotLetsGoOfTheLock) {
    constexpr u64 kGiB = u64{1} << 30;
    map_l2(kL2, kData);
    for (bool unmap : {false, true}) {
        ASSERT_EQ(access(kL2), Next::kResume);
        unsigned pieces = 0;
        test::port().on_relax = [&] {
            pieces++;
            EXPECT_EQ(test::thread_context().spinlocks, 0u);
        };
        if (unmap)
            core().vm.stage2.unmap_gfns(0, 2 * kGiB / kPage);
        else
            core().vm.stage2.write_protect_gfns(0, 2 * kGiB / kPage);
        EXPECT_GE(pieces, 2 * kGiB / (u64{32} << 20));
        test::port().on_relax = nullptr;
    }
    EXPECT_FALSE(shadow_leaf(kL2).valid);
}

TEST_F(NestedVmTest, ALargeTlbiIsDoneInPieces) {
    // Two frames at many addresses: more than tier 0 looks at in one go.
    constexpr u64 kPages = 5000;
    static_assert(kPages / 2 < nested::Rmap::kMostOfGroup);
    for (u64 i = 0; i < kPages; i++) {
        map_l2(kL2 + i * kPage, kData + i % 2 * 64 * kPage);
        ASSERT_EQ(access(kL2 + i * kPage), Next::kResume);
    }
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k0), Outcome::kTier1);
    EXPECT_TRUE(shadow_leaf(kL2 + (kPages - 1) * kPage).valid);
    unsigned pieces = 0;
    test::port().on_relax = [&] {
        pieces++;
        EXPECT_EQ(test::thread_context().spinlocks, 0u);
    };
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVmid), 0, Tier::k1), Outcome::kDone);
    for (u64 i = 0; i < kPages; i++)
        EXPECT_FALSE(shadow_leaf(kL2 + i * kPage).valid);
    EXPECT_GT(pieces, 0u);
}

TEST_F(NestedVmTest, StageOneGoesUnderTheShadowsVmid) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    const u64 vmid = shadow_tables().vttbr(0).get<arch::VTTBR_EL2::VMID>();
    cpu().registers[SysReg::VTTBR_EL2] = core().vm.stage2.vttbr(0).raw;
    cpu().log.clear();
    EXPECT_EQ(mmu().tlbi_l2(core(), op_of(TlbiScope::kVa), 0x123, Tier::k0), Outcome::kDone);
    u64 loaded = 0;
    bool seen = false;
    for (const test::Event& e : cpu().log) {
        if (e.kind == test::Event::kWrite && e.what == static_cast<u64>(SysReg::VTTBR_EL2))
            loaded = e.operand;
        if (e.kind == test::Event::kTlbi && e.what == static_cast<u64>(arch::Tlbi::VAE1IS)) {
            seen = true;
            EXPECT_EQ(e.operand, 0x123u);
            EXPECT_EQ(arch::VTTBR_EL2::of(loaded).get<arch::VTTBR_EL2::VMID>(), vmid);
        }
    }
    EXPECT_TRUE(seen);
    EXPECT_TRUE(shadow_leaf(kL2).valid) << "nothing of stage 2";
}

// ---- coming into being

TEST(NestedMmuEnable, EveryAllocationMayFail) {
    struct Machine : NestedVmTest {
        void TestBody() override {}
        using NestedVmTest::TearDown;
    } m;
    m.SetUp();
    nest_vm* other = nullptr;
    ASSERT_EQ(nest_vm_create(VmTest::host(), 0, &other), 0);
    NestedMmu& mmu = reinterpret_cast<Vm*>(other)->nested_mmu;
    EXPECT_FALSE(mmu.enabled());
    u64 failing = 1;
    for (;; failing++) {
        test::port().fail_allocation = failing;
        const Status s = mmu.enable();
        test::port().fail_allocation = 0;
        if (s.ok())
            break;
        EXPECT_EQ(s.error(), Errno::kNoMem);
        EXPECT_FALSE(mmu.enabled());
        ASSERT_LT(failing, 20u);
    }
    EXPECT_GT(failing, 3u);
    EXPECT_TRUE(mmu.enabled());
    const u64 calls = test::port().allocation_calls;
    EXPECT_TRUE(mmu.enable().ok());
    EXPECT_EQ(test::port().allocation_calls, calls) << "once is enough";
    nest_vm_release(other);
    m.TearDown();
}

}  // namespace
}  // namespace nest::kvm
