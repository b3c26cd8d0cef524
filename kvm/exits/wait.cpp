// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/exits/wait.hpp>

#include <kvm/vel2/gic.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

bool has_wakeup_event(Vcpu& vcpu) {
    // With a GIC has_pending() knows of every interrupt; the pins are what the last flush for L2 made of it, and may be over.
    const bool interrupt = vcpu.has_gic() ? vgic::has_pending(vcpu.gic) : vcpu.irq_pins.load_relaxed() != 0;
    return interrupt || vcpu.serror.pending ||
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
        return vcpu.has_work() || vcpu.power.get() == PowerState::kStopped || has_wakeup_event(vcpu);
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

namespace {

// Is the wait over by what wait_is_over() cannot know while the vCPU is loaded: the deadline, for which nobody has set an alarm?
bool deadline_passed(Vcpu& vcpu, const timer::Wait& wait) {
    if (!wait.has_deadline)
        return false;
    const PreemptionOff here;
    return vcpu.timers.count_reached(cpu(), wait.deadline);
}

// Looks whether the wait is over until `end`, in ns, or until the CPU is wanted otherwise. The vCPU stays loaded, so that its
// timers in hardware interrupt here. `now`: the time of the last look.
bool poll(Vcpu& vcpu, const timer::Wait& wait, u64 end, u64& now) {
    {
        const PreemptionOff here;
        vcpu.timers.flush(cpu());  // sets the alarm for a timer that is not in hardware and that tier 0 has written
    }
    vcpu.waiting_for.store_release(static_cast<u8>(WaitFor::kInterrupt));
    bool over = false;
    do {
        over = wait_is_over(vcpu) || deadline_passed(vcpu, wait);
        now = nest_port_now_ns();
    } while (!over && now < end && nest_port_may_poll());
    vcpu.waiting_for.store_release(static_cast<u8>(WaitFor::kNothing));
    return over;
}

void count_poll(VcpuStats& stats, bool successful, u64 ns) {
    stats.halt_attempted_poll++;
    stats.halt_successful_poll += successful;
    if (successful)
        count_time(stats.halt_poll_success_ns, stats.halt_poll_success_hist, ns);
    else
        count_time(stats.halt_poll_fail_ns, stats.halt_poll_fail_hist, ns);
}

// `now`: the time before, and then after the sleep.
void sleep(Vcpu& vcpu, const timer::Wait& wait, u64& now) {
    const u64 start = now;
    vcpu.wait = wait;
    vcpu.stats.blocking = 1;
    wait_for(vcpu, WaitFor::kInterrupt);
    vcpu.stats.blocking = 0;
    vcpu.wait = {};
    vcpu.stats.halt_wakeup += has_wakeup_event(vcpu);
    now = nest_port_now_ns();
    count_time(vcpu.stats.halt_wait_ns, vcpu.stats.halt_wait_hist, now - start);
}

}  // namespace

void block(Vcpu& vcpu, timer::Wait wait) {
    wait.blocking = true;
    const nest_halt_polling parameters = nest_port_halt_polling();
    const u64 limit = vcpu.vm.halt_poll.get(parameters);
    const u64 start = nest_port_now_ns();
    u64 now = start;
    vcpu.alarm.store_release(false);
    // Without an in-kernel GIC the VMM has to be told of timers, which wait_is_over() does not know of: the thread sleeps.
    const u64 window = vcpu.has_gic() ? vcpu.halt_poll.ns(limit) : 0;
    const bool over = window && poll(vcpu, wait, start + window, now);
    if (window)
        count_poll(vcpu.stats, over, now - start);
    if (!over)
        sleep(vcpu, wait, now);
    vcpu.halt_poll.adapt(now - start, limit, parameters);
}

}  // namespace nest::kvm
