// SPDX-License-Identifier: GPL-2.0-only
// VTTBR_EL2 and VTCR_EL2 for the world that the vCPU is in.
#pragma once
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <stage2/invalidate.hpp>

namespace nest::kvm {

// True: another vCPU was the last to run with these tables on this CPU, and drop_stage1_here() is due, with TGE clear (see
// Stage2::change_runner()). A vCPU that comes back to a CPU where no other has run needs no TLBI: its guest's TLBIs on other
// CPUs were broadcast (HCR_EL2.FB). Of tables that were loaded since the vCPU was (virtual EL2's and L2's in turn) it is the
// last runner.
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

// Before each entry: the world or the CPU may be another than at the last one, VMIDs may have rolled over, or another vCPU may
// have run on this CPU. Preemption off. A vCPU in L2 holds its shadow. The answer is load_tables()'.
[[nodiscard]] inline bool load_stage2(Cpu& c, PerCpu& here, Vcpu& vcpu) {
    return vcpu.vel2.in_l2() ? load_tables(c, here, vcpu.nested.shadow_use.shadow->tables, vcpu)
                                : load_tables(c, here, vcpu.vm.stage2.tables(), vcpu);
}

}  // namespace nest::kvm
