// SPDX-License-Identifier: GPL-2.0-only
// L1 gives FEAT_NV2 to its guest: accesses to the page behind L1's VNCR_EL2, and everything that takes it away again.
#include <kvm/run/load.hpp>
#include <kvm/vm/machine.hpp>
#include <nested/cpu/vncr_access.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>
#include <thread>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;
using nested::TlbiOp;
using nested::TlbiScope;
using vhe::ExitKind;
using vhe::GuestContext;

struct VncrTest : NestedVmTest {
    static constexpr u64 kOwnRoot = kRam + 0x8000, kVa = 0x12'3000;
    static constexpr u64 kReadOnly = 1 << 7;
    static constexpr u64 kVector = 0xffff'0400, kPc = 0x1000;

    void SetUp() override {
        NestedVmTest::SetUp();
        set_l1(SysReg::TCR_EL2, 25 | u64{5} << 32);  // 39 bits, IPS 48 bits
        set_l1(SysReg::SCTLR_EL2, 1);
        set_l1(SysReg::MAIR_EL2, 0xff);
        set_l1(SysReg::TTBR0_EL2, kOwnRoot);
        set_l1(SysReg::VNCR_EL2, kVa);
        map_stage1(kOwnRoot, kVa, kData);
        set_hcr(H::mask<H::VM, H::NV, H::NV2, H::IMO, H::FMO>());
        test::port().cpu_limit = 1;
        test::port().cpu_call = [this](unsigned, void*) { calls_++; };
    }
    NestedVncr& vncr() { return core().vm.nested_vncr; }
    vncr::Page page() { return core().vel2.vncr->find(nested::vncr_page_name(core().vel2)); }
    u64& in_page(SysReg reg, u64 base = kData) { return word(base + static_cast<u64>(arch::info(reg).vncr)); }

    // An access of L2, x5 its register; and what is to be seen when the guest runs again.
    static u64 iss(SysReg name, bool is_read) {
        const arch::Encoding e = arch::encoding_of(name);
        return u64{e.op0()} << 20 | u64{e.op2()} << 17 | u64{e.op1()} << 14 | u64{e.crn()} << 10 | 5 << 5 |
               u64{e.crm()} << 1 | is_read;
    }
    auto access_of(SysReg name, bool is_read, u64 value = 0) {
        return [=](GuestContext& c) {
            c.pc = kPc;
            c.x[5] = value;
            test::set_syndrome(Ec::kSysReg, iss(name, is_read), 0, 0);
            return ExitKind::kSync;
        };
    }
    // Runs until the access is over, however often it has to be executed.
    void l2_does(SysReg name, bool is_read, u64 value = 0) {
        auto step = access_of(name, is_read, value);
        test::port().signal_pending = test::port().entry_blocked = false;
        core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());  // as load() does
        bool again = true;
        test::guest().script = [=, this](GuestContext& c) mutable {
            if (again || c.pc == kPc) {
                again = false;
                hcr_ = cpu().registers[SysReg::HCR_EL2];
                return step(c);
            }
            hcr_ = cpu().registers[SysReg::HCR_EL2];
            vncr_ = cpu().registers[SysReg::VNCR_EL2];
            test::port().signal_pending = test::port().entry_blocked = true;
            return ExitKind::kIrq;
        };
        ASSERT_EQ(ioctl(abi::KVM_RUN), -4);
    }
    void l2_writes(SysReg name, u64 value) { l2_does(name, false, value); }
    u64 l2_reads(SysReg name) {
        l2_does(name, true);
        return core().context.x[5];
    }
    bool redirected() { return (hcr_ & H::mask<H::NV, H::NV2>()) == H::mask<H::NV, H::NV2>(); }
    void expect_abort(u64 fsc, SysReg reg, bool write) {
        ASSERT_TRUE(core().vel2.in_vel2());
        EXPECT_EQ(core().context.pc, kVector);
        const u64 esr = core().regs.get(SysReg::ESR_EL2);
        EXPECT_EQ(esr, u64{0x25} << 26 | 1 << 25 | 1 << 13 | u64{write} << 6 | fsc);
        EXPECT_EQ(core().regs.get(SysReg::FAR_EL2), kVa + static_cast<u64>(arch::info(reg).vncr));
        EXPECT_EQ(core().regs.get(SysReg::ELR_EL2), kPc);
        core().vel2.set_guest_pstate(arch::kModeEL1h);
    }
    static TlbiOp tlbi(TlbiScope scope, u64 start = 0, u16 asid = 0) {
        TlbiOp o{};
        o.scope = scope;
        o.regime = nested::Regime::kEl20;
        o.start = start;
        o.asid = asid;
        return o;
    }
    // The vCPU's registers are in the fake's hardware.
    struct Residing {
        explicit Residing(Vcpu& v) : vcpu(v) {
            const PreemptionOff here;
            load(vcpu);
        }
        ~Residing() {
            const PreemptionOff here;
            put(vcpu);
        }
        Vcpu& vcpu;
    };
    bool asked_to_look() { return core().take_request(Request::kTraps); }

    u64 hcr_ = 0, vncr_ = 0;
    unsigned calls_ = 0;  // of all CPUs, to wait for them
};

TEST_F(VncrTest, TheFirstAccessBringsThePageInAndHardwareDoesTheRest) {
    l2_writes(SysReg::TPIDR_EL2, 0x1234);
    EXPECT_EQ(in_page(SysReg::TPIDR_EL2), 0x1234u);
    EXPECT_EQ(core().context.pc, kPc + 4);
    EXPECT_TRUE(redirected());
    EXPECT_EQ(vncr_, reinterpret_cast<u64>(hva(kData)));
    EXPECT_TRUE(canonical_leaf(kData).attributes.prot.w);
    in_page(SysReg::SCTLR_EL1) = 0x55;
    EXPECT_EQ(l2_reads(SysReg::SCTLR_EL12), 0x55u);
    l2_writes(SysReg::CNTV_CVAL_EL02, 77);
    EXPECT_EQ(in_page(SysReg::CNTV_CVAL_EL0), 77u);
    l2_writes(SysReg::MDSCR_EL1, 0x1000);
    EXPECT_EQ(in_page(SysReg::MDSCR_EL1), 0x1000u) << "trapped for our own sake, and memory all the same";
}

TEST_F(VncrTest, Aliases) {
    set_l1(SysReg::VNCR_EL2, 0x99'9000);  // not mapped: they need no page
    l2_writes(SysReg::ELR_EL2, 0x4440);
    EXPECT_EQ(core().read(SysReg::ELR_EL1), 0x4440u);
    core().write(SysReg::FAR_EL1, 0x777);
    EXPECT_EQ(l2_reads(SysReg::FAR_EL2), 0x777u);
    EXPECT_TRUE(core().vel2.in_l2());
}

TEST_F(VncrTest, AbortsAreL1s) {
    set_l1(SysReg::VNCR_EL2, kVa);
    map_stage1(kOwnRoot, kVa, 0, 0);
    word(next_table - kPage + (kVa >> 12 & 511) * 8) = 0;
    l2_does(SysReg::HCR_EL2, true);
    expect_abort(kTranslation3, SysReg::HCR_EL2, false);
    l2_does(SysReg::HCR_EL2, false);
    expect_abort(kTranslation3, SysReg::HCR_EL2, true);
    EXPECT_FALSE(page());
}

TEST_F(VncrTest, AReadOnlyPageIsReadAndNotWritten) {
    map_stage1(kOwnRoot, kVa, kData, kReadOnly);
    in_page(SysReg::VTCR_EL2) = 9;
    EXPECT_EQ(l2_reads(SysReg::VTCR_EL2), 9u);
    EXPECT_FALSE(redirected());
    l2_does(SysReg::VTCR_EL2, false, 1);
    expect_abort(kPermission3, SysReg::VTCR_EL2, true);
    EXPECT_EQ(in_page(SysReg::VTCR_EL2), 9u);
}

TEST_F(VncrTest, WhereThereIsNoMemoryItIsABusError) {
    for (const u64 nowhere : {u64{0x900'0000}, kRam + kRamBytes, u64{1} << 41, (u64{1} << 48) - kPage}) {
        map_stage1(kOwnRoot, kVa, nowhere);
        l2_does(SysReg::HCR_EL2, true);
        EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x3f, 0x10u) << std::hex << nowhere;
        expect_abort(0x10, SysReg::HCR_EL2, false);
    }
    set_l1(SysReg::TTBR0_EL2, 0x900'0000);
    l2_does(SysReg::HCR_EL2, true);
    expect_abort(0x15, SysReg::HCR_EL2, false);
}

// A device's memory has no address that hardware, or we, could write L2's registers to.
TEST_F(VncrTest, ADevicesMemoryIsABusErrorToo) {
    test::UserMapping device;
    device.start = reinterpret_cast<u64>(hva(kData));
    device.bytes = kPage;
    device.device = true;
    device.pa = 0x900'0000;
    test::port().user_mappings.push_back(device);
    l2_does(SysReg::HCR_EL2, true);
    expect_abort(0x10, SysReg::HCR_EL2, false);
    EXPECT_FALSE(page());
}

TEST_F(VncrTest, BigEndianL1) {
    set_l1(SysReg::SCTLR_EL2, 1 | 1 << 25);
    // Its tables are big-endian, too.
    for (u64 at = kRam; at < kData; at += 8)
        word(at) = __builtin_bswap64(word(at));
    l2_writes(SysReg::TPIDR_EL2, 0x1234);
    EXPECT_EQ(in_page(SysReg::TPIDR_EL2), __builtin_bswap64(0x1234));
    EXPECT_FALSE(redirected());
}

TEST_F(VncrTest, WithoutStageOneVaIsPa) {
    set_l1(SysReg::SCTLR_EL2, 0);
    set_l1(SysReg::VNCR_EL2, kData + kPage);
    l2_writes(SysReg::TPIDR_EL2, 3);
    EXPECT_EQ(in_page(SysReg::TPIDR_EL2, kData + kPage), 3u);
}

// ---- who takes it away. It must be out of L2's hands before they return.

TEST_F(VncrTest, TlbiOfL1) {
    EXPECT_FALSE(vncr().in_use());
    for (const TlbiOp& op : {tlbi(TlbiScope::kVa, kVa), tlbi(TlbiScope::kVaAllAsids, kVa), tlbi(TlbiScope::kStage1)}) {
        l2_writes(SysReg::TPIDR_EL2, 1);
        ASSERT_TRUE(page());
        EXPECT_TRUE(vncr().in_use());
        EXPECT_TRUE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa + kPage)));
        EXPECT_TRUE(page()) << "another page's";
        EXPECT_TRUE(vncr().drop_in_tier0(core(), op));
        EXPECT_FALSE(page());
    }
}

TEST_F(VncrTest, TlbiFromAnotherVcpuWaits) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    nest_vcpu* const first = vcpu;
    Vcpu& user = core();
    vcpu = make_another(1, kPsci | 1 << abi::KVM_ARM_VCPU_HAS_EL2);
    ASSERT_TRUE(vcpu);
    EXPECT_FALSE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa))) << "that takes an interrupt and a wait";
    EXPECT_TRUE(user.vel2.vncr->find(nested::vncr_page_name(user.vel2)));
    EXPECT_TRUE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa + kPage)));
    const unsigned calls = calls_;
    vncr().drop(tlbi(TlbiScope::kVa, kVa));
    EXPECT_EQ(calls_, calls + 1);
    EXPECT_TRUE(user.take_request(Request::kTraps));
    EXPECT_FALSE(user.vel2.vncr->find(nested::vncr_page_name(user.vel2)));
    vncr().drop(tlbi(TlbiScope::kVa, kVa));
    EXPECT_EQ(calls_, calls + 1) << "nothing was dropped";
    vcpu = first;
}

// CVE-2026-72278: after what took it away, the old translation must not be tried again.
TEST_F(VncrTest, ANotifierTakesItWhileL2Runs) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    const u64 at = reinterpret_cast<u64>(hva(kData));
    const unsigned calls = calls_;
    bool started = false;
    u64 hcr_after = ~u64{0};
    test::port().signal_pending = test::port().entry_blocked = false;
    Residing residing(core());
    guest_does({[&](GuestContext&) {
                    EXPECT_TRUE(cpu().registers[SysReg::HCR_EL2] & H::NV2::kMask);
                    std::thread([&] { nest_mmu_invalidate_start(vm, at, at + kPage); }).join();
                    started = true;
                    return ExitKind::kIrq;  // that of the one who waits
                },
                [&](GuestContext&) {
                    hcr_after = cpu().registers[SysReg::HCR_EL2];
                    std::thread([&] { nest_mmu_invalidate_end(vm, at, at + kPage); }).join();
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), -4);
    ASSERT_TRUE(started);
    EXPECT_EQ(calls_, calls + 1);
    EXPECT_EQ(hcr_after & (H::mask<H::NV, H::NV2>()), H::NV::kMask);
    EXPECT_FALSE(page());
    l2_writes(SysReg::TPIDR_EL2, 2);
    EXPECT_EQ(in_page(SysReg::TPIDR_EL2), 2u);
}

TEST_F(VncrTest, ANotifierForOtherPagesDoesNotWait) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    const unsigned calls = calls_;
    for (const u64 other : {kData - kPage, kData + kPage}) {
        const u64 at = reinterpret_cast<u64>(hva(other));
        nest_mmu_invalidate_start(vm, at, at + kPage);
        nest_mmu_invalidate_end(vm, at, at + kPage);
    }
    EXPECT_TRUE(page());
    EXPECT_FALSE(asked_to_look());
    EXPECT_EQ(calls_, calls);
}

TEST_F(VncrTest, ASlotThatGoesTakesIt) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    ASSERT_EQ(add_slot(0, 0), 0);
    EXPECT_FALSE(page());
    EXPECT_TRUE(asked_to_look());
    l2_does(SysReg::TPIDR_EL2, false, 5);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2) & 0x3f, 0x15u) << "nor are L1's tables there";
}

TEST_F(VncrTest, WritesAreLogged) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    ASSERT_EQ(add_slot(abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    EXPECT_FALSE(page()) << "hardware would write unseen";
    std::vector<u64> bitmap(kRamBytes / kPage / 64);
    abi::DirtyLog log{};
    log.dirty_bitmap = reinterpret_cast<u64>(bitmap.data());
    const u64 frame = (kData - kRam) / kPage;
    const auto is_dirty = [&] {
        EXPECT_EQ(vm_ioctl(abi::KVM_GET_DIRTY_LOG, &log), 0);
        return bitmap[frame / 64] >> frame % 64 & 1;
    };
    EXPECT_FALSE(is_dirty());
    for (u64 round = 0; round < 2; round++) {
        l2_writes(SysReg::TPIDR_EL2, 2 + round);
        EXPECT_TRUE(redirected());
        EXPECT_TRUE(is_dirty());
        EXPECT_FALSE(page()) << "the next write is to be seen again";
    }
}

TEST_F(VncrTest, AgeCountsIt) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    const u64 at = reinterpret_cast<u64>(hva(kData));
    nest_mmu_age(vm, at, at + kPage, true);
    EXPECT_TRUE(nest_mmu_age(vm, at, at + kPage, true)) << "hardware sets no access flag";
    const u64 other = reinterpret_cast<u64>(hva(kData + kPage));
    EXPECT_FALSE(nest_mmu_age(vm, other, other + kPage, true));
}

TEST_F(VncrTest, AResetForgets) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    constexpr u32 kFeatures = 1 << abi::KVM_ARM_VCPU_PSCI_0_2 | 1 << abi::KVM_ARM_VCPU_HAS_EL2;
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {kFeatures}};
    ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_FALSE(core().vel2.vncr->any([](const vncr::Translation&) { return true; }));
}

// Tier 0 finds nothing to drop of its own, but another vCPU, from which the page was taken, may still be writing there.
TEST_F(VncrTest, TierZeroLeavesWhatAnotherIsStillDropping) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    unsigned asked = 0;
    test::port().cpu_call = [&](unsigned, void*) {
        asked++;
        EXPECT_FALSE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa)));
    };
    vncr().drop(tlbi(TlbiScope::kVa, kVa));
    EXPECT_EQ(asked, 1u);
    EXPECT_TRUE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa))) << "the wait is over";
}

// The fake's locks complain of a thread that takes one twice: so each of these takes it.
TEST_F(VncrTest, DroppingTakesTheLock) {
    l2_writes(SysReg::TPIDR_EL2, 1);
    const auto holding = [&](auto what) {
        Guard guard(core().vm.mmu_lock);
        what();
    };
    EXPECT_DEATH(holding([&] { vncr().drop(tlbi(TlbiScope::kVa, kVa)); }), "two of one class");
    EXPECT_DEATH(holding([&] { vncr().forget(core()); }), "two of one class");
    Guard guard(core().vm.mmu_lock);
    EXPECT_FALSE(vncr().drop_in_tier0(core(), tlbi(TlbiScope::kVa, kVa)));
}

// ---- which machines have what

struct NvMachine : testing::Test {
    // The machine's MMFR2.NV and, on this CPU, MMFR4.NV_frac.
    static void start(u64 nv, u64 nv_frac, bool use_nv2 = true) {
        test::port().reset();
        cpu() = {};
        describe_machine();
        NestedVmTest::show(SysReg::ID_AA64MMFR2_EL1, nv << 24);
        NestedVmTest::show(SysReg::ID_AA64MMFR4_EL1, nv_frac << 20);
        const nest_host_config config{use_nv2, 27, 30, 25, false, true};
        ASSERT_EQ(nest_core_init(&config), 0);
    }
    static void expect(bool nv, bool nv2, bool recursion) {
        EXPECT_EQ(machine().nv, nv);
        EXPECT_EQ(machine().nv2, nv2);
        EXPECT_EQ(machine().recursion, recursion);
        nest_core_exit();
    }
};

TEST_F(NvMachine, ByMmfr2) {
    start(0, 0);
    expect(false, false, false);
    start(1, 0);
    expect(true, false, false);
    start(2, 0);
    expect(true, true, true);
    start(2, 0, false);
    expect(true, false, false);
}

// Without NV2 such a CPU has nothing; and what it has cannot be given on, as that takes NV without NV2.
TEST_F(NvMachine, Nv2Alone) {
    start(0, 1);
    expect(true, true, false);
    start(0, 1, false);
    expect(false, false, false);
}

}  // namespace
}  // namespace nest::kvm
