// SPDX-License-Identifier: GPL-2.0-only
// NestedMachine: a VM whose first vCPU is in L2, with L1's ICH_* registers in a register file.
#pragma once
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/nested/nested.hpp>

namespace nest::test {

using L = arch::ListRegister;
using Hcr = arch::ICH_HCR_EL2;

constexpr arch::SysReg list_register_name(unsigned n) {
    return static_cast<arch::SysReg>(static_cast<unsigned>(arch::SysReg::ICH_LR0_EL2) + n);
}
static_assert(list_register_name(15) == arch::SysReg::ICH_LR15_EL2);

struct NestedMachine : testing::Test {
    static constexpr unsigned kTimer = 27, kHostTimer = 30;  // a PPI that is backed by one of the host's

    Machine m{2, 4};
    vncr::RegisterFile file;
    vgic::NestedInterface n;
    FakeCpu& cpu = m.cpus[0];
    vgic::CpuInterface& l1 = m.cpu(0);

    NestedMachine() {
        if (!file.init())
            __builtin_trap();
        Machine::ok(vgic::map_hw(l1, kTimer, kHostTimer));
        virtualise(true, true);
        set(Hcr{}.with<Hcr::En>(1));
        set(arch::ICH_VMCR_EL2::of(0xf000'000a));  // VPMR 0xf0, VENG1
        load();
        cpu.log.clear();
    }

    template <typename R>
    void set(R reg) {
        file.set(reg);
    }
    void set_lr(unsigned i, L value) { file.set(list_register_name(i), value.raw); }
    // L1's HCR_EL2.FMO and IMO: whose group 0 and group 1 it takes.
    void virtualise(bool fiq, bool irq) {
        set(arch::HCR_EL2{}.with<arch::HCR_EL2::FMO>(fiq).with<arch::HCR_EL2::IMO>(irq));
    }
    L lr(unsigned i) const { return vgic::list_register_of(file, i); }
    u64 state(unsigned i) const { return lr(i).get<L::State>(); }
    static L soft(unsigned vintid, u64 state = arch::kLrPending) {
        return L{}.with<L::State>(state).with<L::Group>(1).with<L::Priority>(0xa0).with<L::vINTID>(vintid);
    }
    static L hard(unsigned vintid, unsigned pintid, u64 state = arch::kLrPending) {
        return soft(vintid, state).with<L::HW>(1).with<L::pINTID>(pintid);
    }

    FakeCpuInterface guest() { return m.guest(0); }
    L hardware(unsigned i) { return guest().view(i); }
    void load() { vgic::load_nested(cpu, l1, n, file); }
    void put() { vgic::put_nested(cpu, l1, n, file); }
    void flush() {
        const unsigned long flags = nest_port_irq_save();
        vgic::flush_nested(cpu, l1, n, file);
        nest_port_irq_restore(flags);
    }
    void sync() {
        guest();  // ELRSR up to date
        const unsigned long flags = nest_port_irq_save();
        vgic::sync_nested(cpu, l1, n, file);
        nest_port_irq_restore(flags);
    }
    template <typename F>
    void run(F&& f) {
        flush();
        FakeCpuInterface g = guest();
        f(g);
        sync();
    }
    // L2's handler.
    unsigned handle() {
        unsigned intid = 0;
        run([&](FakeCpuInterface& g) {
            intid = g.acknowledge();
            g.eoi(intid);
        });
        return intid;
    }
    // L1 has acknowledged it: active, in no list register.
    void make_active(unsigned intid) {
        m.bank(0, intid).active |= vgic::bit_of(intid);
        m.refresh(0);
    }
    bool is_active(unsigned intid) { return m.bank(0, intid).active & vgic::bit_of(intid); }
};

}  // namespace nest::test
