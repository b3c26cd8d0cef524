// SPDX-License-Identifier: GPL-2.0-only
// A vCPU without an in-kernel GIC: the CPU interface's system registers trap, and are undefined to the guest.
#pragma once
#include <arch/cpu.hpp>

namespace nest::vgic {

// Called before and after each stay in the guest, interrupts off. ICC_SRE_EL2.Enable clear makes ICC_SRE_EL1 trap; TC, TALL0
// and TALL1 of ICH_HCR_EL2 trap the rest.
void hide(arch::Cpu& cpu);

void unhide(arch::Cpu& cpu);

}  // namespace nest::vgic
