// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/nested_gic.hpp>

#include <kvm/machine.hpp>
#include <kvm/vm.hpp>
#include <vgic/entry.hpp>
#include <vgic/inject.hpp>
#include <vgic/nested.hpp>

namespace nest::kvm {
namespace {

// L2 has an interface of its own where L1 takes the physical interrupts. (Neither bit is ever RES0.)
bool wants_l2_interface(const Vcpu& vcpu) {
    using H = arch::HCR_EL2;
    return vcpu.vel2.in_guest() && vcpu.regs.get<H>().raw & H::mask<H::IMO, H::FMO>();
}

bool maintenance_level_of(const Vcpu& vcpu) {
    return vgic::nested_maintenance(vcpu.regs, machine().gic.list_registers());
}

}  // namespace

void load_gic(Vcpu& vcpu) {
    if (wants_l2_interface(vcpu))
        vgic::load_nested(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs);
    else
        vgic::load(cpu(), vcpu.gic);
}

void put_gic(Vcpu& vcpu) {
    if (vcpu.l2_gic.loaded)
        vgic::put_nested(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs);
    else
        vgic::put(cpu(), vcpu.gic);
}

void flush_gic(Vcpu& vcpu) {
    if (vcpu.l2_gic.loaded != wants_l2_interface(vcpu)) [[unlikely]] {
        put_gic(vcpu);
        load_gic(vcpu);
    }
    if (vcpu.l2_gic.loaded)
        vgic::flush_nested(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs);
    else
        vgic::flush(cpu(), vcpu.gic);
}

void sync_gic(Vcpu& vcpu) {
    if (!vcpu.l2_gic.loaded) [[likely]] {
        vgic::sync(cpu(), vcpu.gic);
        return;
    }
    vgic::sync_nested(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs);
    update_maintenance(vcpu);
}

GicChange possible_gic_change(Vcpu& vcpu) {
    using arch::ListRegister;
    if (!vcpu.has_gic() || vcpu.gic.hw.vmcr_dirty)
        return GicChange::kNotHere;
    if (vcpu.gic.hw.used && !vgic::sync_ended(cpu(), vcpu.gic)) [[unlikely]]
        return GicChange::kNotHere;
    if (vcpu.gic.work.load_relaxed())
        return GicChange::kNotHere;
    // L1 has not run since it entered L2 without one.
    if (vcpu.l2_gic.loaded && !vcpu.l2_gic.used) [[likely]]
        return GicChange::kIdle;
    const u64 any = vgic::any_list_register(vcpu.regs, machine().gic.list_registers());
    if (!(any & ListRegister::State::kMask)) [[likely]]
        return GicChange::kIdle;
    // A physical interrupt is looked up, and deactivated, under locks.
    return any & ListRegister::HW::kMask ? GicChange::kNotHere : GicChange::kWithListRegisters;
}

bool change_gic(Vcpu& vcpu, GicChange how) {
    // An L1 that leaves physical interrupts to its guest gives it the one interface that there is.
    const bool wanted = wants_l2_interface(vcpu), changes = wanted != vcpu.l2_gic.loaded;
    if (changes && !wanted)
        vgic::leave_nested_in_tier0(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs);
    const bool high = maintenance_level_of(vcpu);
    if (high != vcpu.maintenance_level) [[unlikely]]
        return false;
    if (changes && wanted)
        vgic::enter_nested_in_tier0(cpu(), vcpu.gic, vcpu.l2_gic, vcpu.regs, how == GicChange::kWithListRegisters, high);
    return true;
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
    if (level == vcpu.maintenance_level)
        return;
    vcpu.maintenance_level = level;
    vgic::set_maintenance(vcpu.gic, level);
}

}  // namespace nest::kvm
