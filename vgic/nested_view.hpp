// SPDX-License-Identifier: GPL-2.0-only
// What L1 finds in the GIC's EL2 registers that are not memory: computed from its other ICH_* registers, which live in
// the register file and change there without our seeing it.
//
// All of these take no lock, touch nothing but their arguments and may run in tier 0, with a guest's context loaded.
// `lrs`: how many list registers L1 has, which is as many as the host.
#pragma once
#include <vgic/host_gic.hpp>
#include <vncr/register_file.hpp>

namespace nest::vgic {

constexpr unsigned kFirstListRegister = static_cast<unsigned>(arch::info(arch::SysReg::ICH_LR0_EL2).vncr) / 8;
static_assert(arch::info(arch::SysReg::ICH_LR15_EL2).vncr / 8 == kFirstListRegister + 15, "side by side in the VNCR page");
inline arch::ListRegister list_register_of(const vncr::RegisterFile& file, unsigned n) {
    return arch::ListRegister::of(file.page()[kFirstListRegister + n]);
}
inline void set_list_register(vncr::RegisterFile& file, unsigned n, arch::ListRegister value) {
    file.page()[kFirstListRegister + n] = value.raw;
}
// All of them in one.
inline u64 any_list_register(const vncr::RegisterFile& file, unsigned lrs) {
    u64 any = 0;
    for (unsigned i = 0; i < lrs; i++)
        any |= list_register_of(file, i).raw;
    return any;
}

// ICH_VTR_EL2.
u64 nested_vtr(const HostGic& gic);

// ICH_MISR_EL2, ICH_EISR_EL2, ICH_ELRSR_EL2.
u64 nested_misr(const vncr::RegisterFile& file, unsigned lrs);
u64 nested_eisr(const vncr::RegisterFile& file, unsigned lrs);
u64 nested_elrsr(const vncr::RegisterFile& file, unsigned lrs);

// The level of L1's maintenance interrupt.
bool nested_maintenance(const vncr::RegisterFile& file, unsigned lrs);

// What ICH_HCR_EL2 holds while L2 runs: L1's, without what this machine does not have. `high`: nested_maintenance().
u64 nested_hcr(const vncr::RegisterFile& file, const HostGic& gic, bool high);
inline u64 nested_hcr(const vncr::RegisterFile& file, const HostGic& gic) {
    return nested_hcr(file, gic, nested_maintenance(file, gic.list_registers()));
}

}  // namespace nest::vgic
