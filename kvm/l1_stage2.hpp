// SPDX-License-Identifier: GPL-2.0-only
// What L1's registers say of the stage 2 that it has for L2, read anew each time: L1 writes them in the VNCR page
// without an exit. The vCPU's own thread.
#pragma once
#include <kvm/vcpu.hpp>
#include <nested/shadow.hpp>
#include <nested/walk_stage2.hpp>
#include <optional>

namespace nest::kvm {

// What the VM's ID registers say of its MMU.
const nested::MmuFeatures& mmu_features(Vcpu& vcpu);

// HCR_EL2.DC makes VM count as 1 ([DDI0487] D24.2.58).
inline bool l1_stage2_on(const Vcpu& vcpu) {
    const arch::HCR_EL2 hcr = vcpu.vel2.hcr();
    return hcr.get<arch::HCR_EL2::VM>() || hcr.get<arch::HCR_EL2::DC>();
}
nested::ShadowKey l1_shadow_key(Vcpu& vcpu);
u16 l1_vmid(Vcpu& vcpu);

// Nothing: L1 has stage 2 off.
using L1Stage2 = std::optional<nested::Stage2Regime>;
L1Stage2 l1_stage2(Vcpu& vcpu);
inline const nested::Stage2Regime* pointer(const L1Stage2& regime) { return regime ? &*regime : nullptr; }

}  // namespace nest::kvm
