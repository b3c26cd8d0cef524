// SPDX-License-Identifier: GPL-2.0-only
// L2's interface in hardware: the order of register accesses, and what comes back into L1's registers.
#include <tests/unit/vgic/nested/machine.hpp>

namespace nest::test {
namespace {

using arch::SysReg;
using Kind = Event::Kind;
using NestedEntry = NestedMachine;

std::vector<SysReg> registers_of(const FakeCpu& cpu, Kind kind) {
    std::vector<SysReg> list;
    for (const Event& e : cpu.log)
        if (e.kind == kind)
            list.push_back(static_cast<SysReg>(e.what));
    return list;
}

TEST_F(NestedEntry, LoadAndPutMoveVmcrAndActivePriorities) {
    set(arch::ICH_VMCR_EL2::of(~u64{0}));
    file.set(SysReg::ICH_AP0R0_EL2, 0xffff'ffff'0000'0005);
    file.set(SysReg::ICH_AP1R0_EL2, 6);
    load();
    EXPECT_TRUE(n.loaded);
    EXPECT_EQ(registers_of(cpu, Kind::kWrite),
              (std::vector{SysReg::ICH_VMCR_EL2, SysReg::ICH_AP0R0_EL2, SysReg::ICH_AP1R0_EL2}));
    EXPECT_EQ(cpu.registers[SysReg::ICH_VMCR_EL2], 0xfffc'021bu) << "RES0 bits and VAckCtl stay behind";
    EXPECT_EQ(cpu.registers[SysReg::ICH_AP0R0_EL2], 5u);
    EXPECT_EQ(cpu.registers[SysReg::ICH_AP1R0_EL2], 6u);
    cpu.registers[SysReg::ICH_AP0R0_EL2] = 1;
    cpu.registers[SysReg::ICH_AP1R0_EL2] = 2;
    cpu.log.clear();
    put();
    EXPECT_FALSE(n.loaded);
    EXPECT_EQ(file.get(SysReg::ICH_AP0R0_EL2), 1u);
    EXPECT_EQ(file.get(SysReg::ICH_AP1R0_EL2), 2u);
    EXPECT_TRUE(registers_of(cpu, Kind::kWrite).empty());
}

TEST_F(NestedEntry, ActivePriorityRegistersByPreemptionBits) {
    for (const auto& [bits, count] : {std::pair{4u, 1u}, std::pair{5u, 2u}, std::pair{6u, 4u}}) {
        vgic::HostGic gic = m.gic;
        gic.vtr = gic.vtr.with<arch::ICH_VTR_EL2::PREbits>(bits);
        vgic::Distributor other(m.callbacks, gic, kIpaLimit);
        vgic::CpuInterface state;
        Machine::ok(other.register_cpu(state, 0, 0));
        for (unsigned i = 0; i < 4; i++) {
            file.set(static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_AP0R0_EL2) + i), 10 + i);
            file.set(static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_AP1R0_EL2) + i), 20 + i);
        }
        FakeCpu here;
        vgic::load_nested(here, state, n, file);
        EXPECT_EQ(here.log.size(), 1 + 2 * count);
        for (unsigned i = 0; i < count; i++) {
            EXPECT_EQ(here.registers[static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_AP0R0_EL2) + i)], 10 + i);
            EXPECT_EQ(here.registers[static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_AP1R0_EL2) + i)], 20 + i);
        }
    }
}

TEST_F(NestedEntry, L2CannotLeaveSystemRegisterMode) {
    vgic::HostGic gic = m.gic;
    gic.v2_compat = true;
    vgic::Distributor other(m.callbacks, gic, kIpaLimit);
    vgic::CpuInterface state;
    Machine::ok(other.register_cpu(state, 0, 0));
    FakeCpu here;
    here.registers[SysReg::ICC_SRE_EL2] = 0xf;
    vgic::load_nested(here, state, n, file);
    EXPECT_EQ(here.registers[SysReg::ICC_SRE_EL2], 0x7u);
    EXPECT_LT(here.position_of_write(SysReg::ICC_SRE_EL2), here.position_of_write(SysReg::ICH_VMCR_EL2));
    vgic::put_nested(here, state, n, file);
    EXPECT_EQ(here.registers[SysReg::ICC_SRE_EL2], 0xfu);
}

// L2's virtual FIQs and IRQs exist where L1 takes the physical ones: [DDI0487] D24.2.51 HCR_EL2.FMO, IMO.
TEST_F(NestedEntry, AGroupThatL1DoesNotVirtualiseStaysBehind) {
    const auto group0 = soft(40).with<L::Group>(0);
    for (const auto& [fiq, irq] : {std::pair{true, true}, std::pair{true, false}, std::pair{false, true}}) {
        virtualise(fiq, irq);
        set_lr(0, group0);
        set_lr(1, soft(41));
        flush();
        EXPECT_EQ(n.used, unsigned{fiq} + unsigned{irq});
        if (fiq) {
            EXPECT_EQ(hardware(0).get<L::Group>(), 0u);
            EXPECT_EQ(hardware(0).get<L::vINTID>(), 40u);
        }
        if (irq) {
            EXPECT_EQ(hardware(fiq).get<L::Group>(), 1u);
            EXPECT_EQ(hardware(fiq).get<L::vINTID>(), 41u);
        }
        sync();
        EXPECT_EQ(lr(0).raw, group0.raw) << "as L1 wrote it";
        EXPECT_EQ(lr(1).raw, soft(41).raw);
    }
}

// Hardware's maintenance interrupt would be high before L2's first instruction, and L1's, which decides, is not: L2 would
// leave at each entry, for nothing.
TEST_F(NestedEntry, FewerListRegistersThanL1sAskForNothingThatIsThereAtOnce) {
    virtualise(false, true);  // group 0 stays behind
    set(Hcr{}.with<Hcr::En>(1).with<Hcr::UIE>(1).with<Hcr::NPIE>(1).with<Hcr::LRENPIE>(1));
    const auto control = [&] {
        flush();
        const Hcr written = Hcr::of(cpu.registers[SysReg::ICH_HCR_EL2]).with<Hcr::TALL0>(0);
        sync();
        return written;
    };
    set_lr(0, soft(40).with<L::Group>(0));
    set_lr(1, soft(41).with<L::Group>(0));
    EXPECT_EQ(control(), Hcr{}.with<Hcr::En>(1).with<Hcr::LRENPIE>(1)) << "none loaded: U and NP";
    set_lr(2, soft(42, arch::kLrActive));
    EXPECT_EQ(control(), Hcr{}.with<Hcr::En>(1).with<Hcr::LRENPIE>(1)) << "one, not pending";
    set_lr(2, soft(42));
    EXPECT_EQ(control(), Hcr{}.with<Hcr::En>(1).with<Hcr::LRENPIE>(1).with<Hcr::NPIE>(1)) << "one, pending";
    set_lr(3, soft(43));
    EXPECT_EQ(control(), Hcr{}.with<Hcr::En>(1).with<Hcr::LRENPIE>(1).with<Hcr::NPIE>(1).with<Hcr::UIE>(1)) << "two";
    virtualise(true, true);
    set_lr(1, soft(40));  // as the first, group 1: hardware may not have both
    set_lr(0, soft(40));
    set_lr(2, L{});
    set_lr(3, L{});
    EXPECT_EQ(control(), Hcr{}.with<Hcr::En>(1).with<Hcr::LRENPIE>(1).with<Hcr::NPIE>(1)) << "one INTID twice";
}

TEST_F(NestedEntry, FlushWritesControlThenListRegisters) {
    set_lr(1, soft(40));
    set_lr(3, soft(41));
    cpu.log_reads = true;
    flush();
    EXPECT_EQ(registers_of(cpu, Kind::kWrite),
              (std::vector{SysReg::ICH_HCR_EL2, SysReg::ICH_LR0_EL2, SysReg::ICH_LR1_EL2}));
    EXPECT_TRUE(registers_of(cpu, Kind::kRead).empty());
    cpu.log_reads = false;
    sync();
}

TEST_F(NestedEntry, SyncReadsBeforeItClearsAndSwitchesOffLast) {
    set_lr(2, soft(40));
    flush();
    cpu.log.clear();
    cpu.log_reads = true;
    sync();
    EXPECT_EQ(registers_of(cpu, Kind::kRead), (std::vector{SysReg::ICH_ELRSR_EL2, SysReg::ICH_LR0_EL2,
                                                          SysReg::ICH_VMCR_EL2, SysReg::ICH_HCR_EL2}));
    EXPECT_EQ(registers_of(cpu, Kind::kWrite), (std::vector{SysReg::ICH_LR0_EL2, SysReg::ICH_HCR_EL2}));
    EXPECT_EQ(cpu.log.back(), (Event{Kind::kWrite, static_cast<u64>(SysReg::ICH_HCR_EL2), 0}));
    EXPECT_EQ(cpu.registers[SysReg::ICH_LR0_EL2], 0u);
}

TEST_F(NestedEntry, IdleRunTouchesNoListRegister) {
    cpu.log_reads = true;
    flush();
    EXPECT_EQ(registers_of(cpu, Kind::kWrite), std::vector{SysReg::ICH_HCR_EL2});
    cpu.log.clear();
    sync();
    EXPECT_EQ(registers_of(cpu, Kind::kRead), (std::vector{SysReg::ICH_VMCR_EL2, SysReg::ICH_HCR_EL2}));
    EXPECT_EQ(registers_of(cpu, Kind::kWrite), std::vector{SysReg::ICH_HCR_EL2});
}

TEST_F(NestedEntry, EmptyListRegistersAreNotRead) {
    set_lr(0, soft(40));
    flush();
    FakeCpuInterface g = guest();
    g.eoi(g.acknowledge());
    cpu.log.clear();
    cpu.log_reads = true;
    sync();
    EXPECT_EQ(registers_of(cpu, Kind::kRead),
              (std::vector{SysReg::ICH_ELRSR_EL2, SysReg::ICH_VMCR_EL2, SysReg::ICH_HCR_EL2}));
    EXPECT_EQ(lr(0), soft(40, arch::kLrInvalid));
}

TEST_F(NestedEntry, EachResultGoesWhereItCameFrom) {
    set_lr(0, soft(40, arch::kLrInvalid));
    set_lr(1, soft(41).with<L::Priority>(0x20).with<L::EOI>(1));
    set_lr(2, soft(42).with<L::Priority>(0x30));
    set_lr(3, soft(43).with<L::Priority>(0x10));
    run([](FakeCpuInterface& g) {
        EXPECT_EQ(g.acknowledge(), 43u);
        g.eoi(43);
        EXPECT_EQ(g.acknowledge(), 41u);
    });
    EXPECT_EQ(lr(0), soft(40, arch::kLrInvalid));
    EXPECT_EQ(lr(1), soft(41, arch::kLrActive).with<L::Priority>(0x20).with<L::EOI>(1));
    EXPECT_EQ(lr(2), soft(42).with<L::Priority>(0x30));
    EXPECT_EQ(lr(3), soft(43, arch::kLrInvalid).with<L::Priority>(0x10));
    // The active one goes on where it was.
    run([](FakeCpuInterface& g) { g.eoi(41); });
    EXPECT_EQ(lr(1), soft(41, arch::kLrInvalid).with<L::Priority>(0x20).with<L::EOI>(1));
    EXPECT_EQ(vgic::nested_eisr(file, 4), 2u) << "L1 asked to hear of it";
}

TEST_F(NestedEntry, BitsThatHardwareDoesNotGetSurvive) {
    const L odd = L::of(soft(40).raw | u64{0x0f00'0000'0000'0000});
    set_lr(0, odd);
    EXPECT_EQ(handle(), 40u);
    EXPECT_EQ(lr(0), odd.with<L::State>(arch::kLrInvalid));
}

TEST_F(NestedEntry, EntryCalledOffChangesNothing) {
    set_lr(0, soft(40));
    set_lr(1, hard(27, kTimer, arch::kLrActive));
    make_active(kTimer);
    flush();
    sync();
    EXPECT_EQ(lr(0), soft(40));
    EXPECT_EQ(lr(1), hard(27, kTimer, arch::kLrActive));
    EXPECT_TRUE(is_active(kTimer));
    EXPECT_TRUE(m.callbacks.physical.empty());
}

TEST_F(NestedEntry, L2sVmcrIsL1sAfterEachRun) {
    run([](FakeCpuInterface& g) { g.set_vmcr(0x80, false, true); });
    const auto vmcr = file.get<arch::ICH_VMCR_EL2>();
    EXPECT_EQ(vmcr.get<arch::ICH_VMCR_EL2::VPMR>(), 0x80u);
    EXPECT_EQ(vmcr.get<arch::ICH_VMCR_EL2::VENG1>(), 0u);
    EXPECT_EQ(vmcr.get<arch::ICH_VMCR_EL2::VEOIM>(), 1u);
    EXPECT_EQ(l1.hw.vmcr >> 24, 0xf0u) << "L1's own is another";
}

// The whole way of a timer interrupt, across both worlds.
TEST_F(NestedEntry, WorldsDoNotMix) {
    put();
    vgic::load(cpu, l1);
    m.enable(0, kTimer);
    m.callbacks.high.insert({0, kTimer});
    m.inject(0, kTimer, true);
    m.run(0, [](FakeCpuInterface& g) {
        g.set_vmcr(0xf0, true, true);
        EXPECT_EQ(g.acknowledge(), kTimer);
        g.eoi(kTimer);  // EOImode 1: only the priority drops
    });
    EXPECT_TRUE(is_active(kTimer));
    EXPECT_EQ(l1.hw.lr[0], hard(kTimer, kHostTimer).with<L::Priority>(0).raw);
    vgic::put(cpu, l1);

    set_lr(0, hard(27, kTimer));
    load();
    run([&](FakeCpuInterface& g) {
        EXPECT_EQ(g.acknowledge(), 27u);
        g.eoi(27);
        EXPECT_EQ(g.physically_deactivated, std::vector{kHostTimer});
    });
    put();
    EXPECT_EQ(state(0), arch::kLrInvalid);
    EXPECT_FALSE(is_active(kTimer));
    EXPECT_TRUE(m.callbacks.physical.empty()) << "hardware has done it";
    vgic::load(cpu, l1);
    EXPECT_TRUE(arch::ICH_VMCR_EL2::of(cpu.registers[SysReg::ICH_VMCR_EL2]).get<arch::ICH_VMCR_EL2::VEOIM>());
    // The level rises again: L1's next interrupt.
    m.inject(0, kTimer, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), kTimer); });
}

}  // namespace
}  // namespace nest::test
