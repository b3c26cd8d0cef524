// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/sysreg/common_features.hpp>

#include <port/port.h>

namespace nest::kvm {

using namespace arch;

void CommonFeatures::note(vgic::HostGic gic, bool nv2_alone) {
#define COMMON(reg, low, name) \
    fields_[kRow_##reg##_##low] = nest_port_feature_register(encoding_of(SysReg::reg).raw) >> low & 15;
#include <kvm/sysreg/common_features.def>
    gic_ = gic;
    nv2_alone_ = nv2_alone;
}

const char* CommonFeatures::lacking(Cpu& c) const {
#define COMMON(reg, low, name)                                          \
    if ((c.read<reg>().raw >> low & 15) < fields_[kRow_##reg##_##low]) \
        return name;
#include <kvm/sysreg/common_features.def>
    const vgic::HostGic gic{c.read<ICH_VTR_EL2>()};
    if (gic.list_registers() < gic_.list_registers())
        return "list registers";
    if (gic.priority_bits() < gic_.priority_bits() || gic.active_priority_registers() < gic_.active_priority_registers())
        return "interrupt priorities";
    if (nv2_alone_ && !has_nv2_alone(c))
        return "FEAT_NV2";
    return nullptr;
}

}  // namespace nest::kvm
