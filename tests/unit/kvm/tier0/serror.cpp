// SPDX-License-Identifier: GPL-2.0-only
// SErrors that come while a guest runs, and those that its VMM injects.
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>
#include <vhe/serror.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;
using arch::SysReg;
using vhe::ExitKind;
using vhe::GuestContext;
using VSE = arch::HCR_EL2::VSE;

constexpr u64 kImplementationDefined = 1 << 24, kAsynchronous = 0x11;
constexpr u64 of_class(u64 aet) { return aet << 10 | kAsynchronous; }

u64 hcr() { return cpu().registers[SysReg::HCR_EL2]; }
ExitKind serror(u64 iss) {
    cpu().registers[SysReg::ESR_EL2] = u64{0x2f} << 26 | iss;
    return ExitKind::kSerror;
}
ExitKind stop(GuestContext&) {
    test::port().signal_pending = test::port().entry_blocked = true;
    return ExitKind::kIrq;
}

TEST(SerrorVerdict, OfEachClass) {
    using enum vhe::SerrorVerdict;
    const vhe::SerrorVerdict by_class[8] = {kHosts, kGuests, kHarmless, kGuests, kHosts, kHosts, kHarmless, kHosts};
    for (unsigned aet = 0; aet < 8; aet++) {
        EXPECT_EQ(vhe::judge_serror(of_class(aet), true), by_class[aet]) << aet;
        EXPECT_EQ(vhe::judge_serror(of_class(aet), false), kGuests) << "AET means nothing without FEAT_RAS";
        EXPECT_EQ(vhe::judge_serror(of_class(aet) | kImplementationDefined, true), kGuests);
    }
    EXPECT_EQ(vhe::judge_serror(of_class(6) & ~u64{0x3f}, true), kHosts) << "uncategorised";
}

struct SerrorTest : VmTest {
    // What HCR_EL2.VSE is at the entry after an exit by this SError, and at the one after the guest has taken it.
    void expect_passed_on(u64 iss, bool passed) {
        u64 first = 0, second = ~u64{0};
        guest_does({[=](GuestContext&) { return serror(iss); },
                    [&](GuestContext&) {
                        first = hcr();
                        cpu().registers[SysReg::HCR_EL2] &= ~VSE::kMask;
                        return ExitKind::kIrq;
                    },
                    [&](GuestContext& c) {
                        second = hcr();
                        return stop(c);
                    }});
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        EXPECT_EQ((first & VSE::kMask) != 0, passed);
        EXPECT_FALSE(second & VSE::kMask) << "the guest has taken it";
        EXPECT_EQ(core().stats.serror_exits, 1u);
    }
};

// A machine without FEAT_RAS, which has no VSESR_EL2.
TEST_F(SerrorTest, OneInTheGuestIsTheGuests) {
    make_vcpu();
    expect_passed_on(0, true);
    EXPECT_EQ(cpu().position_of_write(SysReg::VSESR_EL2), -1);
    EXPECT_EQ(cpu().position_of_write(SysReg::DISR_EL1), -1);
}

struct RasTest : SerrorTest {
    void SetUp() override {
        SerrorTest::SetUp();
        machine().features.ras = true;  // as VSESR_EL2, DISR_EL1 and ESB depend on it
        make_vcpu();
    }
};

TEST_F(RasTest, ItHasASyndrome) {
    expect_passed_on(of_class(arch::SerrorIss::kRecoverable), true);
    EXPECT_EQ(cpu().registers[SysReg::VSESR_EL2], kImplementationDefined);
}

TEST_F(RasTest, ACorrectedOneIsNobodys) { expect_passed_on(of_class(arch::SerrorIss::kCorrected), false); }

TEST_F(RasTest, AnUncontainedOneStopsTheMachine) {
    guest_does({[](GuestContext&) { return serror(of_class(0)); }});
    EXPECT_DEATH(ioctl(abi::KVM_RUN), "uncontained SError 0x11");
}

// The guest's bad store goes out just before its hypercall brings it here: it must not hit the host a moment later.
TEST_F(RasTest, WhatTheGuestLeftBehindIsItsOwn) {
    u64 seen = 0;
    guest_does({[](GuestContext& c) {
                    cpu().deferred_serror = u64{1} << 31 | of_class(arch::SerrorIss::kRecoverable);
                    return stop(c);
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(core().serror.pending);
    EXPECT_EQ(cpu().registers[SysReg::DISR_EL1], 0u) << "and is not seen again";
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({[&](GuestContext& c) {
        seen = hcr();
        return stop(c);
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_TRUE(seen & VSE::kMask);
}

TEST_F(RasTest, AHostsIsTakenBeforeTheGuestRuns) {
    cpu().registers[SysReg::ISR_EL1] = 1 << 8;  // A
    unsigned looks = 0;
    test::port().on_guest_exit_time = [&] {
        if (++looks == 2)
            cpu().registers[SysReg::ISR_EL1] = 0;  // taken, with interrupts open
    };
    guest_does({});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(test::guest().entries, 1u);
    EXPECT_EQ(test::port().guest_enters, 3u);
    EXPECT_FALSE(core().serror.pending);
}

// A store of the host's own must have reported its error when the look at ISR_EL1 is made.
TEST_F(RasTest, TheHostsStoresAreCompleteBeforeTheLook) {
    guest_does({});
    cpu().log.clear();
    cpu().log_reads = true;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    cpu().log_reads = false;
    using test::Event;
    const std::vector<Event>& log = cpu().log;
    size_t look = 0;
    while (look < log.size() && !(log[look].kind == Event::kRead && log[look].what == static_cast<u64>(SysReg::ISR_EL1)))
        look++;
    ASSERT_LT(look, log.size());
    ASSERT_GE(look, 2u);
    EXPECT_EQ(log[look - 2], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::NSHST)}));
    EXPECT_EQ(log[look - 1], Event{Event::kIsb});
}

// The VMM has the load and injects before it answers.
TEST_F(RasTest, AnInjectedOneWaitsForTheLoad) {
    core().context.pc = 0x1000;
    core().context.pstate = arch::kModeEL1h;
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 3 << 16 | 0x07, 0x900'0018, 0x900'0018);
        return ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    ASSERT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    abi::VcpuEvents events{};
    events.serror_pending = events.serror_has_esr = 1;
    events.serror_esr = 0x123;
    machine().traps.ras = true;
    ASSERT_EQ(ioctl(abi::KVM_SET_VCPU_EVENTS, &events), 0);
    EXPECT_EQ(core().context.pc, 0x1000u) << "the load has not ended";
    run->mmio.data[0] = 0x77;
    u64 pc = 0, loaded = 0, at_entry = 0;
    guest_does({[&](GuestContext& c) {
        pc = c.pc, loaded = c.x[3], at_entry = hcr();
        return stop(c);
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(loaded, 0x77u);
    EXPECT_EQ(pc, 0x1004u);
    EXPECT_TRUE(at_entry & VSE::kMask) << "hardware takes it before the next instruction, ELR_EL1 is 0x1004";
    EXPECT_EQ(cpu().registers[SysReg::VSESR_EL2], 0x123u);
}

// An abort in the load's place: the load never ends, and the SError comes in the abort's handler, once that allows it.
TEST_F(RasTest, AnInjectedAbortTakesTheLoadsPlace) {
    core().context.pc = 0x1000;
    core().context.pstate = arch::kModeEL1h;
    guest_does({[](GuestContext&) {
        test::set_syndrome(Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 3 << 16 | 0x07, 0x900'0018, 0x900'0018);
        return ExitKind::kSync;
    }});
    ASSERT_EQ(ioctl(abi::KVM_RUN), 0);
    abi::VcpuEvents events{};
    events.serror_pending = events.ext_dabt_pending = 1;
    ASSERT_EQ(ioctl(abi::KVM_SET_VCPU_EVENTS, &events), 0);
    u64 pc = 0;
    guest_does({[&](GuestContext& c) {
        pc = c.pc;
        return stop(c);
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(pc, 0x200u) << "the vector's first instruction";
    EXPECT_EQ(core().regs.get(SysReg::ELR_EL1), 0x1000u);
    EXPECT_TRUE(core().serror.pending);
}

}  // namespace
}  // namespace nest::kvm
