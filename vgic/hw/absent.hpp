// SPDX-License-Identifier: GPL-2.0-only
// A vCPU without an in-kernel GIC: the CPU interface's system registers trap, and are undefined to the guest.
#pragma once
#include <arch/cpu.hpp>

namespace nest::vgic {

// Interrupts off, around the guest. ICC_SRE_EL2.Enable clear makes ICC_SRE_EL1 trap; TC, TALL0, TALL1 trap the rest.
template <arch::Cpu C>
void hide(C& cpu) {
    using H = arch::ICH_HCR_EL2;
    cpu.write(H::of(H::mask<H::TC, H::TALL0, H::TALL1, H::TDIR>()));
    cpu.write(arch::ICC_SRE_EL2::of(cpu.template read<arch::ICC_SRE_EL2>().raw & ~u64{8}));
}

template <arch::Cpu C>
void unhide(C& cpu) {
    cpu.write(arch::ICH_HCR_EL2{});
    cpu.write(arch::ICC_SRE_EL2::of(cpu.template read<arch::ICC_SRE_EL2>().raw | 8));
}

}  // namespace nest::vgic
