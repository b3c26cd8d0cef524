// SPDX-License-Identifier: GPL-2.0-only
// HostGic: what the physical GIC's virtualisation interface can do. The same on all CPUs; probed once.
#pragma once
#include <arch/cpu.hpp>
#include <vgic/intid.hpp>

namespace nest::vgic {

struct HostGic {
    arch::ICH_VTR_EL2 vtr{};
    // ICC_SRE_EL1.SRE can be cleared: the guest must be kept from doing so (it would fall back to GICv2 registers).
    bool v2_compat = false;

    // The field has five bits, the architecture sixteen registers.
    unsigned list_registers() const { return (vtr.get<arch::ICH_VTR_EL2::ListRegs>() & 15) + 1; }
    unsigned priority_bits() const { return vtr.get<arch::ICH_VTR_EL2::PRIbits>() + 1; }
    unsigned id_bits() const { return vtr.get<arch::ICH_VTR_EL2::IDbits>(); }
    // ICH_APxRn_EL2 of each group: one for 32 preemption levels.
    unsigned active_priority_registers() const {
        const unsigned pre = vtr.get<arch::ICH_VTR_EL2::PREbits>() + 1;
        return pre >= 7 ? 4 : pre == 6 ? 2 : 1;
    }
    // Is ICC_DIR_EL1 trapped alone (TDIR), or only with the other common registers (TC)?
    bool traps_dir_alone() const { return vtr.get<arch::ICH_VTR_EL2::TDS>() != 0; }
    u64 dir_trap() const {
        return traps_dir_alone() ? arch::ICH_HCR_EL2::TDIR::kMask : arch::ICH_HCR_EL2::TC::kMask;
    }
};

// Interrupts masked, on any CPU, while no guest runs there: takes the system registers away for an instant.
HostGic probe(arch::Cpu& cpu);

}  // namespace nest::vgic
