// SPDX-License-Identifier: GPL-2.0-only
// L2's stage-2 aborts: brought in, resolved, forwarded to L1, or emulated.
#include <tests/unit/kvm/nested/fixture.hpp>

#include <algorithm>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;

TEST_F(NestedVmTest, TablesAndPageAreBroughtInAndMapped) {
    map_l2(kL2, kData);
    EXPECT_EQ(access(kL2 | 0x128), Next::kResume);
    EXPECT_TRUE(core().vel2.in_l2()) << "nothing of L1's";
    const stage2::Leaf leaf = shadow_leaf(kL2);
    ASSERT_TRUE(leaf.valid);
    EXPECT_EQ(leaf.pa.raw, pa(kData));
    EXPECT_TRUE(leaf.attributes.prot.r);
    EXPECT_FALSE(leaf.attributes.prot.w && !canonical_leaf(kData).attributes.prot.w);
    EXPECT_TRUE(canonical_leaf(kRoot).valid);
    EXPECT_EQ(stats().mapped, 1u);
    EXPECT_EQ(stats().faulted_in, 4u) << "three tables, one page";
}

TEST_F(NestedVmTest, WritesNeedBothSides) {
    map_l2(kL2, kData, kLeaf | kR);
    map_l2(kL2 + kPage, kData + kPage);
    EXPECT_EQ(access(kL2 + kPage, kTranslation3 | kWrite), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).attributes.prot.w);
    EXPECT_EQ(access(kL2), Next::kResume);
    EXPECT_FALSE(shadow_leaf(kL2).attributes.prot.w);
    EXPECT_EQ(access(kL2, kPermission3 | kWrite), Next::kResume);
    expect_forwarded(kPermission3, kL2);
}

TEST_F(NestedVmTest, ExecutionIsGrantedOnDemand) {
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, kData + kPage, kLeaf | kR | kXn);
    EXPECT_EQ(access(kL2), Next::kResume);
    EXPECT_FALSE(shadow_leaf(kL2).attributes.prot.x) << "this machine's instruction cache is not coherent";
    EXPECT_EQ(access(kL2, kPermission3, Ec::kInstrAbortLower), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2).attributes.prot.x);
    EXPECT_EQ(access(kL2 + kPage, kTranslation3, Ec::kInstrAbortLower), Next::kResume);
    expect_forwarded(kPermission3, kL2 + kPage);
}

TEST_F(NestedVmTest, WhatL1DoesNotMapIsForwarded) {
    map_l2(kL2, kData);
    EXPECT_EQ(access(kL2 + kPage + 8, kTranslation3 | kIsv), Next::kResume);
    expect_forwarded(7, kL2 + kPage);
    EXPECT_EQ(core().regs.get(SysReg::FAR_EL2), 0xffff'8000'0000'1008u);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) >> 24 & 1, 1u) << "the syndrome describes the instruction";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) >> 26, static_cast<u64>(Ec::kDataAbortLower));
    enter_l2();
    EXPECT_EQ(access(kL2 + (u64{1} << 30)), Next::kResume);
    expect_forwarded(5, kL2 + (u64{1} << 30));
    enter_l2();
    EXPECT_EQ(access(u64{1} << 40), Next::kResume) << "beyond L1's T0SZ";
    expect_forwarded(4, u64{1} << 40);
}

TEST_F(NestedVmTest, TierZeroDoesWhatNeedsNoMemory) {
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, kData);  // the same frame once more
    EXPECT_EQ(access_in_tier0(kL2), Next::kTier1) << "L1's tables are not there";
    EXPECT_EQ(access(kL2), Next::kResume);
    const u64 allocations = test::port().allocation_calls;
    EXPECT_EQ(access_in_tier0(kL2 + kPage), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).valid);
    EXPECT_EQ(test::port().allocation_calls, allocations);
    EXPECT_EQ(access_in_tier0(kL2 + 2 * kPage), Next::kResume);
    expect_forwarded(7, kL2 + 2 * kPage);
}

TEST_F(NestedVmTest, TierZeroNeverWaitsForTheLock) {
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    {
        Guard guard(core().vm.mmu_lock);
        EXPECT_EQ(access_in_tier0(kL2 + kPage), Next::kTier1);
        EXPECT_TRUE(core().vel2.in_l2());
    }
    EXPECT_EQ(access_in_tier0(kL2 + kPage), Next::kResume);
}

TEST_F(NestedVmTest, TablesThatTierZeroTakesOutAreFreedInTierOne) {
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    const size_t runs = test::port().live_runs;
    nested::TlbiOp op{};
    op.scope = nested::TlbiScope::kVmid;
    op.regime = nested::Regime::kEl10;
    EXPECT_EQ(mmu().tlbi_l2(core(), op, 0, Tier::k0), nested::Outcome::kDone);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
    EXPECT_EQ(test::port().live_runs, runs) << "nothing is freed with a guest's context loaded";
    ASSERT_EQ(access(kL2), Next::kResume);
    EXPECT_LE(test::port().live_runs, runs + 4) << "the vCPU's cache may have been filled up";
    ASSERT_EQ(mmu().tlbi_l2(core(), op, 0, Tier::k1), nested::Outcome::kDone);
    core().tables.drain();
    EXPECT_LT(test::port().live_runs, runs);
}

TEST_F(NestedVmTest, ABlockOfL1sReplacesItsPages) {
    test::port().user_mappings.push_back({reinterpret_cast<u64>(hva(kData)), 0x20'0000, 21});
    map_l2(kL2, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    EXPECT_EQ(shadow_leaf(kL2).level, 3u);
    EXPECT_EQ(canonical_leaf(kData).level, 2u);
    const u64 table = word(kRoot + (kL2 >> 30) * 8) & 0xffff'ffff'f000;
    word(table) = kData | kR | kW | (kLeaf & ~u64{2});
    ASSERT_TRUE(Shadows::top_up(*core().nested.shadow_use.shadow, core().tables).ok());
    const size_t runs = test::port().live_runs;
    EXPECT_EQ(access_in_tier0(kL2 + kPage), Next::kResume);
    EXPECT_EQ(shadow_leaf(kL2).level, 2u);
    EXPECT_EQ(test::port().live_runs, runs) << "nothing is freed with a guest's context loaded";
    EXPECT_EQ(access(kL2 + (u64{1} << 30)), Next::kResume);
    EXPECT_EQ(test::port().live_runs, runs - 1) << "the table of pages";
}

TEST_F(NestedVmTest, TablesWhereNoMemoryIsAreABusErrorOnL1sWalk) {
    set_l1(SysReg::VTTBR_EL2, u64{1} << 48 | 0x1000'0000);  // no slot there
    EXPECT_EQ(access(kL2, kTranslation3 | kIsv | 3 << 16), Next::kResume);
    expect_forwarded(0x15, kL2);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) >> 14 & 0x7ff, 0u) << "ISV to AR";
}

TEST_F(NestedVmTest, DevicesOfL1AreEmulatedAtItsAddress) {
    map_l2(kL2, 0x900'0000);
    EXPECT_EQ(access(kL2 | 0x18, kTranslation3 | kIsv | 2 << 22 | 3 << 16), Next::kUser);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    EXPECT_EQ(run->mmio.phys_addr, 0x900'0018u);
    EXPECT_EQ(run->mmio.is_write, 0u);
    run->mmio.data[0] = 0x5a;
    core().mmio.complete(core(), *run);
    EXPECT_EQ(core().context.x[3], 0x5au);
    EXPECT_EQ(core().context.pc, 0x1004u);
}

TEST_F(NestedVmTest, WhatCannotBeEmulatedIsABusErrorOfL2OrL1) {
    map_l2(kL2, 0x900'0000);
    set_l1(SysReg::VBAR_EL1, 0x8000);
    EXPECT_EQ(access(kL2, kTranslation3, Ec::kInstrAbortLower), Next::kResume);
    EXPECT_TRUE(core().vel2.in_l2());
    EXPECT_EQ(core().context.pc, 0x8200u);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x10u);
    set_hcr(H::VM::kMask | H::TEA::kMask);
    EXPECT_EQ(access(kL2, kTranslation3, Ec::kInstrAbortLower), Next::kResume);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x3f, 0x10u);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) >> 26, static_cast<u64>(Ec::kInstrAbortLower));
}

TEST_F(NestedVmTest, ABusErrorOnL2sWalkTellsTheLevel) {
    // L2's tables: the root is at an address of L2's that L1 backs with memory, its entry leads where no memory is.
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, 0x900'0000);
    word(kData + 0) = (kL2 + kPage) | 3;
    set_l1(SysReg::VBAR_EL1, 0x8000);
    set_l1(SysReg::TCR_EL1, 25);
    set_l1(SysReg::TTBR0_EL1, kL2);
    ASSERT_EQ(access(kL2), Next::kResume);
    need_shadow();
    abort(kL2 + kPage, kTranslation3 | 1 << 7);
    core().context.far = 0x10'0000;
    EXPECT_EQ(mmu().resolve_l2_fault(core()), Next::kResume);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x16u) << "level 2";
}

// A device of the machine that the VMM has mapped: HCR_EL2.PTW stops hardware's walks there, and no permission helps.
TEST_F(NestedVmTest, TablesOfL2sInADeviceAreABusError) {
    test::port().user_mappings.push_back({reinterpret_cast<u64>(hva(kData)), kPage});
    test::port().user_mappings.back().device = true;
    map_l2(kL2, kData);
    set_l1(SysReg::VBAR_EL1, 0x8000);
    constexpr u64 kS1ptw = 1 << 7;
    EXPECT_EQ(access(kL2, kTranslation3 | kS1ptw), Next::kResume) << "before anything is mapped";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x14u);
    ASSERT_EQ(access(kL2, kTranslation3 | kWrite), Next::kResume);
    ASSERT_EQ(shadow_leaf(kL2).attributes.type, stage2::MemoryType::Device_nGnRE);
    set_l1(SysReg::ESR_EL1, 0);
    EXPECT_EQ(access_in_tier0(kL2, kPermission3 | kS1ptw), Next::kTier1);
    EXPECT_EQ(access(kL2, kPermission3 | kS1ptw), Next::kResume) << "and after L2 has used it";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x14u);
    EXPECT_TRUE(core().vel2.in_l2());
    set_hcr(H::VM::kMask | H::PTW::kMask);
    map_l2(kL2, kData, (kLeaf & ~u64{15 << 2}) | 1 << 2 | kR | kW);
    EXPECT_EQ(access(kL2, kPermission3 | kS1ptw), Next::kResume);
    expect_forwarded(kPermission3, kL2);
}

TEST_F(NestedVmTest, WithoutStageTwoOfL1AddressesAreItsOwn) {
    set_hcr(0);
    EXPECT_EQ(access(kData, kTranslation3 | kWrite), Next::kResume);
    EXPECT_EQ(shadow_leaf(kData).pa.raw, pa(kData));
    EXPECT_TRUE(shadow_leaf(kData).attributes.prot.w);
    EXPECT_EQ(core().nested.shadow_use.shadow->key.vmid, 1u);
    set_l1(SysReg::VBAR_EL1, 0x8000);
    EXPECT_EQ(access(u64{1} << 41, kTranslation3), Next::kResume) << "beyond the VM's 40 bits";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x10u);
}

TEST_F(NestedVmTest, OtherAbortsAreTheFlatGuestsOwn) {
    set_l1(SysReg::VBAR_EL1, 0x8000);
    EXPECT_EQ(access(kL2, 0x10), Next::kResume) << "the machine's bus error";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x10u);
    set_l1(SysReg::ESR_EL1, 0);
    cpu().log.clear();
    EXPECT_EQ(access(kL2, 0x30), Next::kResume) << "a TLB conflict";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1), 0u) << "the access is made again";
    EXPECT_TRUE(std::any_of(cpu().log.begin(), cpu().log.end(), [](const test::Event& e) {
        return e.kind == test::Event::kTlbi && e.what == static_cast<u64>(arch::Tlbi::VMALLS12E1IS);
    }));
    EXPECT_EQ(access(kL2, 0x34), Next::kError) << "nothing that a guest can cause";
    EXPECT_EQ(core().error, Errno::kFault);
}

TEST_F(NestedVmTest, AMissingPageOfTheVmmIsItsError) {
    map_l2(kL2, kData);
    test::port().user_mappings.push_back({reinterpret_cast<u64>(hva(kData)), kPage});
    test::port().user_mappings.back().error = -14;
    EXPECT_EQ(access(kL2), Next::kError);
    EXPECT_EQ(core().error, Errno::kFault);
    test::port().user_mappings.back().error = -4;  // a signal came
    test::port().entry_blocked = true;
    EXPECT_EQ(access(kL2), Next::kResume);
    EXPECT_FALSE(shadow_leaf(kL2).valid);
    test::port().user_mappings.clear();
    test::port().entry_blocked = false;
    EXPECT_EQ(access(kL2), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2).valid);
}

TEST_F(NestedVmTest, EveryAllocationMayFail) {
    map_l2(kL2, kData);
    u64 failing = 1;
    for (;; failing++) {
        ASSERT_LT(failing, 100u);
        test::port().fail_allocation = failing;
        const Status made = mmu().find_shadow(core()) ? kOk : mmu().make_shadow(core());
        Next next = Next::kError;
        if (made.ok()) {
            abort(kL2);
            next = mmu().resolve_l2_fault(core());
        } else {
            EXPECT_EQ(made.error(), Errno::kNoMem);
        }
        test::port().fail_allocation = 0;
        if (next == Next::kResume)
            break;
        if (made.ok()) {
            EXPECT_EQ(core().error, Errno::kNoMem);
        }
    }
    EXPECT_GT(failing, 1u);
    EXPECT_TRUE(shadow_leaf(kL2).valid);
}

TEST_F(NestedVmTest, ATableOfL1InADeviceIsNotRead) {
    // Mapped by the VMM, but without struct pages: the linear map does not hold it.
    test::port().user_mappings.push_back({reinterpret_cast<u64>(hva(kRoot)), kPage});
    test::port().user_mappings.back().device = true;
    map_l2(kL2, kData);
    EXPECT_EQ(access(kL2), Next::kResume);
    expect_forwarded(0x15, kL2);
    EXPECT_TRUE(canonical_leaf(kRoot).valid);
    EXPECT_EQ(canonical_leaf(kRoot).attributes.software, kOutsideLinearMap);
}

// The fake's locks complain of a thread that takes one twice: so each of these takes it.
TEST_F(NestedVmTest, AFaultIsResolvedUnderTheLock) {
    map_l2(kL2, kData);
    map_l2(kL2 + kPage, kData);
    ASSERT_EQ(access(kL2), Next::kResume);
    ASSERT_TRUE(Shadows::top_up(*core().nested.shadow_use.shadow, core().tables).ok());
    abort(kL2 + kPage, kTranslation3);
    const auto holding = [&](auto what) {
        Guard guard(core().vm.mmu_lock);
        what();
    };
    EXPECT_DEATH(holding([&] { mmu().resolve_l2_fault(core()); }), "two of one class");
    Ipa at{};
    EXPECT_DEATH(holding([&] { mmu().translate_l2(core(), L2Ipa(kL2), at); }), "two of one class");
    EXPECT_DEATH(holding([&] { mmu().is_uncached_by_l1(core(), 0); }), "two of one class");
    EXPECT_DEATH(holding([&] { mmu().drop_shadow(core()); }), "two of one class");
    nested::TlbiOp op{};
    op.scope = nested::TlbiScope::kVmid;
    EXPECT_DEATH(holding([&] { (void)mmu().tlbi_l2(core(), op, 0, Tier::k1); }), "two of one class");
}

// L2's exclusive or atomic access, which hardware does not make to this memory. L1 takes it if its stage 2 made the memory so.
TEST_F(NestedVmTest, AnUnsupportedExclusiveIsWhoseMemoryTypeItIs) {
    constexpr u64 kExclusive = 0x35, kNonCacheable = 5 << 2, kDevice = 1 << 2, kFar = 0x1'0000;
    set_l1(SysReg::VBAR_EL1, 0x8000);
    set_l1(SysReg::SCTLR_EL1, 0);  // L2's MMU is off: VA is IPA
    const auto take = [&](u64 memattr) {
        enter_l2();
        map_l2(kFar, kData, (kLeaf & ~u64{15 << 2}) | memattr | kR | kW);
        need_shadow();
        ASSERT_EQ(access(kFar), Next::kResume);
        abort(kFar, kExclusive | kWrite);
        core().context.far = kFar;
        EXPECT_EQ(mmu().resolve_l2_fault(core()), Next::kResume);
    };
    take(15 << 2);
    EXPECT_TRUE(core().vel2.in_l2()) << "not L1's doing";
    EXPECT_EQ(core().context.pc, 0x8200u);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, kExclusive);
    EXPECT_EQ(core().regs.get(SysReg::FAR_EL1), kFar);
    for (u64 memattr : {kNonCacheable, kDevice}) {
        take(memattr);
        EXPECT_TRUE(core().vel2.in_vel2());
        EXPECT_EQ(core().context.pc, 0xffff'0400u);
        EXPECT_EQ(core().regs.get(SysReg::ESR_EL2), static_cast<u64>(Ec::kDataAbortLower) << 26 | 1 << 25 | kWrite | kExclusive);
        EXPECT_EQ(core().regs.get(SysReg::FAR_EL2), kFar);
    }
}

// A pair, or with write-back of the address, at a device that L1's VMM emulates: hardware does not describe it (ISV is 0).
TEST_F(NestedVmTest, AnAccessWithoutSyndromeIsABusErrorOfL2OrL1) {
    map_l2(kL2, 0x900'0000);
    set_l1(SysReg::VBAR_EL1, 0x8000);
    EXPECT_EQ(access(kL2, kTranslation3 | kWrite), Next::kResume) << "L2 cannot end L1's VM";
    EXPECT_TRUE(core().vel2.in_l2());
    EXPECT_EQ(core().context.pc, 0x8200u);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) & 0x3f, 0x10u);
    set_hcr(H::VM::kMask | H::TEA::kMask);
    EXPECT_EQ(access(kL2, kTranslation3 | kWrite), Next::kResume);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x3f, 0x10u);
    enter_l2();
    core().vm.nisv_to_user = true;
    EXPECT_EQ(access(kL2, kTranslation3 | kWrite), Next::kUser) << "a VMM that asks for them gets them";
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_ARM_NISV);
    EXPECT_EQ(run->arm_nisv.fault_ipa, 0x900'0000u);
}
}  // namespace
}  // namespace nest::kvm
