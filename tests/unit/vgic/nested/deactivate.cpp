// SPDX-License-Identifier: GPL-2.0-only
// L2 deactivates what L1 takes for a physical interrupt: a PPI with one of the host's behind it, or any without.
#include <tests/unit/vgic/nested/machine.hpp>

namespace nest::test {
namespace {

constexpr unsigned kSoft = 20, kSpi = 40;

struct NestedDeactivate : NestedMachine {
    NestedDeactivate() {
        m.enable(0, kTimer);
        m.enable(0, kSoft);
        m.write(0, Machine::gicd(0x6000 + kSpi * 8), 0, 8);
        m.enable(0, kSpi);
    }
    // L1's handler up to the priority drop, after which the interrupt is L2's.
    void taken_by_l1(unsigned vcpu, unsigned intid) {
        m.inject(vcpu, intid, true);
        m.run(vcpu, [&](FakeCpuInterface& g) {
            g.set_vmcr(0xf0, true, true);
            ASSERT_EQ(g.acknowledge(), intid);
            g.eoi(intid);
        });
        ASSERT_TRUE(m.bank(vcpu, intid).active & vgic::bit_of(intid));
        m.callbacks.kicks.clear();
        m.callbacks.physical.clear();
        cpu.registers[arch::SysReg::ICH_VMCR_EL2] = file.get<arch::ICH_VMCR_EL2>().raw;
    }
};

TEST_F(NestedDeactivate, MappedLevelIsDoneByHardware) {
    taken_by_l1(0, kTimer);
    set_lr(0, hard(60, kTimer));
    EXPECT_EQ(handle(), 60u);
    EXPECT_FALSE(is_active(kTimer));
    EXPECT_TRUE(m.callbacks.physical.empty());
    EXPECT_FALSE(vgic::hw_active(l1, kTimer));
    EXPECT_FALSE(vgic::has_pending(l1)) << "the physical GIC reports the next rise";
    EXPECT_EQ(l1.work.load_relaxed(), 0u);
}

TEST_F(NestedDeactivate, MappedLevelIsResampled) {
    for (const bool high : {false, true}) {
        make_active(kTimer);
        l1.private_irqs.line |= vgic::bit_of(kTimer);
        m.callbacks.high.clear();
        if (high)
            m.callbacks.high.insert({0, kTimer});
        l1.hw.vmcr = 0xf000'0002;
        set_lr(0, hard(60, kTimer));
        EXPECT_EQ(handle(), 60u);
        EXPECT_EQ(vgic::has_pending(l1), high);
        EXPECT_TRUE(m.callbacks.physical.empty());
    }
}

TEST_F(NestedDeactivate, AcknowledgedInAnEarlierRun) {
    taken_by_l1(0, kTimer);
    set_lr(0, hard(60, kTimer));
    run([](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 60u); });
    EXPECT_EQ(lr(0), hard(60, kTimer, arch::kLrActive));
    EXPECT_TRUE(is_active(kTimer));
    EXPECT_TRUE(vgic::hw_active(l1, kTimer)) << "stays active wherever the vCPU goes";
    run([](FakeCpuInterface& g) { g.eoi(60); });
    EXPECT_EQ(lr(0), hard(60, kTimer, arch::kLrInvalid));
    EXPECT_FALSE(is_active(kTimer));
}

TEST_F(NestedDeactivate, MappedButKeptInSoftwareIsDoneByUs) {
    taken_by_l1(0, kTimer);
    set_lr(0, hard(60, kTimer, arch::kLrPendingActive));
    run([](FakeCpuInterface& g) {
        const auto active = g.view(0).with<L::State>(arch::kLrPending);
        g.lr(0) = active.raw;  // deactivated, and pending still
    });
    EXPECT_EQ(lr(0), hard(60, kTimer, arch::kLrPending));
    EXPECT_FALSE(is_active(kTimer));
    EXPECT_EQ(m.callbacks.physical, (std::vector<FakeCallbacks::Physical>{{0, kHostTimer, false}}));
}

TEST_F(NestedDeactivate, SoftwarePpiRaisesMaintenanceAndEnds) {
    taken_by_l1(0, kSoft);
    set_lr(0, hard(60, kSoft));
    run([](FakeCpuInterface& g) {
        EXPECT_EQ(g.acknowledge(), 60u);
        EXPECT_FALSE(g.maintenance());
        g.eoi(60);
        EXPECT_TRUE(g.maintenance()) << "or we would not come back";
        EXPECT_TRUE(g.physically_deactivated.empty());
    });
    EXPECT_FALSE(is_active(kSoft));
    EXPECT_TRUE(m.callbacks.physical.empty());
    EXPECT_FALSE(vgic::nested_maintenance(file, 4)) << "that is no maintenance interrupt of L1's";
    EXPECT_TRUE(vgic::has_pending(l1)) << "the line is high still";
}

TEST_F(NestedDeactivate, SpiEndsAndItsIrqfdIsResampled) {
    taken_by_l1(0, kSpi);
    set_lr(3, hard(60, kSpi));
    EXPECT_EQ(handle(), 60u);
    EXPECT_FALSE(is_active(kSpi));
    EXPECT_EQ(m.callbacks.eois, std::vector{kSpi});
    m.inject(0, kSpi, false);
    EXPECT_EQ(m.distributor->spi_bank(0).holder[kSpi % 32], vgic::kNobody);
    EXPECT_EQ(l1.work.load_relaxed(), 0u);
}

// L1 has moved its L2: the SPI was acknowledged by another vCPU, and is active there outside of list registers.
TEST_F(NestedDeactivate, SpiOfAnotherVcpu) {
    m.write(0, Machine::gicd(0x6000 + kSpi * 8), 1, 8);
    taken_by_l1(1, kSpi);
    m.inject(0, kSpi, false);
    set_lr(0, hard(60, kSpi));
    EXPECT_EQ(handle(), 60u);
    EXPECT_FALSE(is_active(kSpi));
    EXPECT_EQ(m.distributor->spi_bank(0).holder[kSpi % 32], vgic::kNobody);
}

// The same while that vCPU runs, with the SPI in a list register.
TEST_F(NestedDeactivate, SpiInAnotherVcpusListRegister) {
    m.write(0, Machine::gicd(0x6000 + kSpi * 8), 1, 8);
    taken_by_l1(1, kSpi);
    m.inject(0, kSpi, false);
    m.flush(1);
    EXPECT_EQ(m.guest(1).state(kSpi), arch::kLrActive);
    m.callbacks.kicks.clear();
    set_lr(0, hard(60, kSpi));
    EXPECT_EQ(handle(), 60u);
    EXPECT_TRUE(m.callbacks.kicked(1));
    EXPECT_TRUE(m.callbacks.eois.empty());
    m.sync(1);
    EXPECT_FALSE(is_active(kSpi));
    EXPECT_EQ(m.callbacks.eois, std::vector{kSpi});
    EXPECT_EQ(m.distributor->spi_bank(0).holder[kSpi % 32], vgic::kNobody);
    // Once only.
    taken_by_l1(1, kSpi);
    m.flush(1);
    m.sync(1);
    EXPECT_TRUE(is_active(kSpi));
}

TEST_F(NestedDeactivate, WhatIsNotActiveStaysAsItIs) {
    m.inject(0, kSoft, true);
    m.inject(0, kSpi, true);
    for (const unsigned pintid : {kSoft, kSpi, kTimer, 3u, 95u, 96u, 1000u, 1023u, 8191u}) {
        set_lr(0, hard(60, pintid));
        EXPECT_EQ(handle(), 60u);
    }
    set_lr(0, hard(60, kTimer, arch::kLrPendingActive));  // the one that hardware does not do for us
    run([](FakeCpuInterface& g) { g.lr(0) = 0; });
    EXPECT_TRUE(l1.private_irqs.pending() & vgic::bit_of(kSoft));
    EXPECT_TRUE(m.bank(0, kSpi).pending() & vgic::bit_of(kSpi));
    EXPECT_TRUE(m.callbacks.physical.empty());
    EXPECT_TRUE(m.callbacks.eois.empty());
}

TEST_F(NestedDeactivate, SoftwareInterruptsOfL1sEndNothing) {
    taken_by_l1(0, kSoft);
    make_active(0);  // what the field for the physical number says in a list register without one
    set_lr(0, soft(kSoft));
    EXPECT_EQ(handle(), kSoft);
    EXPECT_TRUE(is_active(kSoft));
    EXPECT_TRUE(is_active(0));
}

TEST_F(NestedDeactivate, EndedMeansNoLongerActive) {
    const u64 I = arch::kLrInvalid, P = arch::kLrPending, A = arch::kLrActive, PA = arch::kLrPendingActive;
    const struct {
        u64 before, now;
        bool ended;
    } cases[] = {{P, P, false}, {P, A, false}, {P, I, true}, {A, A, false}, {A, I, true}, {A, P, true},
                 {PA, PA, false}, {PA, A, false}, {PA, P, true}, {PA, I, true}};
    for (const auto& c : cases) {
        make_active(kSoft);
        set_lr(0, hard(60, kSoft, c.before));
        run([&](FakeCpuInterface& g) { g.lr(0) = g.view(0).with<L::State>(c.now).raw; });
        EXPECT_EQ(!is_active(kSoft), c.ended) << c.before << " to " << c.now;
        EXPECT_EQ(state(0), c.now);
    }
}

}  // namespace
}  // namespace nest::test
