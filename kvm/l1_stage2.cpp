// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/l1_stage2.hpp>

#include <kvm/id_registers.hpp>

namespace nest::kvm {

using namespace arch;

const nested::MmuFeatures& mmu_features(Vcpu& vcpu) {
    NestedMmuVcpu& use = vcpu.shadow_use;
    if (!use.has_features) [[unlikely]] {
        use.features = nested::mmu_features_of(vcpu.ids);
        use.has_features = true;
    }
    return use.features;
}

nested::ShadowKey l1_shadow_key(Vcpu& vcpu) {
    return nested::shadow_key(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(), l1_stage2_on(vcpu),
                              mmu_features(vcpu).vmid16);
}

u16 l1_vmid(Vcpu& vcpu) {
    return nested::vmid_of(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(), mmu_features(vcpu).vmid16);
}

L1Stage2 l1_stage2(Vcpu& vcpu) {
    if (!l1_stage2_on(vcpu))
        return {};
    const bool big_endian = SCTLR_EL1::of(vcpu.read(SysReg::SCTLR_EL2)).get<SCTLR_EL1::EE>();
    return nested::stage2_regime(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(), big_endian,
                                 vcpu.vel2.hcr().get<HCR_EL2::FWB>(), mmu_features(vcpu));
}

}  // namespace nest::kvm
