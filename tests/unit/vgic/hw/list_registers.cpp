// SPDX-License-Identifier: GPL-2.0-only
// Which interrupts get list registers, what is asked of the maintenance interrupt, and how each state folds back.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>

namespace nest::test {
namespace {

using arch::ICH_HCR_EL2;
using arch::ListRegister;
using arch::SysReg;

void set_priority(Machine& m, unsigned vcpu, unsigned intid, u8 priority) {
    const u64 base = vgic::is_private(intid) ? Machine::gicr(vcpu, 0x10400) : Machine::gicd(0x400);
    m.write(vcpu, base + intid, priority, 1);
}

// SPIs 32 to 32+n-1 pending as edges, each next one of higher priority (a smaller number).
void pend(Machine& m, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        m.make_edge(32 + i);
        m.enable(0, 32 + i);
        set_priority(m, 0, 32 + i, static_cast<u8>((n - 1 - i) * 8));
        m.inject(0, 32 + i, true);
    }
}

class Capacity : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(ListRegisters, Capacity, testing::Values(1u, 4u, 16u));

TEST_P(Capacity, BestPrioritiesFirstThenTheRest) {
    const unsigned lrs = GetParam(), n = 24;
    Machine m(1, lrs);
    pend(m, n);
    m.flush(0);
    for (unsigned i = 0; i < lrs; i++)
        EXPECT_EQ(m.guest(0).state(32 + n - 1 - i), arch::kLrPending) << i;
    EXPECT_EQ(m.guest(0).find(32), -1);
    const auto hcr = ICH_HCR_EL2::of(m.cpus[0].registers[SysReg::ICH_HCR_EL2]);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::NPIE>(), 1u);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::UIE>(), lrs > 1);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::LRENPIE>(), 0u);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::VGrp1DIE>(), 1u);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::VGrp0EIE>(), 1u);
    EXPECT_FALSE(m.guest(0).maintenance());
    m.sync(0);
    for (unsigned i = n; i-- > 0;)
        EXPECT_EQ(m.handle(0), 32 + i);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_P(Capacity, NestedInterruptsBeyondTheListRegistersAreAllDeactivated) {
    const unsigned lrs = GetParam(), n = 20;
    Machine m(1, lrs);
    pend(m, n);
    // Acknowledge from the lowest priority up, as preemption would.
    m.write(0, Machine::gicd(0x284), ~u64{0});
    for (unsigned i = 0; i < n; i++) {
        m.inject(0, 32 + i, true);
        m.run(0, [&](FakeCpuInterface& g) { ASSERT_EQ(g.acknowledge(), 32 + i); });
    }
    // EOImode 0 ends them in reverse; several in one run if there is no maintenance interrupt to stop it.
    for (unsigned i = n; i > 0;)
        m.run(0, [&](FakeCpuInterface& g) {
            do
                g.eoi(32 + --i);
            while (i > 0 && !g.maintenance());
        });
    EXPECT_EQ(m.bank(0, 32).active, 0u);
    EXPECT_EQ(m.bank(0, 32).pending(), 0u);
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
    EXPECT_EQ(m.distributor->held_spis(), 0u);
}

TEST(ListRegisters, SeveralUnlistedEoisInOneRunAreTakenInPriorityOrder) {
    Machine m(1, 1);
    for (unsigned i = 0; i < 4; i++) {
        set_priority(m, 0, 16 + i, static_cast<u8>(0x40 - 8 * i));
        m.write(0, Machine::gicr(0, 0x10300), 1u << (16 + i));
    }
    set_priority(m, 0, 16, 0x80);
    m.cpus[0].registers[SysReg::ICH_AP1R0_EL2] = 0xffff;
    m.run(0, [&](FakeCpuInterface& g) {
        EXPECT_GE(g.find(19), 0);  // the best one is listed
        g.eoi(18);
        g.eoi(17);
        EXPECT_TRUE(g.maintenance());
    });
    EXPECT_EQ(m.bank(0, 16).active, 1u << 16 | 1u << 19);
}

TEST(ListRegisters, PendingComesBeforeActiveWhateverThePriority) {
    Machine m(1, 4);
    m.write(0, Machine::gicr(0, 0x10300), 0xffu << 16);  // eight active PPIs of priority 0
    m.make_edge(40);
    m.enable(0, 40);
    set_priority(m, 0, 40, 0xe0);
    m.inject(0, 40, true);
    m.flush(0);
    EXPECT_EQ(m.guest(0).state(40), arch::kLrPending);
    const auto hcr = ICH_HCR_EL2::of(m.cpus[0].registers[SysReg::ICH_HCR_EL2]);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::LRENPIE>(), 1u);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::NPIE>(), 0u);
    EXPECT_EQ(hcr.get<ICH_HCR_EL2::TDIR>(), 1u);
    m.sync(0);
}

TEST(ListRegisters, DisabledGroupDoesNotCrowdOutAndNeverStopsTheGuestAtOnce) {
    Machine m(1, 4);
    // Group 0, disabled: six pending, the best priorities. Four active ones of group 1.
    m.write(0, Machine::gicr(0, 0x10080), 0xffff);
    m.write(0, Machine::gicr(0, 0x10100), ~u64{0});
    m.write(0, Machine::gicr(0, 0x10300), 0xf);
    m.write(0, Machine::gicr(0, 0x10200), 0x3fu << 16);
    m.flush(0);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(m.guest(0).state(i), arch::kLrActive);
    EXPECT_FALSE(m.guest(0).maintenance());
    EXPECT_EQ(ICH_HCR_EL2::of(m.cpu(0).hw.hcr).get<ICH_HCR_EL2::VGrp0EIE>(), 1u);
    m.sync(0);
}

TEST(ListRegisters, LevelAsksForEoiMaintenanceAndEdgeDoesNot) {
    Machine m(1);
    m.enable(0, 41);
    m.make_edge(40);
    m.enable(0, 40);
    m.inject(0, 40, true);
    m.inject(0, 41, true);
    m.run(0, [](FakeCpuInterface& g) {
        EXPECT_EQ(g.view(g.find(40)).get<ListRegister::EOI>(), 0u);
        EXPECT_EQ(g.view(g.find(41)).get<ListRegister::EOI>(), 1u);
        EXPECT_EQ(g.acknowledge(), 40u);
        g.eoi(40);
        EXPECT_FALSE(g.maintenance());
        EXPECT_EQ(g.acknowledge(), 41u);
        g.eoi(41);
        EXPECT_TRUE(g.maintenance());
    });
    EXPECT_EQ(m.callbacks.eois, std::vector<unsigned>{41});
}

TEST(ListRegisters, EoiIsAnnouncedOnceWhenTheHandlingSpansExits) {
    Machine m(1);
    m.enable(0, 41);
    m.inject(0, 41, true);
    m.run(0, [](FakeCpuInterface& g) { g.acknowledge(); });
    m.run(0, [](FakeCpuInterface&) {});
    EXPECT_TRUE(m.callbacks.eois.empty());
    m.run(0, [](FakeCpuInterface& g) { g.eoi(41); });
    m.run(0, [](FakeCpuInterface&) {});
    EXPECT_EQ(m.callbacks.eois, std::vector<unsigned>{41});
}

TEST(ListRegisters, EdgePendingAndActiveFoldsBothBits) {
    Machine m(1);
    m.make_edge(40);
    m.enable(0, 40);
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) { g.acknowledge(); });
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.state(40), arch::kLrPendingActive); });
    EXPECT_EQ(m.bank(0, 40).active & m.bank(0, 40).latch & vgic::bit_of(40), vgic::bit_of(40));
    m.run(0, [](FakeCpuInterface& g) {
        g.eoi(40);
        EXPECT_EQ(g.state(40), arch::kLrPending);
    });
    EXPECT_EQ(m.handle(0), 40u);
}

// ---- mapped PPIs ----

struct Mapped : testing::Test {
    Machine m{1};
    Mapped() {
        m.enable(0, 27);
        Machine::ok(vgic::map_hw(m.cpu(0), 27, 28));
        m.callbacks.high.insert({0, 27});
        m.inject(0, 27, true);
    }
};

TEST_F(Mapped, CarriesTheHostIntidAndNoEoiRequest) {
    m.flush(0);
    const auto lr = m.guest(0).view(0);
    EXPECT_EQ(lr.get<ListRegister::HW>(), 1u);
    EXPECT_EQ(lr.get<ListRegister::pINTID>(), 28u);
    EXPECT_EQ(lr.get<ListRegister::EOI>(), 0u);
    EXPECT_EQ(lr.get<ListRegister::State>(), arch::kLrPending);
    m.sync(0);
    EXPECT_TRUE(m.callbacks.physical.empty());  // still high, still masked by its physical active state
}

// The guest's handler has quietened the device and enables the interrupt, which it is still to deactivate: that will
// deactivate the physical one as well, and before it the physical one must not fire again.
TEST_F(Mapped, EnablingLeavesAnActiveOneToTheGuestsDeactivation) {
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 27u); });
    m.bank(0, 27).line |= 1u << 27;
    m.callbacks.high.clear();
    m.callbacks.physical.clear();
    m.enable(0, 27);
    EXPECT_TRUE(m.callbacks.physical.empty());
    EXPECT_EQ(m.bank(0, 27).line & 1u << 27, 0u) << "but the fall was seen";
}

TEST_F(Mapped, EnablingReleasesAnIdleOneWhoseDeviceFell) {
    m.enable(0, 27, false);
    m.callbacks.high.clear();
    m.callbacks.physical.clear();
    m.enable(0, 27);
    EXPECT_EQ(m.callbacks.physical, (std::vector<FakeCallbacks::Physical>{{0, 28, false}}));
}

TEST_F(Mapped, FallenBeforeAcknowledgeIsReleased) {
    m.flush(0);
    m.callbacks.high.clear();
    m.sync(0);
    EXPECT_EQ(m.callbacks.physical, (std::vector<FakeCallbacks::Physical>{{0, 28, false}}));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Mapped, ActiveStateIsReportedForTheTimer) {
    EXPECT_FALSE(vgic::hw_active(m.cpu(0), 27));
    m.run(0, [](FakeCpuInterface& g) { g.acknowledge(); });
    EXPECT_TRUE(vgic::hw_active(m.cpu(0), 27));
    // Never pending and active at once: the physical GIC has the pending state.
    m.inject(0, 27, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.state(27), arch::kLrActive); });
    m.callbacks.high.clear();
    m.run(0, [](FakeCpuInterface& g) {
        g.eoi(27);
        EXPECT_EQ(g.physically_deactivated, std::vector<unsigned>{28});
    });
    EXPECT_FALSE(vgic::hw_active(m.cpu(0), 27));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Mapped, OneRiseIsOneInterrupt) {
    EXPECT_EQ(m.handle(0), 27u);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);  // the host's interrupt will tell of the next
    m.inject(0, 27, true);
    EXPECT_EQ(m.handle(0), 27u);
}

TEST_F(Mapped, UnlistedDeactivationReachesThePhysicalGic) {
    Machine one(1, 1);
    Machine::ok(vgic::map_hw(one.cpu(0), 27, 28));
    set_priority(one, 0, 27, 0x80);
    one.bank(0, 27).active = 1u << 27 | 1u << 20;
    one.refresh(0);
    one.cpus[0].registers[SysReg::ICH_AP1R0_EL2] = 1u << 16;
    one.run(0, [](FakeCpuInterface& g) {
        EXPECT_GE(g.find(20), 0);
        g.eoi(27);
    });
    EXPECT_EQ(one.callbacks.physical, (std::vector<FakeCallbacks::Physical>{{0, 28, false}}));
    EXPECT_EQ(one.bank(0, 20).active, 1u << 20);
}

TEST_F(Mapped, ResetAndUnmap) {
    m.run(0, [](FakeCpuInterface& g) { g.acknowledge(); });
    vgic::reset_hw(m.cpu(0), 27);
    EXPECT_FALSE(vgic::hw_active(m.cpu(0), 27));
    EXPECT_TRUE(vgic::unmap_hw(m.cpu(0), 27).ok());
    m.inject(0, 27, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.view(g.find(27)).get<ListRegister::HW>(), 0u); });
    EXPECT_EQ(vgic::map_hw(m.cpu(0), 3, 28).error(), Errno::kInval);
    EXPECT_EQ(vgic::map_hw(m.cpu(0), 27, 99).error(), Errno::kInval);
}

TEST_F(Mapped, GuestWritesReachThePhysicalState) {
    m.write(0, Machine::gicr(0, 0x10300), 1u << 27);
    m.write(0, Machine::gicr(0, 0x10380), 1u << 27);
    m.write(0, Machine::gicr(0, 0x10200), 1u << 27);
    m.write(0, Machine::gicr(0, 0x10280), 1u << 27);
    EXPECT_EQ(m.callbacks.physical,
              (std::vector<FakeCallbacks::Physical>{{0, 28, true}, {0, 28, false}, {0, 28, true}, {0, 28, false}}));
    // Quietened while disabled: enabling looks at the line.
    m.callbacks.physical.clear();
    m.enable(0, 27, false);
    m.callbacks.high.clear();
    m.enable(0, 27);
    EXPECT_EQ(m.callbacks.physical, (std::vector<FakeCallbacks::Physical>{{0, 28, false}}));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

// GICD_CTLR forwards nothing, but what is active has still to be ended: [IHI0069] 4.3.
TEST(ListRegisters, WithTheDistributorOffThePendingTakeNone) {
    Machine m(1, 1);
    m.enable(0, 20);
    m.enable(0, 21);
    m.inject(0, 21, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 21u); });
    m.inject(0, 20, true);
    m.distributor->set_enabled(false);
    m.flush(0);
    EXPECT_EQ(m.guest(0).state(21), arch::kLrActive);
    m.sync(0);
}

// Its latch is in the list register, and nothing else is left to do: only that tells that the vCPU must hear of the change.
TEST(ListRegisters, AChangeOfTheGroupOfWhatIsInOneKicks) {
    Machine m(2);
    m.enable(0, 5);
    m.write(1, Machine::gicr(0, 0x10200), 1u << 5);
    m.flush(0);
    ASSERT_TRUE(m.guest(0).state(5));
    m.callbacks.kicks.clear();
    m.write(1, Machine::gicr(0, 0x10080), ~(1u << 5));
    EXPECT_TRUE(m.callbacks.kicked(0));
    m.sync(0);
}

}  // namespace
}  // namespace nest::test
