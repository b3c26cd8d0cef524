// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/host_gic.hpp>

namespace nest::vgic {

HostGic probe(arch::Cpu& cpu) {
    HostGic gic{cpu.read<arch::ICH_VTR_EL2>()};
    const auto sre = cpu.read<arch::ICC_SRE_EL1>();
    cpu.write(arch::ICC_SRE_EL1::of(0));
    cpu.isb();
    gic.v2_compat = !(cpu.read<arch::ICC_SRE_EL1>().raw & 1);
    cpu.write(sre);
    cpu.isb();
    return gic;
}

}  // namespace nest::vgic
