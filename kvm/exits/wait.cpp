// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/exits/wait.hpp>

#include <kvm/vel2/gic.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

bool has_wakeup_event(Vcpu& vcpu) {
    return (vcpu.has_gic() && vgic::has_pending(vcpu.gic)) || vcpu.irq_pins.load_relaxed() != 0 || vcpu.serror.pending ||
           vcpu.alarm.load_acquire() || (vcpu.vel2.in_l2() && l2_has_interrupt(vcpu));
}

bool wait_is_over(Vcpu& vcpu) {
    if (vcpu.vm.dead.load_acquire())
        return true;
    switch (static_cast<WaitFor>(vcpu.waiting_for.load_acquire())) {
    case WaitFor::kPower:
        return vcpu.power.get() != PowerState::kStopped;
    case WaitFor::kHaltEnd:
        return !vcpu.vm.halted();
    case WaitFor::kInterrupt:
        return vcpu.has_requests() || vcpu.power.get() == PowerState::kStopped || has_wakeup_event(vcpu);
    case WaitFor::kNothing:
        break;
    }
    return true;
}

void wait_for(Vcpu& vcpu, WaitFor what) {
    release_fpsimd(vcpu);
    vcpu.waiting_for.store_release(static_cast<u8>(what));
    nest_port_vcpu_wait(vcpu.host);
    vcpu.waiting_for.store_release(static_cast<u8>(WaitFor::kNothing));
}

void block(Vcpu& vcpu, timer::Wait wait) {
    wait.blocking = true;
    vcpu.wait = wait;
    vcpu.alarm.store_release(false);
    const u64 start = nest_port_now_ns();
    vcpu.stats.blocking = 1;
    wait_for(vcpu, WaitFor::kInterrupt);
    vcpu.stats.blocking = 0;
    vcpu.stats.halt_wakeup += has_wakeup_event(vcpu);
    count_halt_wait(vcpu.stats, nest_port_now_ns() - start);
    vcpu.wait = {};
}

}  // namespace nest::kvm
