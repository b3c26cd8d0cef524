// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/timer_lines.hpp>

#include <kvm/vm/vcpu.hpp>
#include <vgic/inject.hpp>

namespace nest::kvm {

void TimerLines::set_level(timer::TimerId id, bool level) {
    // An invalid PPI cannot be here: set_ppi() checked it.
    (void)vgic::inject_ppi(vcpu_.gic, vcpu_.timers.guest_intid(id), level, this);
}

bool TimerLines::vgic_active_or_pending(timer::TimerId id) {
    return vgic::hw_active(vcpu_.gic, vcpu_.timers.guest_intid(id));
}

void TimerLines::set_physical_active(timer::Slot slot, bool active) {
    nest_port_timer_irq_set_active(static_cast<unsigned>(timer::index_of(slot)), active);
}

void TimerLines::change_hands(timer::Slot slot, timer::TimerId leaves, timer::TimerId comes) {
    if (!vcpu_.has_gic())
        return;
    (void)vgic::unmap_hw(vcpu_.gic, vcpu_.timers.guest_intid(leaves));
    (void)vgic::map_hw(vcpu_.gic, vcpu_.timers.guest_intid(comes), vcpu_.timers.host_intid(slot));
}

bool TimerLines::quiet() {
    u32 ppis = 0;
    for (unsigned i = 0; i < vcpu_.timers.count(); i++)
        ppis |= vgic::bit_of(vcpu_.timers.guest_intid(static_cast<timer::TimerId>(i)));
    return vcpu_.has_gic() && vgic::all_quiet(vcpu_.gic, ppis);
}

void TimerLines::connect() {
    for (unsigned i = 0; i < vcpu_.timers.count(); i++)
        (void)vgic::set_owner(vcpu_.gic, vcpu_.timers.guest_intid(static_cast<timer::TimerId>(i)), this);
    for (timer::Slot slot : timer::kSlots)
        (void)vgic::map_hw(vcpu_.gic, vcpu_.timers.guest_intid(vcpu_.timers.direct(slot)), vcpu_.timers.host_intid(slot));
}

}  // namespace nest::kvm
