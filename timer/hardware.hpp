// SPDX-License-Identifier: GPL-2.0-only
// The machine's two EL1 timers, reached from EL2 by their EL02 names, and the counter.
#pragma once
#include <arch/cpu.hpp>
#include <timer/context.hpp>

namespace nest::timer {

// At EL2 under E2H no offset applies, whatever CNTPOFF_EL2 holds: [DDI0487] D24.10.18 CNTPCT_EL0. The ISB keeps the
// read from being speculated before earlier instructions.
inline u64 host_count(arch::Cpu& cpu) {
    cpu.isb();
    return cpu.read<arch::CNTPCT_EL0>().raw;
}

inline u64 read_ctl(arch::Cpu& cpu, Slot slot) {
    return slot == Slot::kVirtual ? cpu.read<arch::CNTV_CTL_EL02>().raw
                                  : cpu.read<arch::CNTP_CTL_EL02>().raw;
}

inline void write_ctl(arch::Cpu& cpu, Slot slot, u64 ctl) {
    if (slot == Slot::kVirtual)
        cpu.write(arch::CNTV_CTL_EL02::of(ctl));
    else
        cpu.write(arch::CNTP_CTL_EL02::of(ctl));
}

inline u64 read_cval(arch::Cpu& cpu, Slot slot) {
    return slot == Slot::kVirtual ? cpu.read<arch::CNTV_CVAL_EL02>().raw
                                  : cpu.read<arch::CNTP_CVAL_EL02>().raw;
}

inline void write_cval(arch::Cpu& cpu, Slot slot, u64 cval) {
    if (slot == Slot::kVirtual)
        cpu.write(arch::CNTV_CVAL_EL02::of(cval));
    else
        cpu.write(arch::CNTP_CVAL_EL02::of(cval));
}

// Does CNTPOFF_EL2 offset the EL1 physical timer? FEAT_ECV_POFF is not enough: firmware has to set SCR_EL3.ECVEn, and QEMU 10
// asks for that bit even where there is no EL3. So the function tries a timer as a guest would use it, with TGE clear for a
// moment. All exceptions masked; no vCPU's timers in the hardware.
bool offset_acts(arch::Cpu& cpu);

// Once per CPU, when the module takes it over: the EL1 timers are off, whatever firmware left in them.
void quiesce_cpu(arch::Cpu& cpu);

// For a PPI that arrived although no vCPU is loaded: it was on its way when put() turned the timer off, or something else
// enabled the timer. A level that stays high would interrupt for ever, so the timer is masked. The caller then clears the
// PPI's active state, which nobody else would. True: the timer was indeed asserting. Hard interrupt.
bool mask_unowned(arch::Cpu& cpu, Slot slot);

}  // namespace nest::timer
