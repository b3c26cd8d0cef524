// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vcpu_timers.hpp>

namespace nest::timer {

bool VcpuTimers::on_soft_timer(arch::Cpu& cpu) {
    const u64 now = host_count(cpu);
    bool fired[kTimerCount] = {};
    bool wake = false;
    {
        IrqGuard guard(soft_lock_);
        // A vCPU that was only preempted needs no alarm: load() looks at all its timers.
        const bool needs_alarm = loaded_ || wait_.blocking;
        if (earliest_ticks(now) != 0) {
            // The hrtimer came early, as the host's clock may be slewed against the counter; or the guest's timer is in the
            // hardware by now, or was turned off.
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
        // For the next of the timers that have not fired. A vCPU may sleep on, as its interrupt controller lets nothing through
        // (the guest's PMR masks the tick, and the guest waits with WFIT): then nobody else sets the alarm.
        if (needs_alarm)
            arm_soft(now);
    }
    // Outside of soft_lock_. CPU A, in put(), holds its run queue's lock and wants soft_lock_. If we held soft_lock_ here,
    // waking the vCPU's thread would want that run queue's lock: a deadlock.
    for (unsigned i = 0; i < count(); i++)
        if (fired[i] && irqchip_in_kernel_)
            lines_->set_level(static_cast<TimerId>(i), true);
    return wake;
}

}  // namespace nest::timer
