// SPDX-License-Identifier: GPL-2.0-only
// Somebody watches exits: each one is told of, as it was before anything was done about it, and the guest notices nothing.
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>
#include <thread>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;
using Step = std::function<ExitKind(GuestContext&)>;

// SMCCC_VERSION, which tier 0 answers.
Step version_call(u64 pc) {
    return [pc](GuestContext& c) {
        c.pc = pc;
        c.x[0] = 0x8000'0000;
        test::set_syndrome(Ec::kHvc64, 0, 0, 0);
        return ExitKind::kSync;
    };
}
Step interrupt(u64 pc) {
    return [pc](GuestContext& c) {
        c.pc = pc;
        return ExitKind::kIrq;
    };
}
std::vector<test::FakePort::TracedExit>& exits() { return test::port().traced_exits; }

template <typename Base>
struct Watched : Base {
    void TearDown() override {
        nest_watch_exits(false);
        Base::TearDown();
    }
    // Runs these, and then a signal comes.
    void run_guest(std::vector<Step> steps) {
        test::port().signal_pending = test::port().entry_blocked = false;
        this->guest_does(std::move(steps));
        EXPECT_EQ(this->ioctl(abi::KVM_RUN), -4);
    }
};

struct WatchTest : Watched<VmTest> {
    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
    }
};

TEST_F(WatchTest, NobodyWatches) {
    run_guest({version_call(0x1000), interrupt(0x2000)});
    EXPECT_TRUE(test::port().traced_entries.empty());
    EXPECT_TRUE(exits().empty());
    EXPECT_FALSE(core().has_requests());
}

TEST_F(WatchTest, EachExitIsToldOfAsItWas) {
    nest_watch_exits(true);
    core().context.pc = 0x500;
    // A trapped read of ID_AA64PFR0_EL1 into x1: tier 0 skips it.
    const Step id_register = [](GuestContext& c) {
        c.pc = 0x2000;
        using I = arch::SysRegIss;
        test::set_syndrome(Ec::kSysReg, I{}.with<I::Op0>(3).with<I::CRm>(4).with<I::Rt>(1).with<I::Read>(1).raw, 0, 0);
        return ExitKind::kSync;
    };
    run_guest({version_call(0x1000), id_register, interrupt(0x3000)});
    ASSERT_EQ(exits().size(), 4u);
    EXPECT_EQ(test::port().traced_entries, (std::vector<u64>{0x500, 0x1000, 0x2004, 0x3000}));
    EXPECT_EQ(exits()[0].exit.pc, 0x1000u);
    EXPECT_EQ(exits()[0].exit.kind, NEST_TRACE_EXIT_SYNC);
    EXPECT_EQ(exits()[0].exit.esr >> 26, static_cast<u64>(Ec::kHvc64));
    EXPECT_EQ(exits()[1].exit.pc, 0x2000u) << "before the instruction was skipped";
    EXPECT_EQ(exits()[2].exit.kind, NEST_TRACE_EXIT_IRQ);
    EXPECT_EQ(exits()[2].exit.esr, 0u) << "not that of the exit before";
    for (const auto& e : exits()) {
        EXPECT_EQ(e.vm, core().vm.number);
        EXPECT_EQ(e.vcpu, core().id);
        EXPECT_EQ(e.exit.world, NEST_TRACE_EL1);
    }
}

TEST_F(WatchTest, AddressesBelongToExitsThatHaveOne) {
    nest_watch_exits(true);
    const Step abort = [](GuestContext& c) {
        c.pc = 0x1000;
        test::set_syndrome(Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 1 << 6 | 7, 0x8765'4000, 0x9000'0000);  // a store, for the VMM
        return ExitKind::kSync;
    };
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({abort});
    EXPECT_EQ(ioctl(abi::KVM_RUN), 0);
    run_guest({version_call(0x1000)});
    ASSERT_GE(exits().size(), 2u);
    EXPECT_EQ(exits()[0].exit.far, 0x8765'4000u);
    EXPECT_EQ(exits()[0].exit.hpfar, 0x9000'0000u >> 8);
    EXPECT_EQ(exits()[1].exit.far, 0u);
    EXPECT_EQ(exits()[1].exit.hpfar, 0u);
}

TEST_F(WatchTest, TheGuestNoticesNothing) {
    u64 answers[2] = {};
    for (bool watched : {false, true}) {
        nest_watch_exits(watched);
        run_guest({version_call(0x1000), [&](GuestContext& c) {
                       answers[watched] = c.x[0];
                       return ExitKind::kIrq;
                   }});
    }
    EXPECT_EQ(answers[0], answers[1]);
    EXPECT_NE(answers[1], 0x8000'0000u);
    EXPECT_EQ(core().stats.tier0_exits, 2u) << "tier 0 does the same work";
}

TEST_F(WatchTest, AVcpuInTheGuestLeavesIt) {
    run_guest({interrupt(0x1000)});
    u64 kicks = 0;
    run_guest({[&](GuestContext&) {
        const u64 before = test::port().vcpus[core().host].kicks;
        std::thread([] { nest_watch_exits(true); }).join();
        kicks = test::port().vcpus[core().host].kicks - before;
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(kicks, 1u);
    EXPECT_EQ(exits().size(), 1u) << "the last one";
}

TEST_F(WatchTest, LaterVcpusAreWatchedToo) {
    nest_watch_exits(true);
    Vcpu& another = *reinterpret_cast<Vcpu*>(make_another(1));
    EXPECT_FALSE(another.has_requests());
    guest_does({interrupt(0x1000)});
    EXPECT_EQ(nest_vcpu_ioctl(reinterpret_cast<nest_vcpu*>(&another), abi::KVM_RUN, 0), -4);
    ASSERT_FALSE(exits().empty());
    EXPECT_EQ(exits()[0].vcpu, 1u);
}

TEST_F(WatchTest, TheEnd) {
    nest_watch_exits(true);
    run_guest({interrupt(0x1000)});
    const size_t told = exits().size();
    EXPECT_TRUE(core().has_requests());
    nest_watch_exits(false);
    const unsigned enters = test::port().guest_enters;
    run_guest({version_call(0x1000), version_call(0x1000), interrupt(0x2000)});
    EXPECT_EQ(exits().size(), told);
    EXPECT_FALSE(core().has_requests());
    EXPECT_EQ(test::port().guest_enters - enters, 2u) << "tier 0 goes on by itself again: up to each interrupt";
}

TEST_F(WatchTest, OtherRequestsAreServed) {
    nest_watch_exits(true);
    run_guest({[&](GuestContext&) {
                   core().make_request(Request::kTraps);
                   return ExitKind::kIrq;
               },
               [&](GuestContext&) {
                   EXPECT_FALSE(core().has_work());
                   return ExitKind::kIrq;
               }});
}

TEST_F(WatchTest, AWaitIsNoShorter) {
    nest_watch_exits(true);
    unsigned waits = 0;
    test::port().on_wait = [&](nest_host_vcpu*) {
        waits++;
        EXPECT_FALSE(nest_vcpu_runnable(vcpu));
        test::port().signal_pending = test::port().entry_blocked = true;
    };
    run_guest({[](GuestContext&) {
        test::set_syndrome(Ec::kWfx, 0, 0, 0);
        return ExitKind::kSync;
    }});
    EXPECT_EQ(waits, 1u);
}

// A signal, a halt: whatever keeps the guest out keeps a watched one out.
TEST_F(WatchTest, WhatKeepsTheGuestOutStillDoes) {
    nest_watch_exits(true);
    run_guest({interrupt(0x1000)});
    exits().clear();
    test::port().traced_entries.clear();
    test::port().signal_pending = test::port().entry_blocked = true;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    unsigned looks = 0;
    test::port().signal_pending = test::port().entry_blocked = false;
    test::port().on_entry_check = [&] { this_cpu().disabled = ++looks == 1; };
    guest_does({});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(looks, 2u);
    EXPECT_EQ(test::port().traced_entries.size(), 1u);
    EXPECT_EQ(exits().size(), 1u);
}

struct WatchNestedTest : Watched<NestedVmTest> {};

TEST_F(WatchNestedTest, WorldsChangeByWayOfTheHost) {
    make_gic();
    using H = arch::HCR_EL2;
    set_hcr(H::mask<H::VM, H::IMO, H::FMO>());
    const Step hvc = [](GuestContext& c) {
        c.pc = 0x1004;
        test::set_syndrome(Ec::kHvc64, 0, 0, 0);
        return ExitKind::kSync;
    };
    u64 vector = 0;
    const Step eret = [&](GuestContext& c) {
        vector = c.pc;
        c.pc += 8;
        cpu().registers[SysReg::ELR_EL12] = 0x1000;
        cpu().registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
        test::set_syndrome(Ec::kEret, 0, 0, 0);
        return ExitKind::kSync;
    };
    nest_watch_exits(true);
    run_guest({hvc, eret, hvc, eret});
    ASSERT_EQ(exits().size(), 5u);
    const u8 worlds[] = {NEST_TRACE_L2, NEST_TRACE_VEL2, NEST_TRACE_L2, NEST_TRACE_VEL2, NEST_TRACE_L2};
    for (size_t i = 0; i < 5; i++)
        EXPECT_EQ(exits()[i].exit.world, worlds[i]) << i;
    EXPECT_EQ(exits()[0].exit.pc, 0x1004u);
    EXPECT_EQ(test::port().traced_entries[1], vector) << "into virtual EL2's vector";
    EXPECT_EQ(exits()[1].exit.pc, vector + 8);
    EXPECT_EQ(test::port().traced_entries[2], 0x1000u);
    EXPECT_EQ(core().stats.nested_forwards, 2u);
    EXPECT_EQ(core().stats.tier0_exits, 4u);
}

}  // namespace
}  // namespace nest::kvm
