// SPDX-License-Identifier: GPL-2.0-only
// A vCPU without an in-kernel GIC: the CPU interface's system registers trap, and are undefined to the guest.
#pragma once
#include <arch/cpu.hpp>

namespace nest::vgic {

// Interrupts off, around the guest. ICC_SRE_EL2.Enable clear makes ICC_SRE_EL1 trap; TC, TALL0, TALL1 trap the rest.
void hide(arch::Cpu& cpu);

void unhide(arch::Cpu& cpu);

}  // namespace nest::vgic
