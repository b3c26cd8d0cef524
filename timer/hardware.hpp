// SPDX-License-Identifier: GPL-2.0-only
// The machine's two EL1 timers, reached from EL2 by their EL02 names, and the counter.
#pragma once
#include <arch/cpu.hpp>
#include <timer/context.hpp>

namespace nest::timer {

// At EL2 under E2H no offset applies, whatever CNTPOFF_EL2 holds: [DDI0487] D24.10.18 CNTPCT_EL0. The ISB keeps the
// read from being speculated before earlier instructions.
template <arch::Cpu C>
u64 host_count(C& cpu) {
    cpu.isb();
    return cpu.template read<arch::CNTPCT_EL0>().raw;
}

template <arch::Cpu C>
u64 read_ctl(C& cpu, Slot slot) {
    return slot == Slot::kVirtual ? cpu.template read<arch::CNTV_CTL_EL02>().raw
                                  : cpu.template read<arch::CNTP_CTL_EL02>().raw;
}

template <arch::Cpu C>
void write_ctl(C& cpu, Slot slot, u64 ctl) {
    if (slot == Slot::kVirtual)
        cpu.write(arch::CNTV_CTL_EL02::of(ctl));
    else
        cpu.write(arch::CNTP_CTL_EL02::of(ctl));
}

template <arch::Cpu C>
u64 read_cval(C& cpu, Slot slot) {
    return slot == Slot::kVirtual ? cpu.template read<arch::CNTV_CVAL_EL02>().raw
                                  : cpu.template read<arch::CNTP_CVAL_EL02>().raw;
}

template <arch::Cpu C>
void write_cval(C& cpu, Slot slot, u64 cval) {
    if (slot == Slot::kVirtual)
        cpu.write(arch::CNTV_CVAL_EL02::of(cval));
    else
        cpu.write(arch::CNTP_CVAL_EL02::of(cval));
}

// Does CNTPOFF_EL2 offset the EL1 physical timer? FEAT_ECV_POFF alone does not say so: SCR_EL3.ECVEn, which firmware sets,
// has its part in it, and QEMU 10 asks for that bit even where there is no EL3. Tried as a guest would find it, with TGE
// clear for a moment: all exceptions masked, EL1's timers ours.
template <arch::Cpu C>
bool offset_acts(C& cpu) {
    using namespace arch;
    constexpr u64 kWaits = u64{1} << 62;
    const auto hcr = cpu.template read<HCR_EL2>();
    const auto control = cpu.template read<CNTHCTL_EL2>();
    cpu.write(CNTHCTL_EL2::of(control.raw).template with<CNTHCTL_EL2::ECV>(1));
    cpu.write(hcr.template with<HCR_EL2::TGE>(0));
    cpu.isb();
    // The count becomes 2^63 and more: the condition is met only if the offset acts.
    cpu.write(CNTPOFF_EL2::of(kWaits << 1));
    write_cval(cpu, Slot::kPhysical, kWaits);
    cpu.isb();
    write_ctl(cpu, Slot::kPhysical, kCtlEnable | kCtlIMask);
    cpu.isb();
    const bool acts = read_ctl(cpu, Slot::kPhysical) & kCtlIStatus;
    write_ctl(cpu, Slot::kPhysical, 0);
    cpu.write(CNTPOFF_EL2::of(0));
    cpu.write(hcr);
    cpu.write(control);
    cpu.isb();
    return acts;
}

// Once per CPU, when the module takes it over: the EL1 timers are off, whatever firmware left in them.
template <arch::Cpu C>
void quiesce_cpu(C& cpu) {
    write_ctl(cpu, Slot::kVirtual, 0);
    write_ctl(cpu, Slot::kPhysical, 0);
    cpu.isb();
}

// A PPI that arrived although no vCPU is loaded: it was on its way when put() turned the timer off, or something else
// enabled it. A level that stays high would interrupt for ever, so mask it. The caller then clears the PPI's active
// state, which nobody else would. True when the timer was indeed asserting. Hard interrupt.
template <arch::Cpu C>
bool mask_unowned(C& cpu, Slot slot) {
    const u64 ctl = read_ctl(cpu, slot);
    if (!asserts(ctl))
        return false;
    write_ctl(cpu, slot, (ctl & kCtlWritable) | kCtlIMask);
    cpu.isb();
    return true;
}

}  // namespace nest::timer
