// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/sysreg/common_features.hpp>

#include <port/port.h>

namespace nest::kvm {

using namespace arch;

void CommonFeatures::note(vgic::HostGic gic, bool nv2_alone, bool nv1) {
    for (size_t i = 0; i < kRowCount<kCommonFields>; i++) {
        const CommonField& f = kCommonFields[i];
        fields_[i] = nest_port_feature_register(encoding_of(f.reg).raw) >> f.low & 15;
    }
    gic_ = gic;
    nv2_alone_ = nv2_alone;
    nv1_ = nv1;
}

const char* CommonFeatures::lacking(Cpu& c) const {
    const char* first = nullptr;
    for_each_row<kCommonFields>([&]<size_t i>() {
        constexpr const CommonField& f = kCommonFields[i];
        if (!first && (c.read<Named<f.reg>>().raw >> f.low & 15) < fields_[i])
            first = f.name;
    });
    if (first)
        return first;
    const vgic::HostGic gic{c.read<ICH_VTR_EL2>()};
    if (gic.list_registers() < gic_.list_registers())
        return "list registers";
    if (gic.priority_bits() < gic_.priority_bits() || gic.active_priority_registers() < gic_.active_priority_registers())
        return "interrupt priorities";
    if (nv2_alone_ && !has_nv2_alone(c))
        return "FEAT_NV2";
    if (nv1_ && !has_nv1(c))
        return "HCR_EL2.NV1";
    return nullptr;
}

}  // namespace nest::kvm
