// SPDX-License-Identifier: GPL-2.0-only
// VTTBR_EL2 and VTCR_EL2 for the world that the vCPU is in.
#pragma once
#include <kvm/machine.hpp>
#include <kvm/vm.hpp>

namespace nest::kvm {

inline void load_tables(arch::Cpu auto& c, PerCpu& here, auto& tables) {
    const arch::VTTBR_EL2 vttbr = tables.vttbr(here.id);
    if (here.vttbr == vttbr.raw)
        return;
    c.write(tables.vtcr());
    c.write(vttbr);
    here.vttbr = vttbr.raw;
}

// Before each entry after which the world, the CPU or the VMID may be another: a roll-over of VMIDs, or another vCPU of
// ours on this CPU, changes what has to be there. Preemption off. A vCPU in L2 holds its shadow.
inline void load_stage2(arch::Cpu auto& c, PerCpu& here, Vcpu& vcpu) {
    if (vcpu.vel2.in_guest())
        load_tables(c, here, vcpu.shadow_use.shadow->tables);
    else
        load_tables(c, here, vcpu.vm.stage2.tables());
}

}  // namespace nest::kvm
