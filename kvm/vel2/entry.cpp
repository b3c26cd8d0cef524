// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vel2/entry.hpp>

#include <kvm/abi/irq.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/vel2/forward.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/hw/entry.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::Exception;

nested::DebugTraps debug_traps(const Vcpu& vcpu) {
    return nested::debug_traps_for(vcpu.debug.armed, vcpu.regs.get<MDSCR_EL1>(),
                                   vcpu.debug.control != 0 || vcpu.debug.os_lock, vcpu.vel2.hypervises());
}

// Which debug registers must trap at virtual EL2 depends on their values, which either world may have changed.
void refresh_debug_traps(Vcpu& vcpu) {
    if (vcpu.vel2.in_vel2() && debug_traps(vcpu) != vcpu.nested.debug_traps) [[unlikely]]
        vcpu.make_request(Request::kTraps);
}

bool takes_now(nested::VirtualEl2::Delivery d) { return d == nested::VirtualEl2::Delivery::kVel2Now; }

// Tries the timers' switch as tier 0 does it, which sets no alarm and does not touch the host's GIC. False: nothing was done.
bool switch_quiet_timers(Vcpu& vcpu, bool hyp, CNTHCTL_EL2 l1) {
    const IrqsOff off;
    return vcpu.timer_lines.quiet() && vcpu.timers.try_switch_direct(cpu(), hyp, l1);
}

// The line of L1's own CPU interface. Its active priorities are in hardware until L2's interface is loaded.
vgic::Signal line_of_l1(Vcpu& vcpu) {
    if (!vcpu.gic.work.load_relaxed())
        return vgic::Signal::kNone;
    {
        // The look and the reading are one: a switch of threads in between saves L1's priorities and may then load L2's interface.
        const PreemptionOff here;
        if (!vcpu.nested.gic.loaded && vcpu.residence != Residence::kMemory)
            vgic::save_active_priorities(cpu(), vcpu.gic);
    }
    return vgic::signalled_over_running(vcpu.gic).signal;
}

// The vector of the interrupt that ends L2's time; kSync: there is none. An interrupt that L1 does not route to virtual EL2
// reaches L2 (set_left_line(), kvm/tier0/stay.hpp).
nested::Vector interrupt_for_l1(Vcpu& vcpu) {
    using nested::Vector;
    const bool irq = takes_now(vcpu.vel2.irq()), fiq = takes_now(vcpu.vel2.fiq());
    if (!irq && !fiq)
        return Vector::kSync;
    bool irq_line, fiq_line;
    if (vcpu.has_gic()) {
        const vgic::Signal line = line_of_l1(vcpu);
        irq_line = line == vgic::Signal::kIrq;
        fiq_line = line == vgic::Signal::kFiq;
    } else {
        const u32 pins = vcpu.irq_pins.load_relaxed();
        irq_line = pins >> abi::KVM_ARM_IRQ_CPU_IRQ & 1;
        fiq_line = pins >> abi::KVM_ARM_IRQ_CPU_FIQ & 1;
    }
    if (fiq && fiq_line)
        return Vector::kFiq;
    return irq && irq_line ? Vector::kIrq : Vector::kSync;
}

}  // namespace

nested::TrapSources trap_sources(Vcpu& vcpu) {
    vcpu.nested.debug_traps = debug_traps(vcpu);
    return {vcpu.traps, machine().features, this_cpu().context, vcpu.nested.debug_traps};
}

void detail::forward_while_stepped(Vcpu& vcpu, Exception e) {
    const GuestStepState guests_own(vcpu);
    forward_in_tier0(vcpu, e);
}

void forward_to_vel2(Vcpu& vcpu, const Exception& exception) {
    if (vcpu.entered)
        return forward_in_tier0(vcpu, exception);
    const GuestStepState guests_own(vcpu);
    note_forward(vcpu, exception);
    if (vcpu.residence == Residence::kMemory) {
        nested::take_exception_in_memory(cpu(), vcpu.vel2, exception);
    } else {
        const PreemptionOff here;
        nested::take_exception(cpu(), vcpu.vel2, exception, {vcpu.fp_open, vcpu.serror.pending, true});
        refresh_debug_traps(vcpu);
    }
}

bool refresh_changed_debug(Vcpu& vcpu, vhe::DebugEntry& loaded) {
    if (!nested::refresh_mdscr(cpu(), loaded, debug_entry(vcpu)))
        return false;
    refresh_debug_traps(vcpu);
    return true;
}

bool must_preempt_l2(Vcpu& vcpu) {
    const nested::VirtualEl2& v = vcpu.vel2;
    if (!v.in_l2())
        return false;
    return interrupt_for_l1(vcpu) != nested::Vector::kSync || (vcpu.serror.pending && takes_now(v.serror()));
}

void preempt_l2(Vcpu& vcpu) {
    if (!vcpu.vel2.in_l2())
        return;
    if (vcpu.serror.pending && takes_now(vcpu.vel2.serror())) {
        vcpu.serror.pending = false;
        forward_to_vel2(vcpu, Exception::serror(vcpu.serror.syndrome));
        return;
    }
    if (const nested::Vector vector = interrupt_for_l1(vcpu); vector != nested::Vector::kSync)
        forward_to_vel2(vcpu, Exception::interrupt(vector));
}

void complete_switch(Vcpu& vcpu) {
    const nested::VirtualEl2& v = vcpu.vel2;
    if (switch_pending(vcpu)) {
        const CNTHCTL_EL2 l1 = v.cnthctl();
        const bool hyp = v.in_vel2() && v.e2h();
        if (!switch_quiet_timers(vcpu, hyp, l1))
            vcpu.timers.switch_direct(cpu(), hyp, l1);
        if (!v.e2h()) [[unlikely]]
            (void)vcpu.timers.share_el1_pair(cpu(), v.in_vel2(), l1);  // false: flush() follows
        vcpu.nested.served_world = v.world();
    }
    vcpu.timers.catch_up();
    update_maintenance(vcpu);
}

bool follow_e2h(Vcpu& vcpu) {
    // While NV2 waits for a choice of E2H 0, the name ZCR_EL1 reaches virtual EL2's own register.
    if (vcpu.sve.used()) [[unlikely]]
        vcpu.vel2.choice_made();
    if (!vcpu.vel2.in_vel2() || !vcpu.vel2.form_is_stale()) [[likely]]
        return false;
    {
        const PreemptionOff here;
        nested::change_form(cpu(), vcpu.vel2);
    }
    // What virtual EL2's regime has left in TLBs was made by other rules. On every CPU: the vCPU may have run elsewhere before.
    {
        Guard guard(vcpu.vm.mmu_lock);
        vcpu.vm.stage2.tables().invalidate_stage1(Tlbi::VMALLE1IS, 0);
    }
    vcpu.vm.nested_vncr.forget(vcpu);
    vcpu.nested.served_world = nested::World::kFlat;  // without E2H other timers are in hardware (complete_switch())
    return true;
}

Status prepare_world(Vcpu& vcpu) {
    NestedMmu& mmu = vcpu.vm.nested_mmu;
    if (!vcpu.vel2.in_l2() || mmu.find_shadow(vcpu))
        return kOk;
    release_fpsimd(vcpu);  // make_shadow() allocates: reclaim may write pages out, with checksums or encryption by FP/SIMD
    return mmu.make_shadow(vcpu);
}

}  // namespace nest::kvm
