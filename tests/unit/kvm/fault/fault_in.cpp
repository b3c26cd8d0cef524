// SPDX-License-Identifier: GPL-2.0-only
// What a stage-2 fault maps, with which size and permissions, and what it answers where it cannot.
#include <cerrno>
#include <tests/unit/kvm/fault/fixture.hpp>

namespace nest::kvm {
namespace {

using stage2::MemoryType;

struct FaultIn : FaultTest {
    static constexpr u64 kPage = arch::kPageSize;
    void SetUp() override {
        FaultTest::SetUp();
        make_vcpu();
    }
};

TEST_F(FaultIn, ABlockLiesInsideItsSlot) {
    ASSERT_EQ(set_slot(0, kGpa + 0x1'0000, 0x1'0000, 3 * k2M), 0);
    EXPECT_EQ(run_steps({reads(kGpa + 0x1'0000), reads(kGpa + k2M), reads(kGpa + 3 * k2M)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa + 0x1'0000).valid);
    EXPECT_EQ(leaf(kGpa + 0x1'0000).level, 3u) << "the slot begins inside it";
    EXPECT_FALSE(leaf(kGpa).valid) << "before the slot";
    EXPECT_EQ(leaf(kGpa + k2M).level, 2u);
    EXPECT_EQ(leaf(kGpa + k2M).pa.raw, kPa + k2M);
    EXPECT_TRUE(leaf(kGpa + 3 * k2M).valid);
    EXPECT_EQ(leaf(kGpa + 3 * k2M).level, 3u) << "the slot ends inside it";
    EXPECT_FALSE(leaf(kGpa + 3 * k2M + 0x1'0000).valid) << "behind the slot";
}

TEST_F(FaultIn, ABlockNeedsAddressesThatAreCongruent) {
    ASSERT_EQ(set_slot(0, kGpa, kPage, 3 * k2M), 0);
    EXPECT_EQ(run_steps({reads(kGpa + k2M)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + k2M).level, 3u);
    EXPECT_EQ(leaf(kGpa + k2M).pa.raw, kPa + k2M + kPage);
}

TEST_F(FaultIn, ABlockIsNoLargerThanTheVmmsOwn) {
    ASSERT_EQ(set_slot(0, kGpa, 0, kBytes), 0);
    mapping().block_shift = 16;  // a page of a host with large ones
    EXPECT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).level, 3u);
    mapping().block_shift = 25;  // a block of such a host
    EXPECT_EQ(run_steps({reads(kGpa + k2M)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + k2M).level, 2u);
}

TEST_F(FaultIn, LoggingSplitsABlockAndKeepsWhatItAllows) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    EXPECT_EQ(run_steps({fetches(kGpa)}), kInterrupted);
    ASSERT_EQ(leaf(kGpa).level, 2u);
    ASSERT_TRUE(leaf(kGpa).attributes.prot.x);
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    EXPECT_EQ(leaf(kGpa).level, 2u) << "no chunk size was set";
    EXPECT_FALSE(leaf(kGpa).attributes.prot.w);
    EXPECT_EQ(run_steps({writes_protected(kGpa + 5 * kPage)}), kInterrupted);
    const stage2::Leaf page = leaf(kGpa + 5 * kPage);
    EXPECT_EQ(page.level, 3u);
    EXPECT_EQ(page.pa.raw, kPa + 5 * kPage);
    EXPECT_TRUE(page.attributes.prot.w);
    EXPECT_TRUE(page.attributes.prot.x) << "it would fault once more";
    EXPECT_TRUE(leaf(kGpa).attributes.prot.x);
    EXPECT_FALSE(leaf(kGpa).attributes.prot.w) << "not marked, not writable";
    const ReadGuard guard(core().vm.slots_lock);
    const Memslot& slot = *core().vm.slots.find(kGpa >> 12);
    EXPECT_TRUE(slot.dirty.test(5));
    EXPECT_FALSE(slot.dirty.test(4) || slot.dirty.test(6));
}

TEST_F(FaultIn, AChunkSizeSplitsABlockWhenLoggingBegins) {
    const auto chunk = [&](u64 bytes) {
        abi::EnableCap cap{abi::KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE, 0, {bytes}, {}};
        return vm_ioctl(abi::KVM_ENABLE_CAP, &cap);
    };
    const auto ask = [&] { return nest_vm_ioctl(vm, abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE); };
    EXPECT_EQ(ask(), 0);
    EXPECT_EQ(chunk(0x2000), -EINVAL);
    for (long size : {0x1000l, 0x4000'0000l, 0x20'0000l}) {
        EXPECT_EQ(chunk(static_cast<u64>(size)), 0);
        EXPECT_EQ(ask(), size);
        EXPECT_EQ(nest_dev_ioctl(abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE), 0) << "each VM's own";
        ASSERT_EQ(set_slot(0, kGpa, 0, kBytes), 0);
        EXPECT_EQ(chunk(0x1000), -EINVAL) << "there is a slot";
        for (u64 at = kGpa; at < kGpa + kBytes; at += k2M) {
            ASSERT_EQ(run_steps({writes(at)}), kInterrupted);
            ASSERT_EQ(leaf(at).level, 2u);
        }
        unsigned pieces = 0;
        test::port().on_relax = [&] {
            pieces++;
            EXPECT_EQ(test::thread_context().spinlocks, 0u);
        };
        ASSERT_EQ(set_slot(0, kGpa, 0, kBytes, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
        EXPECT_GE(pieces, size == 0x4000'0000 ? 2u : kBytes / k2M);
        test::port().on_relax = nullptr;
        for (u64 at = kGpa; at < kGpa + kBytes; at += k2M) {
            EXPECT_EQ(leaf(at + 7 * kPage).level, 3u);
            EXPECT_FALSE(leaf(at + 7 * kPage).attributes.prot.w);
            EXPECT_EQ(leaf(at + 7 * kPage).pa.raw, kPa + (at - kGpa) + 7 * kPage);
        }
        ASSERT_EQ(set_slot(0, 0, 0, 0), 0);
    }
}

// It is a hint: without memory for the tables, write faults split.
TEST_F(FaultIn, SplittingAheadMayFail) {
    abi::EnableCap cap{abi::KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE, 0, {k2M}, {}};
    ASSERT_EQ(vm_ioctl(abi::KVM_ENABLE_CAP, &cap), 0);
    ASSERT_EQ(set_slot(0, kGpa, 0, kBytes), 0);
    ASSERT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    test::port().fail_allocation = 2;  // after the bitmap
    test::port().fail_all_after = true;
    EXPECT_EQ(set_slot(0, kGpa, 0, kBytes, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    test::port().fail_allocation = 0;
    EXPECT_EQ(leaf(kGpa).level, 2u);
    EXPECT_EQ(run_steps({writes_protected(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).level, 3u);
}

TEST_F(FaultIn, AReadMakesNoLoggedPageWritable) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    EXPECT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).valid);
    EXPECT_FALSE(leaf(kGpa).attributes.prot.w) << "a write would not be seen";
    EXPECT_EQ(run_steps({writes_protected(kGpa)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).attributes.prot.w);
}

TEST_F(FaultIn, AWriteToAReadOnlySlotIsTheVmms) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_READONLY), 0);
    EXPECT_EQ(run_steps({writes(kGpa + 8)}), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    EXPECT_EQ(run->mmio.phys_addr, kGpa + 8);
    EXPECT_TRUE(run->mmio.is_write);
    EXPECT_FALSE(leaf(kGpa).valid);
}

// DC CIVAC and its like need no permission to write, but with a fault they say that they write.
TEST_F(FaultIn, CacheMaintenanceOfAReadOnlySlotIsPassedOver) {
    constexpr u64 kCm = 1 << 8;
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_READONLY), 0);
    core().context.pc = 0x1000;
    EXPECT_EQ(run_steps({[](vhe::GuestContext&) {
                  test::set_syndrome(arch::Ec::kDataAbortLower, kCm | kWrite | kPermission3, kGpa, kGpa);
                  return vhe::ExitKind::kSync;
              }}),
              kInterrupted);
    EXPECT_EQ(core().context.pc, 0x1004u);
}

TEST_F(FaultIn, WithoutACoherentInstructionCacheExecutionIsOnDemand) {
    ASSERT_FALSE(machine().stage2.ctr >> 29 & 1) << "CTR_EL0.DIC";
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    EXPECT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa).attributes.prot.x);
    EXPECT_EQ(run_steps({fetches(kGpa, kPermission3)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).attributes.prot.x);
}

// More than goes under one hold of the lock.
TEST_F(FaultIn, ASlotOfManyBlocksGoesAsAWhole) {
    constexpr u64 kBlocks = stage2::kDefaultBudget + 8;
    mapping().bytes = kBlocks * k2M;
    ASSERT_EQ(set_slot(0, kGpa, 0, kBlocks * k2M), 0);
    std::vector<Step> steps;
    for (u64 i = 0; i < kBlocks; i++)
        steps.push_back(reads(kGpa + i * k2M));
    ASSERT_EQ(run_steps(std::move(steps)), kInterrupted);
    ASSERT_TRUE(leaf(kGpa + (kBlocks - 1) * k2M).valid);
    ASSERT_EQ(set_slot(0, 0, 0, 0), 0);
    for (u64 i = 0; i < kBlocks; i++)
        ASSERT_FALSE(leaf(kGpa + i * k2M).valid) << i;
}

// The kernel has asked whether the page is in use, by taking its access flag.
TEST_F(FaultIn, AnAccessFlagFaultMakesThePageYoung) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    ASSERT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    ASSERT_TRUE(nest_mmu_age(vm, hva(), hva() + kPage, true));
    ASSERT_FALSE(leaf(kGpa).young);
    const u64 faults = core().stats.stage2_faults;
    ASSERT_EQ(run_steps({abort(kGpa, 0x0b)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).young);
    EXPECT_EQ(core().stats.stage2_faults, faults) << "the page is not asked for anew";
    ASSERT_EQ(set_slot(0, 0, 0, 0), 0);
    EXPECT_EQ(run_steps({abort(kGpa + 8, 0x0b)}), 0) << "there is no memory any more";
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
}

// What the kernel takes for clean it drops without writing it out.
TEST_F(FaultIn, ThePageIsReleasedDirtyWhereTheGuestMayWrite) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    ASSERT_EQ(set_slot(1, kGpa + k2M, k2M, k2M, abi::KVM_MEM_READONLY), 0);
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_EQ(test::port().dirty_releases, 1u);
    EXPECT_EQ(run_steps({reads(kGpa + k2M)}), kInterrupted);
    EXPECT_EQ(test::port().dirty_releases, 1u);
}

// A walk of stage 1 that finds no translation does not write.
TEST_F(FaultIn, TheGuestsTablesMayLieInAReadOnlySlot) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M, abi::KVM_MEM_READONLY), 0);
    EXPECT_EQ(run_steps({abort(kGpa, kTranslation3 | kWalk)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).valid);
    EXPECT_FALSE(leaf(kGpa).attributes.prot.w);
}

TEST_F(FaultIn, BeyondTheMachineIsAnAddressSizeFault) {
    core().context.pstate = arch::kModeEL1h;
    EXPECT_EQ(run_steps({abort(u64{1} << 40, 0x04)}), kInterrupted);
    EXPECT_EQ(core().regs.get(arch::SysReg::ESR_EL1) & 0x3f, 0u) << "level 0";
    EXPECT_EQ(core().regs.get(arch::SysReg::ESR_EL1) >> 26, static_cast<u64>(arch::Ec::kDataAbortSame));
}

// ---- poisoned memory

TEST_F(FaultIn, APoisonedPageIsTheVmmsSigbus) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().error = -EHWPOISON;
    test::guest().script = [n = 0](vhe::GuestContext& c) mutable {
        EXPECT_LT(n++, 3) << "it faults for ever";
        if (n > 3)
            test::port().signal_pending = test::port().entry_blocked = true;
        return reads(kGpa + 3 * kPage)(c);
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -EINTR);
    EXPECT_EQ(test::port().poison_signals, std::vector<u64>{hva(3 * kPage)});
    EXPECT_FALSE(leaf(kGpa + 3 * kPage).valid);
}

TEST_F(FaultIn, WithoutASignalAPoisonedPageEndsTheRun) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().error = -EHWPOISON;
    test::port().sigbus_blocked = true;
    EXPECT_EQ(run_steps({writes(kGpa)}), -EHWPOISON);
    EXPECT_TRUE(test::port().poison_signals.empty());
    mapping().error = 0;
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted) << "and then it goes on";
    EXPECT_TRUE(leaf(kGpa).valid);
}

TEST_F(FaultIn, EachErrorOfThePageHasItsAnswer) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    for (int error : {-EFAULT, -ENOMEM, -EIO}) {
        mapping().error = error;
        EXPECT_EQ(run_steps({writes(kGpa)}), error == -ENOMEM ? -ENOMEM : -EFAULT) << error;
    }
    for (int error : {-EAGAIN, -EINTR}) {
        mapping().error = error;
        EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted) << "tried again";
    }
    EXPECT_FALSE(leaf(kGpa).valid);
}

// ---- devices

TEST_F(FaultIn, ADevicesMemoryIsWhatItsDriverAllows) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().device = true;
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).attributes.type, MemoryType::Device_nGnRE);
    EXPECT_EQ(leaf(kGpa).level, 3u);
    mapping().any_uncached = true;  // write-combining
    EXPECT_EQ(run_steps({writes(kGpa + kPage)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + kPage).attributes.type, MemoryType::NormalNC);
    EXPECT_TRUE(leaf(kGpa + kPage).attributes.prot.w);
    EXPECT_FALSE(leaf(kGpa + kPage).attributes.prot.x) << "nothing is fetched from a device";
    EXPECT_EQ(leaf(kGpa + kPage).attributes.software, kOutsideLinearMap);
}

// Nothing could clean or invalidate its lines for the guest, as this machine's caches need it.
TEST_F(FaultIn, CacheableMemoryOutsideTheLinearMapNeedsCoherentCaches) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().device = mapping().cacheable = true;
    EXPECT_EQ(run_steps({reads(kGpa)}), -EFAULT);
    EXPECT_FALSE(leaf(kGpa).valid);
    machine().stage2.ctr |= 1 << 29;
    EXPECT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).attributes.type, MemoryType::Normal);
}

// ---- caches, on a machine without FEAT_S2FWB

struct CleanAll : FaultIn {
    void adjust_machine() override {
        const auto mmfr2 = arch::SysReg::ID_AA64MMFR2_EL1;
        test::port().feature_registers[arch::encoding_of(mmfr2).raw] = cpu().registers[mmfr2] = 0x1011;
    }
};

TEST_F(CleanAll, LetsGoOfTheLockOften) {
    ASSERT_EQ(set_slot(0, kGpa, 0, kBytes), 0);
    std::vector<Step> steps;
    for (u64 at = kGpa; at < kGpa + 3 * k2M; at += k2M)
        steps.push_back(writes(at));
    ASSERT_EQ(run_steps(steps), kInterrupted);
    ASSERT_EQ(leaf(kGpa + 2 * k2M).level, 2u);
    mapping().block_shift = 12;
    ASSERT_EQ(run_steps({writes(kGpa + 3 * k2M), writes(kGpa + 3 * k2M + kPage)}), kInterrupted);
    cpu().log.clear();
    u64 lines = 0, most = 0;
    const auto count = [&] {
        EXPECT_EQ(test::thread_context().spinlocks, 0u);
        u64 now = 0;
        for (const test::Event& e : cpu().log)
            now += e.kind == test::Event::kCache;
        cpu().log.clear();
        lines += now;
        most = now > most ? now : most;
    };
    test::port().on_relax = count;
    core().vm.stage2.clean_all();
    count();
    const u64 line = stage2::CacheType::of(machine().stage2.ctr).data_line();
    EXPECT_EQ(lines, (3 * k2M + 2 * kPage) / line) << "all that is mapped, once";
    EXPECT_LE(most, k2M / line);
}

}  // namespace
}  // namespace nest::kvm
