// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/hw/absent.hpp>

namespace nest::vgic {

void hide(arch::Cpu& cpu) {
    using H = arch::ICH_HCR_EL2;
    cpu.write(H::of(H::mask<H::TC, H::TALL0, H::TALL1, H::TDIR>()));
    cpu.write(arch::ICC_SRE_EL2::of(cpu.read<arch::ICC_SRE_EL2>().raw & ~u64{8}));
}

void unhide(arch::Cpu& cpu) {
    cpu.write(arch::ICH_HCR_EL2{});
    cpu.write(arch::ICC_SRE_EL2::of(cpu.read<arch::ICC_SRE_EL2>().raw | 8));
}

}  // namespace nest::vgic
