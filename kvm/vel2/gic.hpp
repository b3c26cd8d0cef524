// SPDX-License-Identifier: GPL-2.0-only
// Chooses the virtual CPU interface that the hardware holds: L1's (or the flat guest's), or in L2 the one that L1 has built in
// its ICH_* registers. The same four moments as in vgic/hw/entry.hpp, for a vCPU with a vGIC.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

void load_gic(Vcpu& vcpu);
void put_gic(Vcpu& vcpu);
void flush_gic(Vcpu& vcpu);
void sync_gic(Vcpu& vcpu);

// Has L1 left an interrupt pending for L2, for which L2's WFI falls through? The vCPU is in L2, out of the guest.
bool l2_has_interrupt(const Vcpu& vcpu);

// Brings the level of L1's maintenance interrupt in line with L1's ICH_* registers, which L1 also writes without an exit.
// Preemption off, vGIC synced. Without virtual EL2 it does nothing.
void update_maintenance(Vcpu& vcpu);

}  // namespace nest::kvm
