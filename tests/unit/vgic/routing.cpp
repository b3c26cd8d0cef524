// SPDX-License-Identifier: GPL-2.0-only
// SGIs, SPI routes, wake-ups, deactivation on another vCPU, and interrupts in the list registers of a running vCPU.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/hw/icc.hpp>

namespace nest::test {
namespace {

using arch::SysReg;

struct Sgi : testing::Test {
    Machine m{4};
    std::vector<unsigned> send(unsigned from, u64 value, SysReg reg = SysReg::ICC_SGI1R_EL1) {
        m.callbacks.kicks.clear();
        EXPECT_TRUE(vgic::trapped_write(m.cpu(from), reg, value));
        std::vector<unsigned> kicked = m.callbacks.kicks;
        std::sort(kicked.begin(), kicked.end());
        return kicked;
    }
};

TEST_F(Sgi, TargetListSelects) {
    EXPECT_EQ(send(0, 7u << 24 | 0b1010), (std::vector<unsigned>{1, 3}));
    EXPECT_EQ(m.handle(1), 7u);
    EXPECT_EQ(m.handle(3), 7u);
    EXPECT_EQ(m.handle(2), FakeCpuInterface::kSpurious);
}
TEST_F(Sgi, SelfIsAllowed) {
    EXPECT_EQ(send(2, 1u << 24 | 0b100), std::vector<unsigned>{2});
    EXPECT_EQ(m.handle(2), 1u);
}
TEST_F(Sgi, BroadcastSparesTheSender) {
    EXPECT_EQ(send(1, u64{1} << 40 | 0xffff), (std::vector<unsigned>{0, 2, 3}));
}
TEST_F(Sgi, OtherAffinityAndRangeHitNobody) {
    EXPECT_TRUE(send(0, 1 | u64{1} << 16).empty());
    EXPECT_TRUE(send(0, 1 | u64{1} << 32).empty());
    EXPECT_TRUE(send(0, 1 | u64{1} << 48).empty());
    EXPECT_TRUE(send(0, 1 | u64{1} << 44).empty());
}
TEST_F(Sgi, Group1IsNotRaisedByTheGroup0Registers) {
    EXPECT_TRUE(send(0, 0b10, SysReg::ICC_SGI0R_EL1).empty());
    EXPECT_TRUE(send(0, 0b10, SysReg::ICC_ASGI1R_EL1).empty());
    m.write(1, Machine::gicr(1, 0x10080), ~1u);  // SGI 0 to group 0
    EXPECT_EQ(send(0, 0b10, SysReg::ICC_SGI0R_EL1), std::vector<unsigned>{1});
    EXPECT_EQ(send(0, 0b10, SysReg::ICC_SGI1R_EL1), std::vector<unsigned>{1});
}
TEST_F(Sgi, DisabledLatchesWithoutAKick) {
    m.enable(1, 5, false);
    EXPECT_TRUE(send(0, 5u << 24 | 0b10).empty());
    m.enable(1, 5);
    EXPECT_EQ(m.handle(1), 5u);
}
TEST_F(Sgi, AffinityAbove16Vcpus) {
    Machine none(0);
    vgic::Distributor d(none.callbacks, none.gic, kIpaLimit);
    std::vector<std::unique_ptr<vgic::CpuInterface>> cpus;
    for (unsigned i = 0; i < 40; i++) {
        cpus.push_back(std::make_unique<vgic::CpuInterface>());
        Machine::ok(d.register_cpu(*cpus.back(), 39 - i, (39 - i) % 16 | (39 - i) / 16 << 8));
    }
    vgic::send_sgi(*cpus[0], SysReg::ICC_SGI1R_EL1, u64{2} << 16 | 0b10);  // id 33, created as the seventh
    EXPECT_EQ(none.callbacks.kicks, std::vector<unsigned>{6});
}

struct Route : testing::Test {
    Machine m{3};
    Route() {
        m.make_edge(40);
        m.enable(0, 40);
    }
    void route(u64 affinity) { m.write(0, Machine::gicd(0x6000 + 8 * 40), affinity, 8); }
};

TEST_F(Route, PendingFollowsTheRouteAtOnce) {
    m.inject(0, 40, true);
    m.callbacks.kicks.clear();
    route(2);
    EXPECT_TRUE(m.callbacks.kicked(2));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_EQ(m.handle(2), 40u);
}
TEST_F(Route, ActiveStaysAndTheNextOneMoves) {
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) { g.acknowledge(); });
    route(1);
    m.inject(0, 40, true);
    EXPECT_EQ(m.handle(1), FakeCpuInterface::kSpurious);
    m.run(0, [](FakeCpuInterface& g) {
        g.eoi(40);
        EXPECT_EQ(g.acknowledge(), 40u) << "both states were in the list register";
        g.eoi(40);
    });
    m.inject(0, 40, true);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_EQ(m.handle(1), 40u);
}
TEST_F(Route, ListedOneMovesWhenItsVcpuComesBack) {
    m.inject(0, 40, true);
    m.flush(0);
    m.callbacks.kicks.clear();
    route(1);
    EXPECT_FALSE(m.callbacks.kicked(1));
    EXPECT_EQ(m.handle(1), FakeCpuInterface::kSpurious);
    m.callbacks.kicks.clear();
    m.sync(0);
    EXPECT_TRUE(m.callbacks.kicked(1));
    EXPECT_EQ(m.handle(1), 40u);
}
TEST_F(Route, NobodyThere) {
    route(0x700);
    m.inject(0, 40, true);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(m.handle(i), FakeCpuInterface::kSpurious);
    EXPECT_EQ(m.read(0, Machine::gicd(0x6000 + 8 * 40), 8), 0x700u);
    route(0);
    EXPECT_EQ(m.handle(0), 40u);
}

// [IHI0069] 4.6.2, 4.8.5: one interrupt is signalled, the one of the highest priority, by its group's line.
// User space gives a vCPU another MPIDR_EL1 when the vGIC is there already.
struct Renamed : testing::Test {
    static constexpr u64 kMpidr = 0x8000'0300, kAffinity = 0x300;
    Machine m{3};
    void rename(unsigned vcpu = 1, u64 mpidr = kMpidr) { m.distributor->set_affinity(m.cpu(vcpu), mpidr); }
};

TEST_F(Renamed, TyperSgisAndNamesFollow) {
    rename();
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0x8), 8) >> 32, kAffinity);
    EXPECT_EQ(m.distributor->find_affinity(kAffinity), &m.cpu(1));
    EXPECT_EQ(m.distributor->find_affinity(1), nullptr);
    vgic::send_sgi(m.cpu(0), SysReg::ICC_SGI1R_EL1, u64{5} << 24 | 3 << 16 | 1);
    EXPECT_EQ(m.cpu(1).private_irqs.latch, 1u << 5);
    vgic::send_sgi(m.cpu(0), SysReg::ICC_SGI1R_EL1, u64{6} << 24 | 1 << 1);
    EXPECT_EQ(m.cpu(1).private_irqs.latch, 1u << 5) << "nobody has the old one";
    EXPECT_EQ(m.cpu(1).index, 1u);
}

TEST_F(Renamed, SpisRoutedThereBeforeArrive) {
    m.make_edge(40);
    m.enable(0, 40);
    m.write(0, Machine::gicd(0x6000 + 8 * 40), kAffinity, 8);
    m.inject(0, 40, true);
    EXPECT_EQ(m.cpu(1).held_count.load_relaxed(), 0u);
    m.callbacks.kicks.clear();
    rename();
    EXPECT_TRUE(m.callbacks.kicked(1));
    EXPECT_EQ(m.handle(1), 40u);
}

// Affinity 0 is what IROUTER reads as while nobody has written it, and then vCPU 0 is meant.
TEST_F(Renamed, WhatWasNeverRoutedStaysWithTheFirst) {
    m.make_edge(40);
    m.enable(0, 40);
    rename(0, 0x8000'0700);
    rename(2, 0x8000'0000);
    m.inject(0, 40, true);
    EXPECT_EQ(m.handle(0), 40u);
    m.write(0, Machine::gicd(0x6000 + 8 * 40), 0, 8);
    m.inject(0, 40, true);
    EXPECT_EQ(m.handle(2), 40u);
}

TEST(Wake, GroupZeroIsSignalledAsFiq) {
    using vgic::Signal;
    Machine m(1);
    vgic::CpuInterface& cpu = m.cpu(0);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kNone);
    for (unsigned intid : {20u, 21u}) {
        m.enable(0, intid);
        m.inject(0, intid, true);
        m.write(0, Machine::gicr(0, 0x10400 + intid), 0x80, 1);
    }
    EXPECT_EQ(vgic::signalled(cpu), Signal::kIrq);
    m.write(0, Machine::gicr(0, 0x10080), ~(1u << 20));
    EXPECT_EQ(vgic::signalled(cpu), Signal::kIrq) << "group 0 is off";
    cpu.hw.vmcr |= arch::ICH_VMCR_EL2::VENG0::kMask;
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0x78, 1);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kFiq);
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0x88, 1);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kIrq) << "the other one is more urgent";
    m.inject(0, 21, false);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kFiq);
    cpu.hw.vmcr &= ~arch::ICH_VMCR_EL2::VENG1::kMask;
    m.inject(0, 21, true);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kFiq) << "group 1 is off";
    // A shared one beside a private one.
    m.write(0, Machine::gicd(0x80 + 4), ~(1u << 8));
    m.enable(0, 40);
    m.inject(0, 40, true);
    m.inject(0, 20, false);
    EXPECT_EQ(vgic::signalled(cpu), Signal::kFiq) << "an SPI";
}

// With another one that is masked, so that the vCPU has something to look at.
TEST(Wake, ADisabledOneSignalsNothing) {
    Machine m(1);
    m.enable(0, 20);
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0xf8, 1);
    m.inject(0, 20, true);
    m.inject(0, 21, true);
    EXPECT_FALSE(vgic::has_pending(m.cpu(0)));
    m.enable(0, 21);
    EXPECT_TRUE(vgic::has_pending(m.cpu(0)));
}

TEST(Wake, MaskGroupActiveAndEnable) {
    Machine m(1);
    vgic::CpuInterface& cpu = m.cpu(0);
    EXPECT_FALSE(vgic::has_pending(cpu));
    m.inject(0, 20, true);
    EXPECT_FALSE(vgic::has_pending(cpu));
    m.enable(0, 20);
    EXPECT_TRUE(vgic::has_pending(cpu));
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0xf8, 1);
    EXPECT_FALSE(vgic::has_pending(cpu)) << "not above the mask 0xf0";
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0xf0, 1);
    EXPECT_FALSE(vgic::has_pending(cpu)) << "equal to the mask";
    m.write(0, Machine::gicr(0, 0x10400 + 20), 0xe8, 1);
    EXPECT_TRUE(vgic::has_pending(cpu));
    m.write(0, Machine::gicr(0, 0x10080), 0);
    EXPECT_FALSE(vgic::has_pending(cpu)) << "group 0 is off";
    m.write(0, Machine::gicr(0, 0x10080), ~0u);
    m.write(0, Machine::gicr(0, 0x10300), 1u << 20);
    EXPECT_FALSE(vgic::has_pending(cpu)) << "active";
    m.enable(0, 40);
    m.inject(0, 40, true);
    EXPECT_TRUE(vgic::has_pending(cpu)) << "an SPI";
}

struct SplitEoi : testing::Test {
    Machine m{2};
    SplitEoi() {
        m.make_edge(40);
        m.enable(0, 40);
        for (unsigned i = 0; i < 2; i++)
            m.run(i, [](FakeCpuInterface& g) { g.set_vmcr(0xf0, true, true); });
        m.callbacks.kicks.clear();
    }
};

TEST_F(SplitEoi, OwnInterruptIsDeactivatedWithoutATrap) {
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) {
        g.eoi(g.acknowledge());
        EXPECT_EQ(g.state(40), arch::kLrActive);
        EXPECT_TRUE(g.dir(40));
    });
    EXPECT_EQ(m.bank(0, 40).active, 0u);
}
TEST_F(SplitEoi, OtherVcpuTrapsWhileAnSpiIsOut) {
    m.flush(1);
    m.inject(0, 40, true);
    EXPECT_TRUE(m.callbacks.kicked(1)) << "it runs without the trap";
    m.sync(1);
    m.run(0, [](FakeCpuInterface& g) { g.eoi(g.acknowledge()); });
    m.run(1, [](FakeCpuInterface& g) { EXPECT_FALSE(g.dir(40)); });
    EXPECT_TRUE(vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 40));
    EXPECT_EQ(m.bank(0, 40).active, 0u);
    m.run(1, [](FakeCpuInterface& g) { EXPECT_TRUE(g.dir(40)); });
}
TEST_F(SplitEoi, OtherVcpuTrapsAlsoWithInterruptsOfItsOwn) {
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) { g.eoi(g.acknowledge()); });
    m.enable(1, 20);
    m.inject(1, 20, true);
    m.run(1, [](FakeCpuInterface& g) {
        EXPECT_EQ(g.acknowledge(), 20u);
        EXPECT_FALSE(g.dir(40));
    });
    m.run(0, [](FakeCpuInterface& g) { EXPECT_TRUE(g.dir(40)) << "its own needs no trap"; });
}
TEST_F(SplitEoi, ActiveSpiWithoutATargetCanBeDeactivated) {
    m.write(0, Machine::gicd(0x6000 + 8 * 40), 0x700, 8);
    m.write(1, Machine::gicd(0x304), 1u << 8);
    m.run(1, [](FakeCpuInterface& g) { EXPECT_FALSE(g.dir(40)); });
    vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 40);
    EXPECT_EQ(m.bank(0, 40).active, 0u);
    EXPECT_EQ(m.distributor->held_spis(), 0u);
}
TEST_F(SplitEoi, DeactivationOfAListedInterruptHaltsItsVcpu) {
    m.inject(0, 40, true);
    m.flush(0);
    FakeCpuInterface g = m.guest(0);
    g.eoi(g.acknowledge());
    m.callbacks.on_halt = [&] { m.sync(0); };
    EXPECT_TRUE(vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 40));
    EXPECT_EQ(m.callbacks.halts, 1u);
    EXPECT_EQ(m.callbacks.resumes, 1u);
    EXPECT_EQ(m.bank(0, 40).active, 0u);
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
}
TEST_F(SplitEoi, LevelDeactivatedByTrapIsAnnounced) {
    m.enable(0, 41);
    m.inject(0, 41, true);
    m.run(0, [](FakeCpuInterface& g) { g.eoi(g.acknowledge()); });
    m.inject(0, 41, false);
    vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 41);
    EXPECT_EQ(m.callbacks.eois, std::vector<unsigned>{41});
    vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 41);
    vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 5000);
    EXPECT_EQ(m.callbacks.eois.size(), 1u);
}

// The last bank of a full distributor has bits for 1020 to 1023, which are no SPIs.
TEST(Running, DirDeactivatesNoSpecialIntid) {
    Machine m(1, 4, 1024);
    m.run(0, [](FakeCpuInterface& g) { g.set_vmcr(0xf0, true, true); });  // EOImode 1
    m.bank(0, 1020).active = vgic::bit_of(1020);
    vgic::trapped_write(m.cpu(0), SysReg::ICC_DIR_EL1, 1020);
    EXPECT_EQ(m.bank(0, 1020).active, vgic::bit_of(1020));
}

TEST(Running, ClearingWhatIsListedElsewhereHalts) {
    Machine m(2);
    m.make_edge(40);
    m.enable(0, 40);
    for (const u64 offset : {0x180, 0x280, 0x300, 0x380}) {  // ICENABLER, ICPENDR, ISACTIVER, ICACTIVER
        m.enable(0, 40);
        m.inject(0, 40, true);
        m.flush(0);
        m.callbacks.halts = m.callbacks.resumes = 0;
        m.callbacks.on_halt = [&] { m.sync(0); };
        m.write(1, Machine::gicd(offset + 4), 1u << 8);
        EXPECT_EQ(m.callbacks.halts, 1u) << offset;
        EXPECT_EQ(m.callbacks.resumes, 1u) << offset;
        m.callbacks.on_halt = nullptr;
        const bool deliverable = offset == 0x380;
        m.write(1, Machine::gicd(0x384), 0);
        EXPECT_EQ(m.handle(0), deliverable ? 40u : FakeCpuInterface::kSpurious) << offset;
        m.write(0, Machine::gicd(0x384), 1u << 8);
        m.write(0, Machine::gicd(0x284), 1u << 8);
    }
}
TEST(Running, ReadingStateThatIsListedElsewhereHaltsAndIsExact) {
    Machine m(2);
    m.make_edge(40);
    m.enable(0, 40);
    m.inject(0, 40, true);
    m.flush(0);
    m.guest(0).acknowledge();
    m.callbacks.on_halt = [&] { m.sync(0); };
    EXPECT_EQ(m.read(1, Machine::gicd(0x304)), 1u << 8);
    EXPECT_EQ(m.callbacks.halts, 1u);
    EXPECT_EQ(m.read(1, Machine::gicd(0x304)), 1u << 8);
    EXPECT_EQ(m.callbacks.halts, 1u) << "nothing is listed any more";
}
TEST(Running, FallingLevelIsTakenBack) {
    Machine m(1);
    m.enable(0, 41);
    m.enable(0, 20);
    for (const unsigned intid : {20u, 41u}) {
        m.inject(0, intid, true);
        m.flush(0);
        m.callbacks.kicks.clear();
        m.inject(0, intid, false);
        EXPECT_TRUE(m.callbacks.kicked(0)) << intid;
        m.sync(0);
        EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious) << intid;
    }
}

}  // namespace
}  // namespace nest::test
