// SPDX-License-Identifier: GPL-2.0-only
// A VM with virtual EL2 on the fake machine: L1's memory is the test's, and L1's registers and tables are written as L1
// would. The vCPU is in L2, its state in memory.
#pragma once
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/vel2/entry.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {

using arch::Ec;
using arch::Ipa;
using arch::L2Ipa;
using arch::SysReg;

struct NestedVmTest : VmTest {
    static constexpr u64 kRam = 0x4000'0000, kRamBytes = 0x40'0000;  // L1's memory
    static constexpr u64 kRoot = kRam + 0x1000, kData = kRam + 0x20'0000;
    static constexpr u64 kL2 = 0x8000'0000;  // an address of L2's
    static constexpr u64 kPage = 4096;
    // Bits of a stage-2 descriptor: valid page, access flag, Inner Shareable, Write-Back.
    static constexpr u64 kLeaf = 3 | 1 << 10 | 3 << 8 | 15 << 2, kR = 1 << 6, kW = 1 << 7, kXn = u64{2} << 53;
    static constexpr u64 kVtcr = u64{5} << 16 | 1 << 6 | 25;  // PS 48 bits, walks begin at level 1, 39 bits
    static constexpr u64 kTranslation3 = 7, kPermission3 = 15, kAccessFlag3 = 11, kWrite = 1 << 6, kIsv = 1 << 24;

    u64 mmfr4 = 0xe << 24;  // E2H 1 alone
    u64 more_features = 0;  // KVM_ARM_VCPU_SVE: the machine has it as well

    void SetUp() override {
        test::port().reset();
        cpu() = {};
        test::guest() = {};
        describe_machine();
        show(SysReg::ID_AA64MMFR0_EL1, 0x1125);                       // 48 bits
        show(SysReg::ID_AA64MMFR2_EL1, u64{1} << 40 | 2 << 24 | 0x1011);  // FWB, NV2
        show(SysReg::ID_AA64PFR0_EL1, cpu().registers[SysReg::ID_AA64PFR0_EL1] | 1 << 28);  // RAS
        show(SysReg::ID_AA64MMFR4_EL1, mmfr4);
        if (more_features & 1 << abi::KVM_ARM_VCPU_SVE) {
            show(SysReg::ID_AA64PFR0_EL1, cpu().registers[SysReg::ID_AA64PFR0_EL1] | u64{1} << 32);
            cpu().registers[SysReg::CPTR_EL2] = 1 << 16;
        }
        const nest_host_config config{true, 27, 30, 25, false, true};
        ASSERT_EQ(nest_core_init(&config), 0);
        nest_cpu_vectors();
        nest_cpu_online();
        ASSERT_EQ(nest_vm_create(host(), 0, &vm), 0);
        ram = static_cast<u8*>(std::aligned_alloc(0x20'0000, kRamBytes));
        std::fill_n(ram, kRamBytes, u8{0});
        add_slot(0);
        make_vcpu(kPsci | 1 << abi::KVM_ARM_VCPU_HAS_EL2 | more_features);
        enter_l2();
        set_l1(SysReg::VTTBR_EL2, u64{1} << 48 | kRoot);
        set_l1(SysReg::VTCR_EL2, kVtcr);
        set_l1(SysReg::VBAR_EL2, 0xffff'0000);
        core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());  // as load() does
    }
    void TearDown() override {
        VmTest::TearDown();
        std::free(ram);
    }
    static void show(SysReg r, u64 v) {
        test::port().feature_registers[arch::encoding_of(r).raw] = cpu().registers[r] = v;
    }

    long add_slot(u32 flags, u64 bytes = kRamBytes) {
        abi::UserMemoryRegion2 region{};
        region.flags = flags;
        region.guest_phys_addr = kRam;
        region.memory_size = bytes;
        region.userspace_addr = reinterpret_cast<u64>(ram);
        return vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &region);
    }

    // ---- L1
    void set_l1(SysReg reg, u64 value) { core().regs.set(reg, value); }
    void set_hcr(u64 more) {
        using H = arch::HCR_EL2;
        set_l1(SysReg::HCR_EL2, H::mask<H::RW, H::E2H>() | more);
    }
    void enter_l2() {
        set_hcr(arch::HCR_EL2::VM::kMask);
        core().vel2.set_guest_pstate(arch::kModeEL1h);
        ASSERT_TRUE(core().vel2.in_l2());
    }
    void enter_vel2() { core().vel2.set_guest_pstate(arch::kModeEL2h); }
    // Of the shadow that the vCPU holds.
    auto& shadow_tables() { return core().nested.shadow_use.shadow->tables; }
    u64& word(u64 ipa) { return *reinterpret_cast<u64*>(ram + (ipa - kRam)); }
    u8* hva(u64 ipa) { return ram + (ipa - kRam); }
    u64 pa(u64 ipa) { return nest_port_va_to_pa(hva(ipa)); }
    // L1 maps a page in tables with this root: 4 KiB granule, three levels. `next_table` grows.
    void map_l2(u64 l2, u64 l1, u64 bits = kLeaf | kR | kW, u64 root = kRoot) {
        u64 table = root;
        for (unsigned shift : {30u, 21u}) {
            u64& entry = word(table + (l2 >> shift & 511) * 8);
            if (!(entry & 1)) {
                entry = next_table | 3;
                next_table += kPage;
            }
            table = entry & 0xffff'ffff'f000;
        }
        word(table + (l2 >> 12 & 511) * 8) = l1 | bits;
    }
    // Stage-1 tables of the same shape: read-write for EL1, access flag set.
    void map_stage1(u64 root, u64 va, u64 to, u64 bits = 0) { map_l2(va, to, 3 | 1 << 10 | 3 << 8 | bits, root); }

    // ---- L2's aborts, given to the shadow MMU as the last exit
    void abort(u64 l2, u64 iss = kTranslation3, Ec ec = Ec::kDataAbortLower) {
        auto& c = core().context;
        c.esr = static_cast<u64>(ec) << 26 | u64{1} << 25 | iss;
        c.far = 0xffff'8000'0000'0000 | (l2 & 0xffff);
        c.hpfar = l2 >> 12 << 4;
        c.pc = 0x1000;
    }
    NestedMmu& mmu() { return core().vm.nested_mmu; }
    void need_shadow() {
        if (!mmu().find_shadow(core())) {
            ASSERT_TRUE(mmu().make_shadow(core()).ok());
        }
    }
    Next access(u64 l2, u64 iss = kTranslation3, Ec ec = Ec::kDataAbortLower) {
        need_shadow();
        abort(l2, iss, ec);
        return mmu().resolve_l2_fault(core());
    }
    Next access_in_tier0(u64 l2, u64 iss = kTranslation3) {
        need_shadow();
        abort(l2, iss);
        return mmu().resolve_in_tier0(core());
    }
    stage2::Leaf shadow_leaf(u64 l2) { return core().nested.shadow_use.shadow->tables.walk(L2Ipa(l2)); }
    stage2::Leaf canonical_leaf(u64 l1) { return core().vm.stage2.tables().walk(Ipa(l1)); }
    nested::MmuStats stats() {
        mmu().report(core().vm.stats);
        const VmStats& s = core().vm.stats;
        nested::MmuStats m;
        m.hits = s.shadow_hits;
        m.misses = s.shadow_misses;
        m.mapped = s.shadow_faults_mapped;
        m.forwarded = s.shadow_faults_forwarded;
        m.faulted_in = s.shadow_faults_brought_in;
        m[nested::Cause::kTlbi] = s.shadow_dropped_by_tlbi;
        m[nested::Cause::kNotifier] = s.shadow_dropped_by_notifier;
        m[nested::Cause::kMemslot] = s.shadow_dropped_by_memslot;
        m[nested::Cause::kDirtyLog] = s.shadow_dropped_by_dirty_log;
        return m;
    }
    // L1 took an abort of L2's: at the vector for a lower EL.
    void expect_forwarded(u64 fsc, u64 l2) {
        EXPECT_TRUE(core().vel2.in_vel2());
        EXPECT_EQ(core().context.pc, 0xffff'0000u + 0x400);
        EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x3f, fsc);
        EXPECT_EQ(core().regs.get(SysReg::HPFAR_EL2), l2 >> 12 << 4);
        EXPECT_EQ(core().regs.get(SysReg::ELR_EL2), 0x1000u);
    }

    u8* ram = nullptr;
    u64 next_table = kRam + 0x10'0000;
};

}  // namespace nest::kvm
