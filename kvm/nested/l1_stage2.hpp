// SPDX-License-Identifier: GPL-2.0-only
// What L1's registers say of the stage 2 that it has for L2, compared anew each time: L1 writes them in the VNCR page
// without an exit. The vCPU's own thread.
#pragma once
#include <kvm/vm/vcpu.hpp>
#include <nested/mmu/shadow.hpp>
#include <nested/walk/walk_stage2.hpp>

namespace nest::kvm {

// What the VM's ID registers say of its MMU.
const nested::MmuFeatures& mmu_features(Vcpu& vcpu);

nested::ShadowKey l1_shadow_key(Vcpu& vcpu);
u16 l1_vmid(Vcpu& vcpu);

// nullptr: L1 has stage 2 off. Good until the next call.
const nested::Stage2Regime* l1_stage2(Vcpu& vcpu);

}  // namespace nest::kvm
