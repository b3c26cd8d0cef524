// SPDX-License-Identifier: GPL-2.0-only
// LPIs from message to handler, their tables in guest memory, and the registers that switch them on.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/lpi.hpp>

namespace nest::test {
namespace {

constexpr unsigned kLpi = 8192 + 40;
constexpr u64 kProperties = FakeCallbacks::kRamBase, kPending = FakeCallbacks::kRamBase + 0x2'0000;
constexpr u64 kCtlr = 0x0, kPropbaser = 0x70, kPendbaser = 0x78, kInvlpir = 0xa0, kInvallr = 0xb0;
constexpr u64 kPtz = u64{1} << 62;

struct Lpi : testing::Test {
    Lpi() {
        m.callbacks.ram.resize(0x6'0000);
        m.distributor->offer_lpis();
        m.write(0, Machine::gicr(0, kPropbaser), kProperties | 15, 8);
        for (unsigned i = 0; i < 2; i++)
            m.write(0, Machine::gicr(i, kPendbaser), kPending + i * 0x1'0000, 8);
    }
    void enable(unsigned vcpu, bool on = true) { m.write(0, Machine::gicr(vcpu, kCtlr), on); }
    void map(unsigned intid, unsigned vcpu, u8 property = 0xa1) {
        Machine::ok(vgic::map_lpi(d(), intid));
        vgic::set_lpi_target(d(), intid, vcpu);
        vgic::set_lpi_property(d(), intid, property);
    }
    bool send(unsigned intid) {
        vgic::Kicks kicks;
        const bool taken = vgic::pend_lpi(d(), intid, kicks);
        kicks.deliver(d());
        return taken;
    }
    u8& pending_byte(unsigned vcpu, unsigned intid) {
        return m.callbacks.ram[kPending - FakeCallbacks::kRamBase + vcpu * 0x1'0000 + intid / 8];
    }
    u8& property(unsigned intid) { return m.callbacks.ram[intid - vgic::kFirstLpi]; }
    bool lpi_enabled(unsigned intid) {
        IrqGuard guard(d().shared_lock());
        return d().lpi_bank(vgic::bank_index(intid))->enabled & vgic::bit_of(intid);
    }
    vgic::Distributor& d() { return *m.distributor; }
    Machine m;
};

TEST_F(Lpi, AMessageReachesTheHandlerOnce) {
    enable(0);
    map(kLpi, 0);
    EXPECT_TRUE(send(kLpi));
    EXPECT_TRUE(m.callbacks.kicked(0));
    EXPECT_TRUE(has_pending(m.cpu(0)));
    EXPECT_EQ(m.handle(0), kLpi);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_FALSE(has_pending(m.cpu(0)));
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
}

TEST_F(Lpi, AMessageDuringTheHandlerComesAgain) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi); });
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { g.eoi(kLpi); });
    EXPECT_EQ(m.handle(0), kLpi);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, ADisabledOneWaits) {
    enable(0);
    map(kLpi, 0, 0xa0);
    EXPECT_TRUE(send(kLpi));
    EXPECT_TRUE(m.callbacks.kicks.empty());
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    vgic::set_lpi_property(d(), kLpi, 0xa1);
    EXPECT_TRUE(m.callbacks.kicked(0));
    EXPECT_EQ(m.handle(0), kLpi);
}

TEST_F(Lpi, NobodyTakesOneWithoutUserTargetOrRedistributor) {
    EXPECT_FALSE(send(kLpi));
    Machine::ok(vgic::map_lpi(d(), kLpi));
    vgic::set_lpi_property(d(), kLpi, 1);
    EXPECT_FALSE(send(kLpi));
    vgic::set_lpi_target(d(), kLpi, 0);
    EXPECT_FALSE(send(kLpi));       // EnableLPIs is clear
    enable(0);
    EXPECT_TRUE(send(kLpi));
    vgic::unmap_lpi(d(), kLpi);
    EXPECT_FALSE(send(kLpi));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_FALSE(send(17));
    EXPECT_FALSE(send(65536));
}

TEST_F(Lpi, ItsNumberIsWithinTheTables) {
    EXPECT_EQ(vgic::map_lpi(d(), 8191).error(), Errno::kInval);
    EXPECT_EQ(vgic::map_lpi(d(), 65536).error(), Errno::kInval);
    m.write(0, Machine::gicr(0, kPropbaser), kProperties | 13, 8);
    EXPECT_EQ(vgic::map_lpi(d(), 16384).error(), Errno::kInval);
    EXPECT_TRUE(vgic::map_lpi(d(), 16383).ok());
    m.write(0, Machine::gicr(0, kPropbaser), kProperties | 12, 8);
    EXPECT_EQ(vgic::map_lpi(d(), 8192).error(), Errno::kInval);
}

TEST_F(Lpi, ItLivesAsLongAsItsLastUser) {
    enable(0);
    map(kLpi, 0);
    Machine::ok(vgic::map_lpi(d(), kLpi));
    vgic::unmap_lpi(d(), kLpi);
    EXPECT_TRUE(send(kLpi));
    vgic::unmap_lpi(d(), kLpi);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    map(kLpi, 0);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);    // a new one: nothing of the old one is left
}

TEST_F(Lpi, APendingOneMovesWithItsTarget) {
    enable(0), enable(1);
    map(kLpi, 0);
    send(kLpi);
    vgic::set_lpi_target(d(), kLpi, 1);
    EXPECT_TRUE(m.callbacks.kicked(1));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_EQ(m.handle(1), kLpi);
}

TEST_F(Lpi, OneInAListRegisterMovesAtTheSync) {
    enable(0), enable(1);
    map(kLpi, 0);
    send(kLpi);
    m.flush(0);
    m.callbacks.kicks.clear();
    vgic::set_lpi_target(d(), kLpi, 1);
    EXPECT_TRUE(m.callbacks.kicked(0));
    m.sync(0);
    EXPECT_TRUE(m.callbacks.kicked(1));
    EXPECT_EQ(m.handle(1), kLpi);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, ClearTakesItBackFromAListRegister) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    m.flush(0);
    vgic::clear_lpi(d(), kLpi);
    m.sync(0);
    EXPECT_FALSE(vgic::lpi_pending(d(), kLpi));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, UnmappedInAListRegisterItIsNobodysAfterwards) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) {
        EXPECT_EQ(g.acknowledge(), kLpi);
        vgic::unmap_lpi(d(), kLpi);
    });
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, PriorityDecidesAmongMany) {
    enable(0);
    for (unsigned i = 0; i < 40; i++)
        map(vgic::kFirstLpi + i * 97, 0, static_cast<u8>((39 - i) / 8 << 4 | 1));
    for (unsigned i = 0; i < 40; i++)
        send(vgic::kFirstLpi + i * 97);
    m.enable(0, 20);
    m.inject(0, 20, true);      // a PPI of priority 0
    unsigned handled = 0, last = 0;
    for (unsigned intid = m.handle(0); intid != FakeCpuInterface::kSpurious && handled < 100; intid = m.handle(0)) {
        m.inject(0, 20, false);
        if (intid == 20)
            continue;
        const unsigned urgency = (39 - (intid - vgic::kFirstLpi) / 97) / 8;
        EXPECT_GE(urgency, last);
        last = urgency;
        handled++;
    }
    EXPECT_EQ(handled, 40u);
}

// Four list registers, each with an LPI that is being handled; a fifth of a higher priority needs one.
TEST_F(Lpi, AnActiveOneWithoutAListRegisterIsForgotten) {
    enable(0);
    for (unsigned i = 0; i < 5; i++)
        map(kLpi + i, 0, static_cast<u8>((5 - i) << 3 | 1));
    for (unsigned i = 0; i < 5; i++) {
        send(kLpi + i);
        m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi + i); });
    }
    m.run(0, [&](FakeCpuInterface& g) {
        for (unsigned i = 5; i-- > 0;)
            g.eoi(kLpi + i);
    });
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
    EXPECT_EQ(m.cpu(0).held_count.load_relaxed(), 0u);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_TRUE(send(kLpi + i));
        EXPECT_EQ(m.handle(0), kLpi + i);
    }
}

// It has no active state that the next vCPU could inherit.
TEST_F(Lpi, WhatAVcpuHandlesIsNotActiveOnAnother) {
    enable(0), enable(1);
    map(kLpi, 0);
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi); });
    vgic::set_lpi_target(d(), kLpi, vgic::kNobody);     // MAPC, not valid
    vgic::set_lpi_target(d(), kLpi, 1);
    m.run(0, [&](FakeCpuInterface& g) { g.eoi(kLpi); });
    EXPECT_EQ(m.cpu(1).work.load_relaxed(), 0u);
    send(kLpi);
    EXPECT_EQ(m.handle(1), kLpi);
    EXPECT_EQ(m.handle(1), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, OneThatIsNeverEndedMovesAllTheSame) {
    enable(0), enable(1);
    map(kLpi, 0);
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi); });
    vgic::set_lpi_target(d(), kLpi, 1);                 // MOVI; vCPU 0 goes off in its handler
    m.run(0, [](FakeCpuInterface&) {});
    send(kLpi);
    EXPECT_EQ(m.handle(1), kLpi);
}

TEST_F(Lpi, TakingLpisNoMoreEndsTheHandling) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi); });
    enable(0, false);
    m.run(0, [&](FakeCpuInterface& g) { g.eoi(kLpi); });
    enable(0);
    send(kLpi);
    EXPECT_EQ(m.handle(0), kLpi);
}

TEST_F(Lpi, PendingOneThatCameFromAnotherIsTakenWithTheEnabling) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    vgic::set_lpi_target(d(), kLpi, 1);
    enable(1);
    EXPECT_EQ(m.handle(1), kLpi);
}

// Its pending state has no list register and nobody counts it as active any more: the guest's time has to end for it.
TEST_F(Lpi, AForgottenOneThatIsPendingAgainEndsTheGuestsTime) {
    enable(0);
    for (unsigned i = 0; i < 5; i++)
        map(kLpi + i, 0, static_cast<u8>((5 - i) << 3 | 1));
    send(kLpi);
    m.run(0, [&](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kLpi); });
    for (unsigned i = 0; i < 5; i++)
        send(kLpi + i);
    m.run(0, [&](FakeCpuInterface&) {
        EXPECT_TRUE(m.cpu(0).hw.hcr & (arch::ICH_HCR_EL2::UIE::kMask | arch::ICH_HCR_EL2::NPIE::kMask));
    });
}

TEST_F(Lpi, OfTwoInvalidationsTheLaterByteStays) {
    enable(0);
    map(kLpi, 0, 0xa0);
    property(kLpi) = 0xa0;
    m.callbacks.on_read = [&] {
        property(kLpi) = 0xa1;
        vgic::refresh_lpi_property(d(), kLpi);
    };
    vgic::refresh_lpi_property(d(), kLpi);
    EXPECT_TRUE(lpi_enabled(kLpi));
}

TEST_F(Lpi, EnablingReadsThePendingTableUnlessItIsZero) {
    map(kLpi, 0), map(kLpi + 1, 1);
    pending_byte(0, kLpi) |= 1 << kLpi % 8;
    pending_byte(1, kLpi) |= 1 << kLpi % 8;     // not the one that is routed there
    enable(0), enable(1);
    EXPECT_EQ(m.handle(0), kLpi);
    EXPECT_EQ(m.handle(1), FakeCpuInterface::kSpurious);
    EXPECT_EQ(pending_byte(0, kLpi), 0u) << "taken, and not to be taken again";
    EXPECT_EQ(pending_byte(1, kLpi), 1 << kLpi % 8);
    enable(0, false);
    pending_byte(0, kLpi) |= 1 << kLpi % 8;
    m.write(0, Machine::gicr(0, kPendbaser), kPending | kPtz, 8);
    enable(0);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, DisablingDropsWhatIsPending) {
    enable(0);
    map(kLpi, 0);
    send(kLpi);
    enable(0, false);
    EXPECT_EQ(m.read(0, Machine::gicr(0, kCtlr)) & 1, 0u);
    EXPECT_EQ(m.cpu(0).work.load_relaxed(), 0u);
    EXPECT_FALSE(send(kLpi));
    enable(0);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST_F(Lpi, PendingTablesAreSaved) {
    enable(0), enable(1);
    map(kLpi, 0), map(kLpi + 1, 1), map(kLpi + 2, 0);
    send(kLpi), send(kLpi + 1);
    pending_byte(0, kLpi + 2) = 0xff;
    EXPECT_TRUE(save_pending_tables(d()).ok());
    EXPECT_EQ(pending_byte(0, kLpi), 0xff & ~(1 << (kLpi + 2) % 8));
    EXPECT_EQ(pending_byte(1, kLpi + 1), 1 << (kLpi + 1) % 8);
    EXPECT_EQ(m.handle(0), kLpi);       // and pending they stay
    m.callbacks.ram.resize(0x100);
    EXPECT_EQ(save_pending_tables(d()).error(), Errno::kFault);
}

TEST_F(Lpi, InvalidationReadsTheProperties) {
    map(kLpi, 0, 0), map(kLpi + 1, 0, 0), map(kLpi + 2, 1, 0);
    for (unsigned i = 0; i < 3; i++)
        property(kLpi + i) = 0x41;
    m.write(0, Machine::gicr(0, kInvlpir), kLpi, 8);
    EXPECT_FALSE(lpi_enabled(kLpi));    // EnableLPIs is clear: ignored
    enable(0), enable(1);
    m.write(0, Machine::gicr(0, kInvlpir), kLpi, 8);
    EXPECT_TRUE(lpi_enabled(kLpi));
    EXPECT_FALSE(lpi_enabled(kLpi + 1));
    m.write(0, Machine::gicr(0, kInvallr), 0, 8);
    EXPECT_TRUE(lpi_enabled(kLpi + 1));
    EXPECT_FALSE(lpi_enabled(kLpi + 2));
}

TEST_F(Lpi, TablesCannotMoveWhileTheyAreInUse) {
    enable(1);
    m.write(0, Machine::gicr(0, kPropbaser), kProperties + 0x1000, 8);
    EXPECT_EQ(m.read(0, Machine::gicr(0, kPropbaser), 8) & 0xffff'f000, kProperties);
    m.write(0, Machine::gicr(1, kPendbaser), kPending, 8);
    EXPECT_EQ(m.read(0, Machine::gicr(1, kPendbaser), 8) & 0xffff'0000, kPending + 0x1'0000);
    m.write(0, Machine::gicr(0, kPendbaser), kPending + 0x1'0000, 8);
    EXPECT_EQ(m.read(0, Machine::gicr(0, kPendbaser), 8) & 0xffff'0000, kPending + 0x1'0000);
}

TEST(LpiRegisters, AreNotThereWithoutAnIts) {
    Machine m(1);
    EXPECT_EQ(m.read(0, Machine::gicd(4)) >> 17 & 1, 0u);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 8), 8) & 1, 0u);
    m.write(0, Machine::gicr(0, 0), 1);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 0)) & 1, 0u);
    m.distributor->offer_lpis();
    EXPECT_EQ(m.read(0, Machine::gicd(4)) >> 17 & 1, 1u);
    EXPECT_EQ(m.read(0, Machine::gicd(4)) >> 19 & 31, 15u);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 8), 8) & 1, 1u);
}

}  // namespace
}  // namespace nest::test
