// SPDX-License-Identifier: GPL-2.0-only
// The vGIC's short way between L1 and L2, and what L1 has handled when it takes it.
#include <tests/unit/vgic/nested/machine.hpp>

namespace nest::test {
namespace {

using arch::SysReg;

// The short way from L2 to L1 and back leaves what the long way leaves: in hardware, in the file, in L1's interface.
struct Exchange : NestedMachine {
    void prepare() {
        set(Hcr{}.with<Hcr::En>(1).with<Hcr::TC>(1));
        file.set(SysReg::ICH_AP1R0_EL2, 0x20);
        l1.hw.vmcr = 0xe000'0002;
        l1.hw.ap1r[0] = 0x4;
        put();
        load();
        flush();
        cpu.registers[SysReg::ICH_VMCR_EL2] = 0x8000'000a;  // L2's doing
        cpu.registers[SysReg::ICH_AP1R0_EL2] = 0x100;
        cpu.registers[SysReg::ICH_HCR_EL2] |= u64{3} << 27;  // EOIcount
    }
    bool high() { return vgic::nested_maintenance(file, 4); }
    std::vector<u64> state() {
        std::vector<u64> all;
        for (const SysReg r : {SysReg::ICH_VMCR_EL2, SysReg::ICH_AP1R0_EL2, SysReg::ICH_AP0R0_EL2, SysReg::ICH_HCR_EL2,
                               SysReg::ICC_SRE_EL2}) {
            all.push_back(cpu.registers[r]);
            if (r != SysReg::ICC_SRE_EL2)
                all.push_back(file.get(r));
        }
        for (unsigned i = 0; i < 4; i++) {
            all.push_back(cpu.registers[list_register_name(i)]);
            all.push_back(lr(i).raw);
        }
        all.insert(all.end(), {l1.hw.vmcr, l1.hw.ap1r[0], l1.hw.ap0r[0], l1.hw.hcr, n.loaded, n.used,
                               l1.split_eoi.load_relaxed()});
        return all;
    }
};
struct LongWay : Exchange {
    LongWay() { prepare(); }
    void TestBody() override {}
    void to_l1() { sync(); put(); vgic::load(cpu, l1); m.flush(0); }
    void to_l2() { m.sync(0); vgic::put(cpu, l1); load(); flush(); }
};
TEST_F(Exchange, IsTheLongWay) {
    LongWay other;
    prepare();
    ASSERT_EQ(state(), other.state());
    vgic::leave_nested_in_tier0(cpu, l1, n, file);
    other.to_l1();
    EXPECT_EQ(state(), other.state());
    for (FakeCpu* c : {&cpu, &other.cpu}) {
        c->registers[SysReg::ICH_VMCR_EL2] = 0xf000'0202;  // L1's doing: EOImode 1
        c->registers[SysReg::ICH_AP1R0_EL2] = 0x8;
    }
    vgic::enter_nested_in_tier0(cpu, l1, n, file, {false, false, high()});
    other.to_l2();
    EXPECT_EQ(state(), other.state());
    EXPECT_TRUE(l1.split_eoi.load_relaxed());
}

// With interrupts of L1's software for L2 on the way: one is handled, one acknowledged, one left pending.
TEST_F(Exchange, CarriesListRegisters) {
    LongWay other;
    prepare();
    for (Exchange* e : {static_cast<Exchange*>(this), static_cast<Exchange*>(&other)}) {
        vgic::leave_nested_in_tier0(e->cpu, e->l1, e->n, e->file);
        for (unsigned i = 0; i < 3; i++)
            e->set_lr(i + 1, soft(40 + i).with<L::Priority>(0x10 + 8 * i));
    }
    vgic::enter_nested_in_tier0(cpu, l1, n, file, {true, false, high()});
    other.to_l2();
    EXPECT_EQ(n.used, 3);
    EXPECT_EQ(state(), other.state());
    for (Exchange* e : {static_cast<Exchange*>(this), static_cast<Exchange*>(&other)}) {
        FakeCpuInterface g = e->guest();
        g.eoi(g.acknowledge());
        EXPECT_EQ(g.acknowledge(), 41u);
        e->guest();  // ELRSR up to date
    }
    vgic::leave_nested_in_tier0(cpu, l1, n, file);
    other.to_l1();
    EXPECT_EQ(state(), other.state());
    EXPECT_EQ(this->NestedMachine::state(1), arch::kLrInvalid);
    EXPECT_EQ(this->NestedMachine::state(2), arch::kLrActive);
    EXPECT_EQ(this->NestedMachine::state(3), arch::kLrPending);
    EXPECT_EQ(n.used, 0);
}

// What L1 has handled leaves its list registers on the short way too, where no more has to be done about it.
struct Ended : NestedMachine {
    Ended() { put(); vgic::load(cpu, l1); }
    void make_edge() { m.bank(0, 20).edge |= vgic::bit_of(20); }
    // Enters virtual EL2 with the interrupt, which handles it or not; then ELRSR is up to date.
    void take(unsigned intid, bool handle = true) {
        m.enable(0, intid);
        m.inject(0, intid, true);
        m.flush(0);
        ASSERT_EQ(l1.hw.used, 1);
        FakeCpuInterface g = guest();
        ASSERT_EQ(g.acknowledge(), intid);
        if (handle)
            g.eoi(intid);
        guest();
    }
};
TEST_F(Ended, IsTakenBack) {
    make_edge();
    take(20);
    EXPECT_TRUE(vgic::sync_ended(cpu, l1));
    EXPECT_EQ(l1.hw.used, 0);
    EXPECT_FALSE(is_active(20));
    EXPECT_EQ(l1.work.load_relaxed(), 0u);
    EXPECT_EQ(cpu.registers[SysReg::ICH_LR0_EL2], 0u);
    EXPECT_FALSE(m.bank(0, 20).on_lr & vgic::bit_of(20));
    m.inject(0, 20, true);
    EXPECT_EQ(m.handle(0), 20u) << "the next one comes";
}
TEST_F(Ended, IsLookedAtAgainWhenItRoseMeanwhile) {
    make_edge();
    take(20);
    m.inject(0, 20, true);
    EXPECT_TRUE(vgic::sync_ended(cpu, l1));
    EXPECT_NE(l1.work.load_relaxed(), 0u);
}
TEST_F(Ended, NotWhileItIsActive) {
    make_edge();
    take(20, false);
    EXPECT_FALSE(vgic::sync_ended(cpu, l1));
    EXPECT_EQ(l1.hw.used, 1);
    EXPECT_NE(cpu.registers[SysReg::ICH_LR0_EL2], 0u);
    m.sync(0);
    EXPECT_TRUE(is_active(20));
}
TEST_F(Ended, NotAnSpiNorAPhysicalLevel) {
    m.make_edge(40);
    m.write(0, Machine::gicd(0x6000 + 8 * 40), 0, 8);
    take(40);
    EXPECT_FALSE(vgic::sync_ended(cpu, l1)) << "its place in the queues is under the distributor's lock";
    m.sync(0);
    m.callbacks.high.insert({0, kTimer});
    take(kTimer);
    EXPECT_FALSE(vgic::sync_ended(cpu, l1)) << "the kernel knows its level";
    EXPECT_EQ(l1.hw.used, 1);
}
TEST_F(Ended, NotWhileAnotherHasTheLock) {
    make_edge();
    take(20);
    {
        IrqGuard held(l1.lock);
        EXPECT_FALSE(vgic::sync_ended(cpu, l1));
    }
    EXPECT_TRUE(vgic::sync_ended(cpu, l1));
}

}  // namespace
}  // namespace nest::test
