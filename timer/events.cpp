// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vcpu_timers.hpp>

namespace nest::timer {

bool VcpuTimers::on_soft_timer(arch::Cpu& cpu) {
    const u64 now = host_count(cpu);
    bool fired[kTimerCount] = {};
    bool wake = false;
    {
        IrqGuard guard(soft_lock_);
        // One that is only preempted looks at everything when it is loaded again.
        const bool needs_alarm = loaded_ || wait_.blocking;
        if (earliest_ticks(now) != 0) {
            // Early, as the host's clock may be slewed against the counter; or meanwhile in the hardware; or cancelled.
            if (needs_alarm)
                arm_soft(now);
            return false;
        }
        for (unsigned i = 0; i < count(); i++) {
            TimerContext& t = contexts_[i];
            fired[i] = !t.in_hardware && t.should_fire(now) && !t.level;
            t.level |= fired[i];
        }
        wake = !irqchip_in_kernel_ || deadline_reached(now);
        if (wake)
            wait_.has_deadline = false;  // told once, as a level is; a vCPU that goes on sleeping brings it along again
        // The next of those that have not fired. A vCPU that sleeps on, as its interrupt controller lets nothing of this
        // through (the guest's PMR masks the tick, and it waits with WFIT), has nobody else to set the alarm.
        if (needs_alarm)
            arm_soft(now);
    }
    // Outside the lock: this wakes and kicks, and put() takes the lock under the run queue's.
    for (unsigned i = 0; i < count(); i++)
        if (fired[i] && irqchip_in_kernel_)
            lines_->set_level(static_cast<TimerId>(i), true);
    return wake;
}

}  // namespace nest::timer
