// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/run/run.hpp>

#include <base/atomic.hpp>
#include <kvm/exits/exits.hpp>
#include <kvm/exits/wait.hpp>
#include <kvm/fault/stolen_time.hpp>
#include <kvm/run/first_run.hpp>
#include <kvm/run/load.hpp>
#include <kvm/run/vcpu_reset.hpp>
#include <kvm/run/watch.hpp>
#include <kvm/tier0/enter.hpp>
#include <kvm/trace/trace.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/sve.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/hw/absent.hpp>
#include <vgic/hw/entry.hpp>

namespace nest::kvm {
namespace {

// A suspended vCPU stays suspended until its VMM resumes it; a wake-up event is reported to the VMM.
Next suspended(Vcpu& vcpu) {
    block(vcpu, {true, false, 0});
    if (!has_wakeup_event(vcpu))
        return Next::kResume;
    vcpu.hooks.exit_system_event(abi::KVM_SYSTEM_EVENT_WAKEUP, 0, 0);
    return Next::kUser;
}

Next take_requests(Vcpu& vcpu) {
    if (!vcpu.has_requests()) [[likely]]
        return Next::kResume;
    drop_watch_if_over(vcpu);
    if (vcpu.take_request(Request::kReset))
        reset_for_cpu_on(vcpu);
    if (vcpu.take_request(Request::kTraps))
        refresh_traps(vcpu);
    // Before whatever would write to guest memory: a VMM that enters again and again without a reset must not fill the ring.
    if (vcpu.take_request(Request::kRingFull) && vcpu.dirty_ring.is_nearly_full()) {
        vcpu.make_request(Request::kRingFull);  // until the VMM has reset the rings, each KVM_RUN ends so
        vcpu.run->exit_reason = abi::KVM_EXIT_DIRTY_RING_FULL;
        return Next::kUser;
    }
    if (vcpu.take_request(Request::kStolenTime))
        record_stolen_time(vcpu);
    return Next::kResume;
}

// What other threads asked for. kTier1: look again, the guest may not be entered yet.
Next serve_requests(Vcpu& vcpu) {
    // kLook is taken before the looks that it asks for. The other way round: this vCPU looks at its power state; stop_all() on
    // CPU B stops the vCPU, makes the request and kicks, which does nothing as we are outside the guest; then we take the
    // request, find none before the entry, and the stopped vCPU runs.
    (void)vcpu.take_request(Request::kLook);
    if (vcpu.vm.dead.load_acquire()) {
        vcpu.error = Errno::kIo;
        return Next::kError;
    }
    if (vcpu.power.get() == PowerState::kStopped) {
        wait_for(vcpu, WaitFor::kPower);
        return Next::kTier1;
    }
    if (vcpu.vm.halted()) {
        wait_for(vcpu, WaitFor::kHaltEnd);
        return Next::kTier1;
    }
    // Requests are taken before a suspended vCPU blocks: a request ends the wait, and one that is not taken would end each
    // later wait at once.
    if (take_requests(vcpu) == Next::kUser) [[unlikely]]
        return Next::kUser;
    if (vcpu.power.get() == PowerState::kSuspended) [[unlikely]]
        return suspended(vcpu) == Next::kUser ? Next::kUser : Next::kTier1;
    return Next::kResume;
}

// What a vCPU with virtual EL2 needs before an entry.
Next prepare_nested(Vcpu& vcpu) {
    if (follow_e2h(vcpu)) [[unlikely]]
        refresh_traps(vcpu);
    preempt_l2(vcpu);
    if (const Status s = prepare_world(vcpu); !s.ok()) {
        vcpu.error = s.error();
        return Next::kError;
    }
    return Next::kResume;
}

// Into the guest and out again, once. False: the guest has not run, as something came up before the entry.
bool pass_through_guest(Vcpu& vcpu, Exit& exit) {
    Cpu& c = cpu();
    nest_port_preempt_disable();
    if (vcpu.fp_wanted) [[unlikely]]
        borrow_fpsimd(vcpu);
    if (vcpu.vel2.present())
        complete_switch(vcpu);
    vcpu.timers.flush(c);
    nest_port_irq_disable();
    vcpu.in_guest.store_relaxed(true);
    // Pairs with the barriers in Vm::halt_all() and Vcpu::kick(): either they see in_guest and send an IPI, or the looks below
    // see the halt, or the reason of the kick. Without it: we read "no request", CPU B makes one and reads in_guest as false.
    memory_barrier();
    if (vcpu.has_gic())
        flush_gic(vcpu);
    else
        vgic::hide(c);

    enter_sve(vcpu);
    bool ran = false;
    const bool l1_wants_it = vcpu.vel2.present() && must_preempt_l2(vcpu);
    const bool vmm_wants_it = !vcpu.has_gic() && device_levels_differ(vcpu);
    if (!vcpu.has_requests() && !l1_wants_it && !vmm_wants_it && !vcpu.vm.halted() && !nest_port_vcpu_entry_blocked() && !this_cpu().disabled) [[likely]] {
        nest_port_guest_enter();
        exit = enter_guest(vcpu);
        nest_port_guest_exit();
        ran = true;
    } else {
        ran = !l1_wants_it && !vmm_wants_it && enter_if_watched(vcpu, exit);
    }
    leave_sve(vcpu);
    if (vcpu.has_gic())
        sync_gic(vcpu);
    else
        vgic::unhide(c);
    vcpu.timers.sync(c);
    vcpu.in_guest.store_release(false);
    if (ran)
        nest_port_guest_exit_time();
    nest_port_irq_enable();
    if (vcpu.fp_wanted) [[unlikely]]
        release_fpsimd(vcpu);
    nest_port_preempt_enable();
    return ran;
}

// The guest is in AArch32, which it was not shown; on this CPU it exists, but another may lack it. To enter the guest there
// would be an illegal exception return at EL2. (Tier 0 has entered it on this CPU only.)
Next refuse_aarch32(Vcpu& vcpu) {
    using P = arch::SPSR_EL2;
    if (vcpu.vel2.in_l2()) {
        // L2's EL1 caused this by its ERET, and L1 must not suffer: L2's EL1 gets an Illegal Execution State exception.
        vcpu.context.pstate = (vcpu.context.pstate & P::mask<P::N, P::Z, P::C, P::V>()) | P::IL::kMask | arch::kModeEL0t;
        return Next::kResume;
    }
    // The VMM may start over with KVM_ARM_VCPU_INIT.
    vcpu.initialized = false;
    vcpu.run->exit_reason = abi::KVM_EXIT_FAIL_ENTRY;
    vcpu.run->fail_entry = {};
    vcpu.error = Errno::kInval;
    return Next::kError;
}

Next after_guest(Vcpu& vcpu, const Exit& exit) {
    if (vcpu.aarch32() && !vcpu.ids.shows_aarch32()) [[unlikely]]
        return refuse_aarch32(vcpu);
    switch (exit.kind) {
    case vhe::ExitKind::kIrq:
    case vhe::ExitKind::kFiq:
        vcpu.stats.irq_exits++;
        return Next::kResume;
    case vhe::ExitKind::kSerror:
        vcpu.stats.serror_exits++;  // and what it means is decided (kvm/tier0/stay.hpp)
        return Next::kResume;
    case vhe::ExitKind::kSync:
        break;
    }
    return exit.handled ? Next::kResume : handle_exit(vcpu);
}

Status loop(Vcpu& vcpu) {
    for (;;) {
        drain_trace(vcpu);
        vcpu.vm.irqfds.deliver_acks();
        if (nest_port_vcpu_work_pending()) {
            release_fpsimd(vcpu);  // task work may do anything, file systems with checksums included
            if (nest_port_vcpu_before_entry(vcpu.host)) {
                vcpu.run->exit_reason = abi::KVM_EXIT_INTR;
                vcpu.stats.signal_exits++;
                return Errno::kIntr;
            }
        }
        Next next = serve_requests(vcpu);
        if (next == Next::kResume && vcpu.vel2.present())
            next = prepare_nested(vcpu);
        // In streaming mode CPTR_EL2.SMEN decides on SVE's instructions. The kernel leaves that mode when it lends FP/SIMD.
        if (next == Next::kResume && machine().streaming && vcpu.sve.present()) [[unlikely]]
            acquire_fpsimd(vcpu);
        Exit exit{};
        if (next == Next::kResume && pass_through_guest(vcpu, exit))
            next = after_guest(vcpu, exit);
        if (next == Next::kUser) {
            vcpu.stats.user_exits++;
            return kOk;
        }
        if (next == Next::kError)
            return vcpu.error;
        if (!vcpu.has_gic() && device_levels_differ(vcpu)) {
            vcpu.run->exit_reason = abi::KVM_EXIT_INTR;
            return Errno::kIntr;
        }
    }
}

// Takes the VMM's answer to the last exit, then runs.
Status finish_access_and_run(Vcpu& vcpu) {
    abi::Run& run = *vcpu.run;
    vcpu.mmio.complete(vcpu, run);
    if (report_emulated_step(vcpu, run))
        return kOk;
    if (AtomicRef(run.immediate_exit).load_relaxed())
        return Errno::kIntr;
    run.exit_reason = abi::KVM_EXIT_UNKNOWN;
    run.flags = 0;

    nest_port_sigmask_enter(vcpu.host);
    nest_port_vcpu_attach(vcpu.host);
    const Status status = loop(vcpu);
    if (!vcpu.has_gic())
        tell_device_levels(vcpu);
    drain_trace(vcpu);
    vcpu.vm.irqfds.deliver_acks();
    release_fpsimd(vcpu);
    nest_port_vcpu_detach(vcpu.host);
    nest_port_sigmask_leave(vcpu.host);
    return status;
}

}  // namespace

Status run(Vcpu& vcpu) {
    if (!vcpu.initialized)
        return Errno::kNoExec;
    if (!vcpu.is_final())
        return Errno::kPerm;
    NEST_TRY(prepare_first_run(vcpu));

    // refresh_traps() takes PSTATE.SS over for a VMM that steps the guest. It comes before mmio.complete(), which finishes an
    // instruction: that counts as the VMM's step.
    if (vcpu.vel2.present())
        vcpu.vel2.settle_world();
    refresh_traps(vcpu);
    const Status status = finish_access_and_run(vcpu);
    leave_guest_debug(vcpu);
    return status;
}

}  // namespace nest::kvm
