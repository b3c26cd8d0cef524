// SPDX-License-Identifier: GPL-2.0-only
// What L1's registers say of its stage 2 for L2. L1 writes these registers in the VNCR page without an exit, so that each call
// compares them with what the last result was made of. The vCPU's own thread.
#pragma once
#include <kvm/vm/vcpu.hpp>
#include <nested/mmu/shadow.hpp>
#include <nested/walk/walk_stage2.hpp>

namespace nest::kvm {

// What the VM's ID registers say of its MMU.
const nested::MmuFeatures& mmu_features(Vcpu& vcpu);

// The key of the shadow that L1's registers name now, and the VMID in it.
nested::ShadowKey l1_shadow_key(Vcpu& vcpu);
u16 l1_vmid(Vcpu& vcpu);

// nullptr: L1 has stage 2 off. The result is valid until the next call.
const nested::Stage2Regime* l1_stage2(Vcpu& vcpu);

}  // namespace nest::kvm
