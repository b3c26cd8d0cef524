// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vel2/gic.hpp>

#include <kvm/abi/irq.hpp>
#include <kvm/vel2/gic_tier0.hpp>
#include <vgic/inject.hpp>
#include <vgic/nested/left_group.hpp>

namespace nest::kvm {
namespace {

bool maintenance_level_of(const Vcpu& vcpu) {
    return vgic::nested_maintenance(vcpu.regs, machine().gic.list_registers());
}

// The line of the group that L1 leaves to L2. Who changes it after this look kicks the vCPU.
void set_left_line(Vcpu& vcpu) {
    if (vgic::left_group(vcpu.vel2.hcr()) == vgic::kNoGroup) [[likely]] {
        vcpu.irq_pins.store_relaxed(0);
        return;
    }
    const vgic::Signal line = vgic::signalled_over_running(vcpu.gic).signal;
    vcpu.irq_pins.store_relaxed((line == vgic::Signal::kIrq) << abi::KVM_ARM_IRQ_CPU_IRQ |
                                (line == vgic::Signal::kFiq) << abi::KVM_ARM_IRQ_CPU_FIQ);
}

}  // namespace

void load_gic(Vcpu& vcpu) {
    if (wants_l2_interface(vcpu))
        vgic::load_nested(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs);
    else
        vgic::load(cpu(), vcpu.gic);
}

void put_gic(Vcpu& vcpu) {
    if (vcpu.nested.gic.loaded)
        vgic::put_nested(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs);
    else
        vgic::put(cpu(), vcpu.gic);
}

void flush_gic(Vcpu& vcpu) {
    if (vcpu.nested.gic.loaded != wants_l2_interface(vcpu)) [[unlikely]] {
        put_gic(vcpu);
        load_gic(vcpu);
    }
    if (!vcpu.nested.gic.loaded) {
        vgic::flush(cpu(), vcpu.gic);
        return;
    }
    vgic::flush_nested(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs);
    set_left_line(vcpu);
}

void sync_gic(Vcpu& vcpu) {
    if (!vcpu.nested.gic.loaded) [[likely]] {
        vgic::sync(cpu(), vcpu.gic);
        return;
    }
    vgic::sync_nested(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs);
    update_maintenance(vcpu);
}

bool l2_has_interrupt(const Vcpu& vcpu) {
    using H = arch::HCR_EL2;
    if (vcpu.vel2.hcr().raw & H::mask<H::VI, H::VF, H::VSE>())
        return true;
    if (!vcpu.has_gic() || !wants_l2_interface(vcpu))
        return false;
    for (unsigned i = 0, n = machine().gic.list_registers(); i < n; i++)
        if (vgic::list_register_of(vcpu.regs, i).get<arch::ListRegister::State>() & arch::kLrPending)
            return true;
    return false;
}

void update_maintenance(Vcpu& vcpu) {
    if (!vcpu.has_gic() || !vcpu.vel2.present())
        return;
    const bool level = maintenance_level_of(vcpu);
    if (level == vcpu.nested.maintenance_level)
        return;
    vcpu.nested.maintenance_level = level;
    vgic::set_maintenance(vcpu.gic, level);
}

}  // namespace nest::kvm
