// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested_view.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_HCR_EL2;
using arch::ICH_MISR_EL2;
using arch::ICH_VMCR_EL2;
using arch::ICH_VTR_EL2;
using arch::ListRegister;

constexpr u64 kMaintenanceEnables =
    ICH_HCR_EL2::mask<ICH_HCR_EL2::UIE, ICH_HCR_EL2::LRENPIE, ICH_HCR_EL2::NPIE, ICH_HCR_EL2::VGrp0EIE,
                      ICH_HCR_EL2::VGrp0DIE, ICH_HCR_EL2::VGrp1EIE, ICH_HCR_EL2::VGrp1DIE>();

// [IHI0069] 12.4 ICH_LR<n>_EL2: bit 41 is the EOI request only where there is no physical interrupt.
bool wants_eoi(ListRegister lr) { return !lr.get<ListRegister::HW>() && lr.get<ListRegister::EOI>(); }

struct Summary {
    unsigned valid = 0;
    bool pending = false;
};

Summary summarise(const vncr::RegisterFile& file, unsigned lrs) {
    Summary s;
    for (unsigned n = 0; n < lrs; n++) {
        const u64 state = list_register_of(file, n).get<ListRegister::State>();
        s.valid += state != arch::kLrInvalid;
        s.pending |= state == arch::kLrPending;
    }
    return s;
}

}  // namespace

u64 nested_vtr(const HostGic& gic) {
    // Sixteen bits of INTID, and nothing of GICv4. A3V is clear as Linux shows it: user space restores this register,
    // and expects the same value.
    const u64 kept = gic.vtr.raw & ICH_VTR_EL2::mask<ICH_VTR_EL2::PRIbits, ICH_VTR_EL2::PREbits, ICH_VTR_EL2::SEIS,
                                                     ICH_VTR_EL2::TDS>();
    return ICH_VTR_EL2::of(kept)
        .with<ICH_VTR_EL2::nV4>(1)
        .with<ICH_VTR_EL2::ListRegs>(gic.list_registers() - 1)
        .raw;
}

// [IHI0069] 12.4 ICH_MISR_EL2. ICH_HCR_EL2.En does not matter to it, only to the interrupt.
u64 nested_misr(const vncr::RegisterFile& file, unsigned lrs) {
    const auto hcr = file.get<ICH_HCR_EL2>();
    const auto eoi = ICH_MISR_EL2{}.with<ICH_MISR_EL2::EOI>(nested_eisr(file, lrs) != 0);
    if (!(hcr.raw & kMaintenanceEnables)) [[likely]]
        return eoi.raw;
    const auto vmcr = file.get<ICH_VMCR_EL2>();
    const Summary s = summarise(file, lrs);
    const bool group0 = vmcr.get<ICH_VMCR_EL2::VENG0>(), group1 = vmcr.get<ICH_VMCR_EL2::VENG1>();
    return eoi.with<ICH_MISR_EL2::U>(hcr.get<ICH_HCR_EL2::UIE>() && s.valid <= 1)
        .with<ICH_MISR_EL2::LRENP>(hcr.get<ICH_HCR_EL2::LRENPIE>() && hcr.get<ICH_HCR_EL2::EOIcount>())
        .with<ICH_MISR_EL2::NP>(hcr.get<ICH_HCR_EL2::NPIE>() && !s.pending)
        .with<ICH_MISR_EL2::VGrp0E>(hcr.get<ICH_HCR_EL2::VGrp0EIE>() && group0)
        .with<ICH_MISR_EL2::VGrp0D>(hcr.get<ICH_HCR_EL2::VGrp0DIE>() && !group0)
        .with<ICH_MISR_EL2::VGrp1E>(hcr.get<ICH_HCR_EL2::VGrp1EIE>() && group1)
        .with<ICH_MISR_EL2::VGrp1D>(hcr.get<ICH_HCR_EL2::VGrp1DIE>() && !group1)
        .raw;
}

u64 nested_eisr(const vncr::RegisterFile& file, unsigned lrs) {
    if (!any_list_register(file, lrs)) [[likely]]
        return 0;
    u64 ended = 0;
    for (unsigned n = 0; n < lrs; n++) {
        const ListRegister lr = list_register_of(file, n);
        ended |= u64{lr.get<ListRegister::State>() == arch::kLrInvalid && wants_eoi(lr)} << n;
    }
    return ended;
}

u64 nested_elrsr(const vncr::RegisterFile& file, unsigned lrs) {
    u64 empty = 0;
    for (unsigned n = 0; n < lrs; n++) {
        const ListRegister lr = list_register_of(file, n);
        empty |= u64{lr.get<ListRegister::State>() == arch::kLrInvalid && !wants_eoi(lr)} << n;
    }
    return empty;
}

bool nested_maintenance(const vncr::RegisterFile& file, unsigned lrs) {
    return file.get<ICH_HCR_EL2>().get<ICH_HCR_EL2::En>() && nested_misr(file, lrs);
}

u64 nested_hcr(const vncr::RegisterFile& file, const HostGic& gic) {
    u64 known = kMaintenanceEnables | ICH_HCR_EL2::mask<ICH_HCR_EL2::En, ICH_HCR_EL2::TC, ICH_HCR_EL2::TALL0,
                                                        ICH_HCR_EL2::TALL1, ICH_HCR_EL2::EOIcount>();
    if (gic.vtr.get<ICH_VTR_EL2::TDS>())
        known |= ICH_HCR_EL2::TDIR::kMask;
    if (gic.vtr.get<ICH_VTR_EL2::SEIS>())
        known |= ICH_HCR_EL2::TSEI::kMask;
    // L1's interrupt is high already, and L1 does not take it. Our own would be as high, and L2 would never get to run.
    if (nested_maintenance(file, gic.list_registers()))
        known &= ~kMaintenanceEnables;
    return file.get<ICH_HCR_EL2>().raw & known;
}

}  // namespace nest::vgic
