// SPDX-License-Identifier: GPL-2.0-only
// What L1 finds in the GIC's EL2 registers that are not memory: computed from L1's other ICH_* registers, which live in the
// register file, where L1 changes them without an exit.
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
// All list registers, ORed: 0 if none is in use.
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

// The bits of ICH_HCR_EL2 that enable a cause of the maintenance interrupt.
inline constexpr u64 kMaintenanceEnables =
    arch::ICH_HCR_EL2::mask<arch::ICH_HCR_EL2::UIE, arch::ICH_HCR_EL2::LRENPIE, arch::ICH_HCR_EL2::NPIE,
                            arch::ICH_HCR_EL2::VGrp0EIE, arch::ICH_HCR_EL2::VGrp0DIE, arch::ICH_HCR_EL2::VGrp1EIE,
                            arch::ICH_HCR_EL2::VGrp1DIE>();

// Can L1's maintenance interrupt be high at all? `empty`: the caller knows any_list_register() to be 0.
inline bool maintenance_is_possible(const vncr::RegisterFile& file, bool empty) {
    const auto hcr = file.get<arch::ICH_HCR_EL2>();
    // Of the causes, only an EOI needs no enable bit; but it needs a list register that is in use.
    return hcr.get<arch::ICH_HCR_EL2::En>() && !(empty && !(hcr.raw & kMaintenanceEnables));
}
// The level of L1's maintenance interrupt.
inline bool nested_maintenance(const vncr::RegisterFile& file, unsigned lrs) {
    return maintenance_is_possible(file, false) && nested_misr(file, lrs) != 0;
}

// What ICH_HCR_EL2 holds while L2 runs: L1's, without what this machine does not have. `high`: nested_maintenance().
inline u64 nested_hcr(const vncr::RegisterFile& file, const HostGic& gic, bool high) {
    using arch::ICH_HCR_EL2;
    u64 known = kMaintenanceEnables | ICH_HCR_EL2::mask<ICH_HCR_EL2::En, ICH_HCR_EL2::TC, ICH_HCR_EL2::TALL0,
                                                        ICH_HCR_EL2::TALL1, ICH_HCR_EL2::EOIcount>();
    if (gic.vtr.get<arch::ICH_VTR_EL2::TDS>())
        known |= ICH_HCR_EL2::TDIR::kMask;
    if (gic.vtr.get<arch::ICH_VTR_EL2::SEIS>())
        known |= ICH_HCR_EL2::TSEI::kMask;
    // L1's maintenance interrupt is high already, and L1 does not take it. The machine's would be high as well, and L2 would
    // never get to run.
    if (high)
        known &= ~kMaintenanceEnables;
    return file.get<ICH_HCR_EL2>().raw & known;
}
inline u64 nested_hcr(const vncr::RegisterFile& file, const HostGic& gic) {
    return nested_hcr(file, gic, nested_maintenance(file, gic.list_registers()));
}

}  // namespace nest::vgic
