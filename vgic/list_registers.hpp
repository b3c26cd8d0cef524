// SPDX-License-Identifier: GPL-2.0-only
// From the interrupts' state to list registers and back; software only, the hardware is entry.hpp's business.
#pragma once
#include <vgic/cpu_interface.hpp>

namespace nest::vgic {

// Fills cpu.hw.lr, .used and .hcr with what the vCPU must see, best first: deliverable before active, then priority.
// Interrupts off, no lock of the vGIC held.
void fill_list_registers(CpuInterface& cpu);

// Takes back the list registers that sync() read into `now` (cpu.hw.lr still holds what was written), and the EOIs of
// interrupts that had none. Kicks and notifies. Interrupts off, no lock held.
void fold_list_registers(CpuInterface& cpu, const u64 (&now)[kMaxListRegisters], unsigned eoi_count);

// Deactivates one interrupt as ICC_DIR_EL1 would; nothing if it is not active. The vCPU is out of the guest and synced.
// May halt the VM: sleepable context.
void deactivate(CpuInterface& cpu, unsigned intid);

}  // namespace nest::vgic
