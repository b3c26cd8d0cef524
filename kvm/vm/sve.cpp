// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/sve.hpp>

#include <nested/cpu/world_switch.hpp>

namespace nest::kvm::detail {

using namespace arch;

namespace {
// For the image, whose vectors are as long as the vCPU's can be.
void use_longest_vectors(Cpu& c, const Vcpu& vcpu) {
    c.write(ZCR_EL2{}.with<ZCR_EL2::LEN>(vcpu.sve.max_vq() - 1));
    c.isb();
}
}  // namespace

void enter_sve(Vcpu& vcpu) {
    Cpu& c = cpu();
    vcpu.host_zcr = c.read<ZCR_EL2>().raw;
    use_longest_vectors(c, vcpu);
    nest_sve_load(vcpu.sve.image());
    // The exception return to the guest makes the lengths act.
    vcpu.vel2.sve_loaded = vcpu.serror.sve_loaded = true;
    if (vcpu.vel2.present())
        nested::load_zcr(c, vcpu.vel2);
    else
        c.write(ZCR_EL12::of(vcpu.regs.get(SysReg::ZCR_EL1)));
}

void leave_sve(Vcpu& vcpu) {
    Cpu& c = cpu();
    if (vcpu.vel2.present())
        nested::save_zcr(c, vcpu.vel2);
    else
        vcpu.regs.set(SysReg::ZCR_EL1, c.read<ZCR_EL12>().raw);
    vcpu.vel2.sve_loaded = vcpu.serror.sve_loaded = false;
    use_longest_vectors(c, vcpu);  // L2 may have had shorter ones
    nest_sve_save(vcpu.sve.image());
    c.write(ZCR_EL2::of(vcpu.host_zcr));
    c.isb();
}

}  // namespace nest::kvm::detail
