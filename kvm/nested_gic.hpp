// SPDX-License-Identifier: GPL-2.0-only
// Which virtual CPU interface the hardware holds: L1's (or the flat guest's), or in L2 the one that L1 has built in its
// ICH_* registers. The same four moments as vgic/entry.hpp, for a vCPU with a vGIC.
#pragma once
#include <kvm/vcpu.hpp>

namespace nest::kvm {

void load_gic(Vcpu& vcpu);
void put_gic(Vcpu& vcpu);
void flush_gic(Vcpu& vcpu);
void sync_gic(Vcpu& vcpu);

// Tier 0: can L1's interface and L2's change places here? That is, no interrupt of L1 is pending or active, and those of
// L2, if there are any, are L1's software's alone. Takes back what L1 has handled since its last entry.
enum class GicChange : u8 { kNotHere, kIdle, kWithListRegisters };
GicChange possible_gic_change(Vcpu& vcpu);
// Then this does it, for the world that the vCPU is in. False: L1's maintenance interrupt changes its level, and the way
// by the host has to tell the vGIC.
[[nodiscard]] bool change_gic(Vcpu& vcpu, GicChange how);

// Has L1 left an interrupt pending for L2, for which L2's WFI falls through? The vCPU is in L2, out of the guest.
bool l2_has_interrupt(const Vcpu& vcpu);

// The level of L1's maintenance interrupt follows its ICH_* registers, which L1 also writes without an exit. Preemption
// off, vGIC synced. Nothing without virtual EL2.
void update_maintenance(Vcpu& vcpu);

}  // namespace nest::kvm
