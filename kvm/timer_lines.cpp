// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/timer_lines.hpp>

#include <kvm/vcpu.hpp>
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

void TimerLines::connect() {
    for (timer::Slot slot : {timer::Slot::kVirtual, timer::Slot::kPhysical}) {
        const unsigned intid = vcpu_.timers.guest_intid(vcpu_.timers.direct(slot));
        (void)vgic::set_owner(vcpu_.gic, intid, this);
        (void)vgic::map_hw(vcpu_.gic, intid, vcpu_.timers.host_intid(slot));
    }
}

}  // namespace nest::kvm
