// SPDX-License-Identifier: GPL-2.0-only
// Tier 0 takes a vCPU from L2 to virtual EL2 and back, again and again in one stay: what L1 writes meanwhile into memory,
// where nobody sees it, must act at the next entry all the same.
#include <kvm/vm/machine.hpp>
#include <kvm/vm/report.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;
using vhe::ExitKind;
using vhe::GuestContext;
using Step = std::function<ExitKind(GuestContext&)>;

struct RunInGuestTest : NestedVmTest {
    static constexpr u64 kVector = 0xffff'0400;

    void SetUp() override {
        NestedVmTest::SetUp();
        make_gic();
        set_hcr(H::mask<H::VM, H::IMO, H::FMO>());
        set_l1(SysReg::ICH_HCR_EL2, 1);
        // The first switches make the shadow, and show whether L1 has run L2.
        stay({});
    }
    static u64 hardware(SysReg reg) { return cpu().registers[reg]; }
    static Step hvc() {
        return [](GuestContext& c) {
            c.pc = 0x1004;
            test::set_syndrome(Ec::kHvc64, 0, 0, 0);
            return ExitKind::kSync;
        };
    }
    // L1 does something, and returns to L2.
    static Step eret(std::function<void()> first = [] {}) {
        return [=](GuestContext&) {
            first();
            cpu().registers[SysReg::ELR_EL12] = 0x1000;
            cpu().registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
            test::set_syndrome(Ec::kEret, 0, 0, 0);
            return ExitKind::kSync;
        };
    }
    // From L2 and back, then these.
    void stay(std::vector<Step> steps) {
        steps.insert(steps.begin(), {hvc(), eret()});
        test::port().signal_pending = test::port().entry_blocked = false;
        guest_does(std::move(steps));
        const u64 decided = core().stats.tier0_exits;
        ASSERT_EQ(ioctl(abi::KVM_RUN), -4);
        decided_ = core().stats.tier0_exits - decided;
    }
    // What the hardware holds when L2 runs again after L1 has done `first`.
    u64 at_next_entry(SysReg reg, std::function<void()> first) {
        u64 value = ~u64{0};
        const unsigned enters = test::port().guest_enters;
        stay({hvc(), eret(first), [&, reg](GuestContext&) {
                  value = hardware(reg);
                  test::port().signal_pending = test::port().entry_blocked = true;
                  return ExitKind::kIrq;
              }});
        stays_ = test::port().guest_enters - enters;
        return value;
    }
    u64 decided_ = 0;
    unsigned stays_ = 0;
};

TEST_F(RunInGuestTest, WorldsChangeWithoutTheHost) {
    const u64 switches = core().stats.nested_tier0_switches, forwards = core().stats.nested_forwards;
    const unsigned enters = test::port().guest_enters;
    stay({hvc(), eret(), hvc(), eret()});
    EXPECT_EQ(core().stats.nested_tier0_switches - switches, 6u);
    EXPECT_EQ(core().stats.nested_forwards - forwards, 3u);
    EXPECT_EQ(decided_, 6u);
    EXPECT_EQ(test::port().guest_enters - enters, 1u) << "one stay in the guest";
    const u64 erets = core().stats.nested_vel2_exits_by_class[static_cast<unsigned>(Ec::kEret)];
    complete(core().stats);
    EXPECT_EQ(core().stats.nested_erets, erets);
    EXPECT_EQ(core().stats.exits_by_class[static_cast<unsigned>(Ec::kHvc64)],
              core().stats.nested_l2_exits_by_class[static_cast<unsigned>(Ec::kHvc64)]);
}

// It comes up while L1 is on its way to L2: L1 takes it before L2 executes anything.
TEST_F(RunInGuestTest, ASerrorForL1GoesBeforeL2) {
    u64 pc = 0;
    stay({hvc(), eret([&] {
              set_hcr(H::mask<H::VM, H::IMO, H::FMO, H::AMO>());
              core().serror = {.pending = true, .syndrome = 0x123};
          }),
          [&](GuestContext& c) {
              pc = c.pc;
              test::port().signal_pending = test::port().entry_blocked = true;
              return ExitKind::kIrq;
          }});
    EXPECT_EQ(pc, kVector + 0x180);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_FALSE(core().serror.pending);
}

// L1's timer comes due while L2 runs: the vGIC hears of that last of all before the next entry.
TEST_F(RunInGuestTest, AnInterruptForL1JustBeforeTheEntryGoesBeforeL2) {
    const u32 ppi = core().timers.guest_intid(timer::TimerId::kHypPhysical);
    {
        IrqGuard guard(core().gic.lock);
        core().gic.private_irqs.enabled |= u32{1} << ppi;
        core().gic.private_irqs.group |= u32{1} << ppi;
    }
    core().vm.gic.distributor()->set_enabled(true);
    using Vmcr = arch::ICH_VMCR_EL2;
    const auto open = [this] { core().gic.hw.vmcr = Vmcr{}.with<Vmcr::VPMR>(0xf8).with<Vmcr::VENG1>(1).raw; };
    open();
    cpu().registers[SysReg::CNTPCT_EL0] = u64{1} << 40;
    u64 pc = 0;
    bool in_l2 = false;
    stay({hvc(), eret(),
          [&](GuestContext&) {
              in_l2 = core().vel2.in_l2();
              open();
              core().timers.context(timer::TimerId::kHypPhysical).set_cval(1);
              core().timers.context(timer::TimerId::kHypPhysical).set_ctl(1);
              return ExitKind::kIrq;
          },
          [&](GuestContext& c) {
              pc = c.pc;
              test::port().signal_pending = test::port().entry_blocked = true;
              return ExitKind::kIrq;
          }});
    EXPECT_TRUE(in_l2);
    EXPECT_EQ(pc, kVector + 0x80);
}

// L2 looks whether it may leave system registers: L1's interrupts in progress, saved while L2's interface is in hardware, stay.
TEST_F(RunInGuestTest, L2sReadOfIccSreLeavesL1sPrioritiesAlone) {
    u64 saved = 0, answer = 0;
    stay({hvc(), eret([] { cpu().registers[SysReg::ICH_AP1R0_EL2] = 0x80; }),
          [](GuestContext&) {
              cpu().registers[SysReg::ICH_AP1R0_EL2] = 0x55;  // L2's
              test::set_syndrome(Ec::kSysReg, 3 << 20 | 5 << 17 | 12 << 10 | 3 << 5 | 12 << 1 | 1, 0, 0);
              return ExitKind::kSync;
          },
          [&](GuestContext& c) {
              saved = core().gic.hw.ap1r[0];
              answer = c.x[3];
              test::port().signal_pending = test::port().entry_blocked = true;
              return ExitKind::kIrq;
          }});
    EXPECT_EQ(answer, 7u);
    EXPECT_EQ(saved, 0x80u);
}

TEST_F(RunInGuestTest, MdscrFollows) {
    constexpr u64 kTdcc = 1 << 12;
    EXPECT_EQ(at_next_entry(SysReg::MDSCR_EL1, [&] { set_l1(SysReg::MDSCR_EL1, kTdcc); }), kTdcc);
    EXPECT_EQ(stays_, 1u);
}

// L1 arms its breakpoints for L2: these are loaded by way of the host.
TEST_F(RunInGuestTest, BreakpointsEndTheStay) {
    constexpr u64 kMde = 1 << 15;
    EXPECT_EQ(at_next_entry(SysReg::MDSCR_EL1, [&] { set_l1(SysReg::MDSCR_EL1, kMde); }) & kMde, kMde);
    EXPECT_EQ(stays_, 2u);
}

// HCR_EL2.HCD is RES0 where there is an EL3.
TEST_F(RunInGuestTest, AnHvcIsL1sWhateverItWrites) {
    u64 pc = 0;
    stay({hvc(), eret([&] { set_hcr(H::mask<H::VM, H::IMO, H::FMO, H::HCD>()); }), hvc(), [&](GuestContext& c) {
              pc = c.pc;
              test::port().signal_pending = test::port().entry_blocked = true;
              return ExitKind::kIrq;
          }});
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_EQ(pc, kVector);
}

TEST_F(RunInGuestTest, TrapsOfL1Follow) {
    EXPECT_TRUE(at_next_entry(SysReg::HCR_EL2, [&] { set_hcr(H::mask<H::VM, H::IMO, H::FMO, H::TACR>()); }) &
                H::TACR::kMask);
    EXPECT_EQ(stays_, 1u);
}

TEST_F(RunInGuestTest, L2sVirtualOffsetFollows) {
    const u64 before = at_next_entry(SysReg::CNTVOFF_EL2, [] {});
    EXPECT_EQ(at_next_entry(SysReg::CNTVOFF_EL2, [&] { set_l1(SysReg::CNTVOFF_EL2, 0x1234); }), before + 0x1234);
    EXPECT_EQ(stays_, 1u);
}

TEST_F(RunInGuestTest, AListRegisterThatL1FillsReachesL2) {
    const u64 lr = arch::ListRegister{}
                       .with<arch::ListRegister::State>(arch::kLrPending)
                       .with<arch::ListRegister::Group>(1)
                       .with<arch::ListRegister::vINTID>(40).raw;
    EXPECT_EQ(at_next_entry(SysReg::ICH_LR0_EL2, [&] { set_l1(SysReg::ICH_LR0_EL2, lr); }), lr);
    EXPECT_EQ(stays_, 1u);
}

TEST_F(RunInGuestTest, AMaintenanceInterruptThatL1EnablesEndsTheStay) {
    EXPECT_FALSE(core().nested.maintenance_level);
    at_next_entry(SysReg::ICH_HCR_EL2, [&] { set_l1(SysReg::ICH_HCR_EL2, 1 | 1 << 3); });  // NPIE: none is pending
    EXPECT_TRUE(core().nested.maintenance_level);
    EXPECT_EQ(stays_, 2u);
}

// An L1 that leaves physical interrupts to its guest gives it the one interface that there is.
TEST_F(RunInGuestTest, WithoutImoTheInterfaceStaysL1s) {
    at_next_entry(SysReg::ICH_HCR_EL2, [&] { set_hcr(H::VM::kMask); });
    EXPECT_EQ(stays_, 1u);
    EXPECT_FALSE(core().nested.gic.loaded);
    at_next_entry(SysReg::ICH_HCR_EL2, [&] { set_hcr(H::mask<H::VM, H::IMO, H::FMO>()); });
    EXPECT_EQ(stays_, 1u);
    EXPECT_TRUE(core().nested.gic.loaded);
}

// One that leaves FIQs to it: the host looks at L1's own, and the registers of group 0 trap.
TEST_F(RunInGuestTest, WithoutFmoTheHostLooks) {
    using Ich = arch::ICH_HCR_EL2;
    const auto control = Ich::of(at_next_entry(SysReg::ICH_HCR_EL2, [&] { set_hcr(H::mask<H::VM, H::IMO>()); }));
    EXPECT_TRUE(control.get<Ich::TALL0>());
    EXPECT_FALSE(control.get<Ich::TALL1>());
    EXPECT_EQ(stays_, 2u);
    EXPECT_TRUE(core().nested.gic.loaded);
}

// L1 gives this vCPU another guest: its stage 2 is the one that L2 runs on, the first time and each time.
TEST_F(RunInGuestTest, AnotherVttbrIsAnotherShadow) {
    using V = arch::VTTBR_EL2;
    const u64 one = u64{1} << 48 | kRoot, two = u64{2} << 48 | (kRoot + 0x10'0000);
    const auto loaded = [&](u64 vttbr) {
        const V v = V::of(at_next_entry(SysReg::VTTBR_EL2, [&] { set_l1(SysReg::VTTBR_EL2, vttbr); }));
        const auto& held = *core().nested.shadow_use.shadow;
        EXPECT_EQ(held.key.baddr, vttbr & V::BADDR::kMask);
        EXPECT_EQ(held.key.vmid, vttbr >> 48);
        EXPECT_EQ(v.get<V::BADDR>(), core().nested.shadow_use.shadow->tables.vttbr(0).get<V::BADDR>());
        return v.get<V::BADDR>();
    };
    const u64 first = loaded(one);
    const u64 second = loaded(two);
    EXPECT_NE(second, first);
    EXPECT_EQ(stays_, 2u) << "it had to be made";
    EXPECT_EQ(loaded(one), first);
    EXPECT_EQ(stays_, 1u) << "it was there";
    EXPECT_EQ(loaded(two), second);
    EXPECT_EQ(stays_, 1u);
}

// Another vCPU of L1's has run the same guest on this CPU: what TLBs know of its stage 1 goes before L2 runs.
TEST_F(RunInGuestTest, EntriesOfAnotherVcpuGoInTierZero) {
    using test::Event;
    const auto flushes = [&](std::function<void()> first) {
        std::vector<Event> log;
        stay({hvc(), eret([&] {
                  first();
                  cpu().log.clear();
              }),
              [&](GuestContext&) {
                  log = cpu().log;
                  test::port().signal_pending = test::port().entry_blocked = true;
                  return ExitKind::kIrq;
              }});
        unsigned n = 0;
        u64 vttbr = 0;
        for (size_t i = 0; i < log.size(); i++) {
            if (log[i].kind == Event::kWrite && log[i].what == static_cast<u64>(SysReg::VTTBR_EL2))
                vttbr = log[i].operand;
            if (log[i].kind != Event::kTlbi || log[i].what != static_cast<u64>(arch::Tlbi::VMALLE1))
                continue;
            n++;
            EXPECT_EQ(vttbr, core().nested.shadow_use.shadow->tables.vttbr(0).raw);
            EXPECT_EQ(log[i - 1], Event{Event::kIsb});
            EXPECT_EQ(log[i + 1], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::NSH)}));
            EXPECT_EQ(log[i + 2], Event{Event::kIsb});
        }
        return n;
    };
    EXPECT_EQ(flushes([] {}), 0u);
    const auto another_runs = [&] {
        (void)core().nested.shadow_use.shadow->tables.change_runner(0, 99);
        this_cpu().vttbr_before = 0;  // the vCPU was put for it, and loaded again
    };
    EXPECT_EQ(flushes(another_runs), 1u);
    EXPECT_EQ(flushes([] {}), 0u);
}
}  // namespace
}  // namespace nest::kvm
