// SPDX-License-Identifier: GPL-2.0-only
// The nested transitions as the tracer gets them: what is put down, and when it is told.
#include <kvm/trace/trace.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/report.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using vhe::ExitKind;
using vhe::GuestContext;

nest_trace_record numbered(u64 n) { return {n, 0, {}, NEST_TRACE_ERET, 0, 0}; }
std::vector<nest_trace_record> all_of(TraceRing& ring) {
    std::vector<nest_trace_record> out;
    ring.drain([&](const nest_trace_record& r) { out.push_back(r); });
    return out;
}

TEST(TraceRing, TellsInOrderAndOnce) {
    TraceRing ring;
    EXPECT_TRUE(ring.empty());
    for (u64 n = 1; n <= 3; n++)
        ring.push(numbered(n));
    EXPECT_FALSE(ring.empty());
    const auto told = all_of(ring);
    ASSERT_EQ(told.size(), 3u);
    for (u64 n = 1; n <= 3; n++)
        EXPECT_EQ(told[n - 1].counter, n);
    EXPECT_TRUE(ring.empty());
    EXPECT_TRUE(all_of(ring).empty());
}

TEST(TraceRing, SaysHowManyHadNoRoom) {
    TraceRing ring;
    for (u64 n = 1; n <= TraceRing::kCapacity; n++)
        ring.push(numbered(n));
    EXPECT_EQ(all_of(ring).size(), TraceRing::kCapacity) << "full, and nothing lost";
    for (u64 n = 1; n <= TraceRing::kCapacity + 5; n++)
        ring.push(numbered(n));
    auto told = all_of(ring);
    ASSERT_EQ(told.size(), TraceRing::kCapacity + 1u);
    EXPECT_EQ(told[TraceRing::kCapacity - 1].counter, TraceRing::kCapacity);
    EXPECT_EQ(told.back().kind, NEST_TRACE_LOST);
    EXPECT_EQ(told.back().values[0], 5u);
    EXPECT_EQ(told.back().counter, TraceRing::kCapacity + 1u) << "the first that was lost";
    ring.push(numbered(9));
    told = all_of(ring);
    ASSERT_EQ(told.size(), 1u) << "said once";
    EXPECT_EQ(told[0].counter, 9u);
}

TEST(TraceRing, FillsUpBeforeItIsFull) {
    TraceRing ring;
    unsigned pushed = 0;
    for (; !ring.filling(); pushed++)
        ring.push(numbered(pushed));
    EXPECT_LE(pushed + TraceRing::kSlack, TraceRing::kCapacity + 1u);
    EXPECT_GT(pushed, TraceRing::kCapacity / 2);
}

struct TraceTest : NestedVmTest {
    static constexpr u64 kL2Pc = 0x1000;

    void TearDown() override {
        for (unsigned kind = 0; kind < NEST_TRACE_LOST; kind++)
            nest_trace_listen(kind, false);
        NestedVmTest::TearDown();
    }
    static void listen(std::initializer_list<nest_trace_kind> kinds) {
        for (nest_trace_kind kind : kinds)
            nest_trace_listen(kind, true);
    }
    static void listen_to_all() {
        for (unsigned kind = 0; kind < NEST_TRACE_LOST; kind++)
            nest_trace_listen(kind, true);
    }
    static std::vector<test::FakePort::Traced>& traced() { return test::port().traced; }
    // The first event of a kind, or a record of kind LOST.
    static nest_trace_record first(nest_trace_kind kind) {
        for (const auto& t : traced())
            if (t.record.kind == kind)
                return t.record;
        return {0, 0, {}, NEST_TRACE_LOST, 0, 0};
    }
    static size_t count(nest_trace_kind kind) {
        size_t n = 0;
        for (const auto& t : traced())
            n += t.record.kind == kind;
        return n;
    }
    static auto exits_with(Ec ec, u64 iss = 0, u64 l2 = 0) {
        return [=](GuestContext&) {
            test::set_syndrome(ec, iss, 0x1'0000 | (l2 & 0xfff), l2);
            return ExitKind::kSync;
        };
    }
    // L1 traps WFI: an exit of L2's that is forwarded in tier 0 by nothing but a control bit.
    static auto wfi() { return exits_with(Ec::kWfx); }
    void trap_wfi() { set_hcr(arch::HCR_EL2::mask<arch::HCR_EL2::VM, arch::HCR_EL2::TWI>()); }
    // Virtual EL2's ERET, with these in its registers.
    static auto eret_to(u64 pc, u64 spsr) {
        return [=](GuestContext&) {
            cpu().registers[SysReg::ELR_EL12] = pc;
            cpu().registers[SysReg::SPSR_EL12] = spsr;
            test::set_syndrome(Ec::kEret, 0, 0, 0);
            return ExitKind::kSync;
        };
    }
};

TEST_F(TraceTest, NothingIsPutDownWhileNobodyListens) {
    trap_wfi();
    guest_does({wfi(), eret_to(0x2000, arch::kModeEL1h)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(core().stats.nested_forwards, 1u);
    complete(core().stats);
    EXPECT_EQ(core().stats.nested_erets, 1u);
    EXPECT_TRUE(traced().empty());
    EXPECT_TRUE(core().trace.empty());
}

TEST_F(TraceTest, ForwardedExceptionsAndReturnsAreToldAfterTheGuest) {
    listen_to_all();
    trap_wfi();
    core().context.pc = kL2Pc;
    cpu().registers[SysReg::CNTPCT_EL0] = 1234;
    guest_does({wfi(), eret_to(0x2000, arch::kModeEL1h)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    const nest_trace_record f = first(NEST_TRACE_FORWARD);
    ASSERT_EQ(f.kind, NEST_TRACE_FORWARD);
    EXPECT_EQ(f.what, NEST_TRACE_FROM_L2);
    EXPECT_EQ(f.tier, 0u);
    EXPECT_EQ(f.pc, kL2Pc);
    EXPECT_EQ(f.values[0] >> 26, static_cast<u64>(Ec::kWfx));
    EXPECT_GE(f.counter, 1234u);
    const nest_trace_record e = first(NEST_TRACE_ERET);
    ASSERT_EQ(e.kind, NEST_TRACE_ERET);
    EXPECT_EQ(e.what, NEST_TRACE_TO_L2);
    EXPECT_EQ(e.pc, 0x2000u);
    EXPECT_EQ(e.values[0] & 0xf, arch::kModeEL1h);
    EXPECT_EQ(traced().front().vcpu, core().id);
    const size_t before = traced().size();
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(traced().size(), before) << "told once";
}

TEST_F(TraceTest, OnlyWhatIsListenedTo) {
    listen({NEST_TRACE_ERET});
    trap_wfi();
    guest_does({wfi(), eret_to(0x2000, arch::kModeEL1h)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    ASSERT_EQ(traced().size(), 1u);
    EXPECT_EQ(traced()[0].record.kind, NEST_TRACE_ERET);
}

TEST_F(TraceTest, WhereAReturnGoes) {
    listen({NEST_TRACE_ERET});
    enter_vel2();
    guest_does({eret_to(0x3000, arch::kModeEL2h), eret_to(0x3000, 0xd)});  // EL3: illegal
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    ASSERT_EQ(traced().size(), 2u);
    EXPECT_EQ(traced()[0].record.what, NEST_TRACE_TO_VEL2);
    EXPECT_EQ(traced()[1].record.what, NEST_TRACE_TO_ILLEGAL);
    using H = arch::HCR_EL2;
    traced().clear();
    test::port().signal_pending = test::port().entry_blocked = false;
    set_hcr(H::TGE::kMask);
    enter_vel2();
    guest_does({eret_to(0x3000, arch::kModeEL0t)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    ASSERT_EQ(traced().size(), 1u);
    EXPECT_EQ(traced()[0].record.what, NEST_TRACE_TO_VEL2_EL0);
}

TEST_F(TraceTest, ShadowFaultsByTierAndOutcome) {
    listen({NEST_TRACE_SHADOW_FAULT, NEST_TRACE_SHADOW});
    map_l2(kL2, kData);
    guest_does({exits_with(Ec::kDataAbortLower, kTranslation3, kL2),
                exits_with(Ec::kDataAbortLower, kTranslation3, kL2 + kPage)});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    const nest_trace_record made = first(NEST_TRACE_SHADOW);
    ASSERT_EQ(made.kind, NEST_TRACE_SHADOW);
    EXPECT_EQ(made.what, NEST_TRACE_SHADOW_MADE);
    EXPECT_EQ(made.values[0], kRoot);
    EXPECT_EQ(made.values[2], 1u);
    std::vector<unsigned> outcomes;
    for (const auto& t : traced())
        if (t.record.kind == NEST_TRACE_SHADOW_FAULT && t.record.what != NEST_TRACE_BRING_IN)
            outcomes.push_back(t.record.what | t.record.tier << 4);
    EXPECT_EQ(outcomes, (std::vector<unsigned>{NEST_TRACE_MAPPED | 1 << 4, NEST_TRACE_TO_L1}))
        << "the first by way of the host, the second at once";
    EXPECT_EQ(first(NEST_TRACE_SHADOW_FAULT).values[1], kL2);
}

TEST_F(TraceTest, AnEvictedShadowIsNamed) {
    listen({NEST_TRACE_SHADOW});
    for (u64 vmid = 1; vmid <= 8; vmid++) {
        set_l1(SysReg::VTTBR_EL2, vmid << 48 | kRoot);
        ASSERT_TRUE(mmu().make_shadow(core()).ok());
    }
    drain_trace(core());
    (void)stats();    // copies what the shadow MMU has counted into the VM's
    size_t gone = 0;
    for (const auto& t : traced())
        gone += t.record.what == NEST_TRACE_SHADOW_EVICTED;
    EXPECT_EQ(gone, core().vm.stats.shadow_evictions);
    ASSERT_GT(gone, 0u);
    for (const auto& t : traced())
        if (t.record.what == NEST_TRACE_SHADOW_EVICTED) {
            EXPECT_EQ(t.record.values[2], 1u) << "the longest unused";
            break;
        }
}

TEST_F(TraceTest, AnInterruptForL1) {
    listen({NEST_TRACE_FORWARD, NEST_TRACE_INTERRUPT});
    core().context.pc = kL2Pc;
    forward_to_vel2(core(), nested::Exception::interrupt(nested::Vector::kIrq));
    drain_trace(core());
    ASSERT_EQ(traced().size(), 1u);
    EXPECT_EQ(traced()[0].record.kind, NEST_TRACE_INTERRUPT);
    EXPECT_EQ(traced()[0].record.what, 1u);
    EXPECT_EQ(traced()[0].record.tier, 1u);
    EXPECT_EQ(traced()[0].record.pc, kL2Pc);
}

TEST_F(TraceTest, L1sInvalidations) {
    listen({NEST_TRACE_TLBI});
    enter_vel2();
    map_l2(kL2, kData);
    // TLBI IPAS2E1IS, x3: op0 1, op1 4, CRn 8, CRm 0, op2 1.
    const auto tlbi = [&](GuestContext& c) {
        c.x[3] = kL2 >> 12;
        c.pc = 0x4000;
        const u64 iss = u64{1} << 20 | 1 << 17 | 4 << 14 | 8 << 10 | 3 << 5 | 0 << 1;
        test::set_syndrome(Ec::kSysReg, iss, 0, 0);
        return ExitKind::kSync;
    };
    guest_does({tlbi});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    ASSERT_EQ(traced().size(), 1u);
    const nest_trace_record& r = traced()[0].record;
    EXPECT_EQ(r.what, static_cast<unsigned>(nested::TlbiScope::kIpa) | static_cast<unsigned>(nested::Regime::kEl10) << 4);
    EXPECT_EQ(r.pc, 0x4000u);
    EXPECT_EQ(r.values[0], kL2 >> 12);
    EXPECT_EQ(r.values[1], kL2);
}

// Tier 0 would go on for ever: it comes out in time, and nothing is lost.
TEST_F(TraceTest, ALongStayInTierZeroIsToldWhole) {
    listen({NEST_TRACE_ERET});
    enter_vel2();
    std::vector<std::function<ExitKind(GuestContext&)>> returns(500, eret_to(0x3000, arch::kModeEL2h));
    guest_does(returns);
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(count(NEST_TRACE_ERET), 500u);
    EXPECT_EQ(count(NEST_TRACE_LOST), 0u);
}

}  // namespace
}  // namespace nest::kvm
