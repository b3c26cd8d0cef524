// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/nested/l1_stage2.hpp>

#include <kvm/cpu/id_registers.hpp>

namespace nest::kvm {

using namespace arch;

const nested::MmuFeatures& mmu_features(Vcpu& vcpu) {
    ShadowUse& use = vcpu.nested.shadow_use;
    if (!use.has_features) [[unlikely]] {
        use.features = nested::mmu_features_of(vcpu.ids);
        use.has_features = true;
    }
    return use.features;
}

nested::ShadowKey l1_shadow_key(Vcpu& vcpu) {
    return nested::shadow_key(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(),
                              L1Stage2Registers::of(vcpu.regs).on(), mmu_features(vcpu).vmid16);
}

u16 l1_vmid(Vcpu& vcpu) {
    return nested::vmid_of(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(), mmu_features(vcpu).vmid16);
}

const nested::Stage2Regime* l1_stage2(Vcpu& vcpu) {
    ShadowUse& use = vcpu.nested.shadow_use;
    const bool in_l2 = vcpu.vel2.in_l2();
    // While L2 runs, its own SCTLR_EL1 is in hardware and L1's register in memory.
    const u64 sctlr = in_l2 ? vcpu.regs.get(SysReg::SCTLR_EL2) : vcpu.read(SysReg::SCTLR_EL2);
    const bool big_endian = SCTLR_EL1::of(sctlr).get<SCTLR_EL1::EE>();
    // find_shadow() has compared L1's registers at the switch to L2, and L1 has not run since.
    if (in_l2 && use.regime_matches_shadow && use.regime.big_endian == big_endian) [[likely]]
        return use.shadow_inputs.on() ? &use.regime : nullptr;
    const L1Stage2Registers now = L1Stage2Registers::of(vcpu.regs);
    if (use.regime_inputs != now || use.regime.big_endian != big_endian) [[unlikely]] {
        use.regime = nested::stage2_regime(vcpu.vel2.get<VTTBR_EL2>(), vcpu.vel2.get<VTCR_EL2>(), big_endian,
                                           vcpu.vel2.hcr().get<HCR_EL2::FWB>(), mmu_features(vcpu));
        use.regime.uncached = vcpu.vel2.hcr().get<HCR_EL2::CD>();
        use.regime_inputs = now;
    }
    use.regime_matches_shadow = use.shadow && now == use.shadow_inputs;
    return now.on() ? &use.regime : nullptr;
}

}  // namespace nest::kvm
