// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested/nested_view.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_HCR_EL2;
using arch::ICH_MISR_EL2;
using arch::ICH_VMCR_EL2;
using arch::ICH_VTR_EL2;
using arch::ListRegister;

// [IHI0069] 12.4 ICH_LR<n>_EL2: bit 41 is the EOI request only where there is no physical interrupt.
bool wants_eoi(ListRegister lr) { return !lr.get<ListRegister::HW>() && lr.get<ListRegister::EOI>(); }

// The list registers without an interrupt, as bits: those that ask for an EOI, or those that do not.
u64 invalid(const vncr::RegisterFile& file, unsigned lrs, bool eoi) {
    u64 found = 0;
    for (unsigned n = 0; n < lrs; n++) {
        const ListRegister lr = list_register_of(file, n);
        found |= u64{lr.get<ListRegister::State>() == arch::kLrInvalid && wants_eoi(lr) == eoi} << n;
    }
    return found;
}

// Each cause in ICH_MISR_EL2 has its enable at the same place in ICH_HCR_EL2; only EOI has none.
static_assert(kMaintenanceEnables ==
              ICH_MISR_EL2::mask<ICH_MISR_EL2::U, ICH_MISR_EL2::LRENP, ICH_MISR_EL2::NP, ICH_MISR_EL2::VGrp0E,
                                 ICH_MISR_EL2::VGrp0D, ICH_MISR_EL2::VGrp1E, ICH_MISR_EL2::VGrp1D>());

// The causes of a maintenance interrupt that lie in list registers: EOI, U, NP.
u64 causes_of(const vncr::RegisterFile& file, unsigned lrs) {
    constexpr u64 kIdle = ICH_MISR_EL2::mask<ICH_MISR_EL2::U, ICH_MISR_EL2::NP>();
    if (!any_list_register(file, lrs)) [[likely]]
        return kIdle;
    unsigned valid = 0;
    bool pending = false;
    for (unsigned n = 0; n < lrs; n++) {
        const u64 state = list_register_of(file, n).get<ListRegister::State>();
        valid += state != arch::kLrInvalid;
        pending |= state == arch::kLrPending;
    }
    return ICH_MISR_EL2{}
        .with<ICH_MISR_EL2::EOI>(invalid(file, lrs, true) != 0)
        .with<ICH_MISR_EL2::U>(valid <= 1)
        .with<ICH_MISR_EL2::NP>(!pending)
        .raw;
}

}  // namespace

u64 nested_vtr(const HostGic& gic) {
    // Sixteen bits of INTID, and nothing of GICv4. A3V is clear, as Linux's KVM shows it: user space restores this register
    // on either of them, and expects the same value.
    const u64 kept = gic.vtr.raw & ICH_VTR_EL2::mask<ICH_VTR_EL2::PRIbits, ICH_VTR_EL2::PREbits, ICH_VTR_EL2::SEIS,
                                                     ICH_VTR_EL2::TDS>();
    return ICH_VTR_EL2::of(kept)
        .with<ICH_VTR_EL2::nV4>(1)
        .with<ICH_VTR_EL2::ListRegs>(gic.list_registers() - 1)
        .raw;
}

// [IHI0069] 12.4 ICH_MISR_EL2. ICH_HCR_EL2.En acts on the maintenance interrupt, not on this register.
u64 nested_misr(const vncr::RegisterFile& file, unsigned lrs) {
    const auto hcr = file.get<ICH_HCR_EL2>();
    const auto vmcr = file.get<ICH_VMCR_EL2>();
    u64 causes = causes_of(file, lrs);
    causes |= hcr.get<ICH_HCR_EL2::EOIcount>() ? ICH_MISR_EL2::LRENP::kMask : 0;
    causes |= vmcr.get<ICH_VMCR_EL2::VENG0>() ? ICH_MISR_EL2::VGrp0E::kMask : ICH_MISR_EL2::VGrp0D::kMask;
    causes |= vmcr.get<ICH_VMCR_EL2::VENG1>() ? ICH_MISR_EL2::VGrp1E::kMask : ICH_MISR_EL2::VGrp1D::kMask;
    return causes & (hcr.raw | ICH_MISR_EL2::EOI::kMask) & (kMaintenanceEnables | ICH_MISR_EL2::EOI::kMask);
}

u64 nested_eisr(const vncr::RegisterFile& file, unsigned lrs) { return invalid(file, lrs, true); }

u64 nested_elrsr(const vncr::RegisterFile& file, unsigned lrs) { return invalid(file, lrs, false); }

}  // namespace nest::vgic
