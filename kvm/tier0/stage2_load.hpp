// SPDX-License-Identifier: GPL-2.0-only
// VTTBR_EL2 and VTCR_EL2 for the world that the vCPU is in.
#pragma once
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <stage2/invalidate.hpp>

namespace nest::kvm {

// True: another vCPU ran with these tables on this CPU before. Then drop_stage1_here() is due, with TGE clear. A vCPU that
// comes back to a CPU alone needs none: its TLBIs elsewhere were broadcast (HCR_EL2.FB). Tables that the vCPU comes back to
// since it was loaded (virtual EL2's and L2's, in turn) name it already.
[[nodiscard]] inline bool load_tables(Cpu& c, PerCpu& here, auto& tables, const Vcpu& vcpu) {
    const arch::VTTBR_EL2 vttbr = tables.vttbr(here.id);
    if (here.vttbr == vttbr.raw)
        return false;
    c.write(tables.vtcr());
    c.write(vttbr);
    const bool comes_back = here.vttbr_before == vttbr.raw;
    here.vttbr_before = here.vttbr;
    here.vttbr = vttbr.raw;
    return !comes_back && tables.change_runner(here.id, static_cast<u16>(vcpu.index + 1));
}

// Before each entry after which the world, the CPU or the VMID may be another: a roll-over of VMIDs, or another vCPU of
// ours on this CPU, changes what has to be there. Preemption off. A vCPU in L2 holds its shadow. The answer is as above.
[[nodiscard]] inline bool load_stage2(Cpu& c, PerCpu& here, Vcpu& vcpu) {
    return vcpu.vel2.in_l2() ? load_tables(c, here, vcpu.nested.shadow_use.shadow->tables, vcpu)
                                : load_tables(c, here, vcpu.vm.stage2.tables(), vcpu);
}

}  // namespace nest::kvm
