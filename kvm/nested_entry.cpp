// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/nested_entry.hpp>

#include <kvm/abi/irq.hpp>
#include <kvm/inject.hpp>
#include <kvm/machine.hpp>
#include <kvm/nested_gic.hpp>
#include <kvm/nested_sysreg.hpp>
#include <kvm/pacga.hpp>
#include <kvm/trace.hpp>
#include <kvm/vm.hpp>
#include <nested/eret.hpp>
#include <nested/trap_routing.hpp>
#include <vgic/cpu_interface.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::Exception;

nested::DebugTraps debug_traps(const Vcpu& vcpu) {
    return nested::debug_traps_for(vcpu.debug.armed, vcpu.regs.get<MDSCR_EL1>(),
                                   vcpu.debug.control != 0 || vcpu.debug.os_lock, vcpu.vel2.hypervises());
}

nested::SwitchArgs switch_args(const Vcpu& vcpu) {
    return {vcpu.fp_loaded, vcpu.serror.pending, !vcpu.guest_context};
}

// PSTATE.SS may be the VMM's, who steps the guest: an exception and a return see the guest's own.
class OwnStepState {
public:
    explicit OwnStepState(Vcpu& vcpu) : vcpu_(vcpu), replaced_(vcpu.debug.step_state_replaced) {
        if (replaced_) [[unlikely]]
            leave_guest_debug(vcpu_);
    }
    ~OwnStepState() {
        if (replaced_) [[unlikely]]
            enter_guest_debug(vcpu_);
    }
    OwnStepState(const OwnStepState&) = delete;
    OwnStepState& operator=(const OwnStepState&) = delete;

private:
    Vcpu& vcpu_;
    bool replaced_;
};

// The exit goes to virtual EL2 with hardware's syndrome.
[[gnu::noinline]] void forward_as_taken(Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    forward_to_vel2(vcpu, vhe::exception_class(esr) == Ec::kWatchpointLower ? Exception::abort(esr, vcpu.context.far)
                                                                            : Exception::sync(esr));
}

// Out of line, as is forward_as_taken(): handle_nested_exit(), which every exit goes through, needs no frame for them.
[[gnu::noinline]] void return_from_vel2(Vcpu& vcpu) {
    Cpu& c = cpu();
    const OwnStepState own(vcpu);
    vcpu.stats.nested_erets++;
    const nested::Returned returned = nested::emulate_eret(c, vcpu.vel2, vcpu.context.esr & ESR_EL2::ISS::kMask, Pacga{});
    trace_eret(vcpu, returned);
    switch (returned) {
    case nested::Returned::kVel2:
        break;
    case nested::Returned::kGuest:
        nested::switch_to_guest(c, vcpu.vel2, switch_args(vcpu));
        break;
    case nested::Returned::kUndefined:
        nested::take_exception(c, vcpu.vel2, Exception::undefined(), switch_args(vcpu));
        break;
    case nested::Returned::kFpac:
        nested::take_exception(c, vcpu.vel2, nested::fpac_exception(vcpu.context.esr), switch_args(vcpu));
        break;
    }
}

NestedExit own_sysreg(Vcpu& vcpu) {
    switch (emulate_own_sysreg(vcpu, true)) {
    case nested::Outcome::kDone: return NestedExit::kResume;
    case nested::Outcome::kUndefined: inject_undefined(vcpu); return NestedExit::kResume;
    case nested::Outcome::kHost: return NestedExit::kHost;
    case nested::Outcome::kFlat: break;
    }
    return NestedExit::kFlat;
}

// The debug registers that must trap at virtual EL2 follow from what either world has done to them.
void follow_debug_traps(Vcpu& vcpu) {
    if (vcpu.vel2.in_vel2() && debug_traps(vcpu) != vcpu.debug_traps) [[unlikely]]
        vcpu.make_request(Request::kTraps);
}

bool takes_now(nested::VirtualEl2::Delivery d) { return d == nested::VirtualEl2::Delivery::kVel2Now; }

// As tier 0 does it, for an exit by another interrupt: no alarm is set anew, nothing of the host's GIC is touched.
bool switch_quiet_timers(Vcpu& vcpu, CNTHCTL_EL2 l1) {
    const unsigned long flags = nest_port_irq_save();
    const bool done = vcpu.timer_lines.quiet() && vcpu.timers.try_switch_direct(cpu(), vcpu.vel2.in_vel2(), l1);
    nest_port_irq_restore(flags);
    return done;
}

// The vector of the interrupt that ends L2's time; kSync: there is none. What L1 does not take waits for it at virtual EL2
// (with a GIC), or is L2's (by the VMM's own lines, kvm/enter.cpp).
nested::Vector interrupt_for_l1(Vcpu& vcpu) {
    using nested::Vector;
    const bool irq = takes_now(vcpu.vel2.irq()), fiq = takes_now(vcpu.vel2.fiq());
    if (!irq && !fiq)
        return Vector::kSync;
    bool irq_line, fiq_line;
    if (vcpu.has_gic()) {
        const vgic::Signal line = vgic::signalled(vcpu.gic);
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
    vcpu.debug_traps = debug_traps(vcpu);
    return {vcpu.traps, machine().features, this_cpu().context, vcpu.debug_traps};
}

void forward_to_vel2(Vcpu& vcpu, const Exception& exception) {
    const OwnStepState own(vcpu);
    vcpu.stats.nested_forwards++;
    trace_forward(vcpu, exception);
    if (vcpu.residence == Residence::kMemory) {
        nested::take_exception_in_memory(cpu(), vcpu.vel2, exception);
    } else if (vcpu.guest_context) {
        nested::take_exception(cpu(), vcpu.vel2, exception, switch_args(vcpu));
    } else {
        const PreemptionOff here;
        nested::take_exception(cpu(), vcpu.vel2, exception, switch_args(vcpu));
        follow_debug_traps(vcpu);
    }
}

NestedExit handle_nested_exit(Vcpu& vcpu) {
    nested::VirtualEl2& v = vcpu.vel2;
    nested::sync_l2_serror(cpu(), v);
    const u64 esr = vcpu.context.esr;
    const auto ec = static_cast<unsigned>(vhe::exception_class(esr));
    (v.in_guest() ? vcpu.stats.nested_l2_exits_by_class : vcpu.stats.nested_vel2_exits_by_class)[ec]++;
    switch (nested::route(v, esr)) {
    case nested::Route::kForward:
        forward_as_taken(vcpu);
        return NestedExit::kResume;
    case nested::Route::kUndefined:
    case nested::Route::kVncr:  // no L2 is given HCR_EL2.NV
        inject_undefined(vcpu);
        return NestedExit::kResume;
    case nested::Route::kStage2:
        if (!v.in_guest())
            return NestedExit::kFlat;
        return vcpu.vm.nested_mmu.resolve_in_tier0(vcpu) == Next::kResume ? NestedExit::kResume : NestedExit::kHost;
    case nested::Route::kOurs:
        break;
    }
    if (!v.in_vel2() || v.at_el0())
        return NestedExit::kFlat;
    switch (vhe::exception_class(esr)) {
    case Ec::kEret:
        return_from_vel2(vcpu);
        return NestedExit::kResume;
    case Ec::kSysReg:
        return own_sysreg(vcpu);
    default:
        return NestedExit::kFlat;
    }
}

bool follow_debug_change(Vcpu& vcpu, vhe::DebugEntry& loaded) {
    if (!nested::refresh_mdscr(cpu(), loaded, debug_entry(vcpu)))
        return false;
    follow_debug_traps(vcpu);
    return true;
}

bool must_preempt_l2(Vcpu& vcpu) {
    const nested::VirtualEl2& v = vcpu.vel2;
    if (!v.in_guest())
        return false;
    return interrupt_for_l1(vcpu) != nested::Vector::kSync || (vcpu.serror.pending && takes_now(v.serror()));
}

void preempt_l2(Vcpu& vcpu) {
    if (!vcpu.vel2.in_guest())
        return;
    if (vcpu.serror.pending && takes_now(vcpu.vel2.serror())) {
        vcpu.serror.pending = false;
        forward_to_vel2(vcpu, Exception::serror(vcpu.serror.syndrome));
        return;
    }
    if (const nested::Vector vector = interrupt_for_l1(vcpu); vector != nested::Vector::kSync)
        forward_to_vel2(vcpu, Exception::interrupt(vector));
}

bool follow_in_tier0(Vcpu& vcpu) {
    const nested::VirtualEl2& v = vcpu.vel2;
    if (vcpu.serror.pending)
        return false;
    const GicChange gic = possible_gic_change(vcpu);
    if (gic == GicChange::kNotHere)
        return false;
    if (v.in_guest() && !vcpu.shadow_use.holds_for(vcpu.regs) && !vcpu.vm.nested_mmu.find_shadow(vcpu))
        return false;
    if (!vcpu.timers.try_switch_direct(cpu(), v.in_vel2(), v.get<CNTHCTL_EL2>()))
        return false;
    vcpu.served_world = v.world();
    vcpu.stats.nested_tier0_switches++;
    return change_gic(vcpu, gic);
}

void follow_world(Vcpu& vcpu) {
    const nested::VirtualEl2& v = vcpu.vel2;
    if (world_changed(vcpu)) {
        const CNTHCTL_EL2 l1 = v.get<CNTHCTL_EL2>();
        if (!switch_quiet_timers(vcpu, l1))
            vcpu.timers.switch_direct(cpu(), v.in_vel2(), l1);
        vcpu.served_world = v.world();
    }
    vcpu.timers.catch_up();
    update_maintenance(vcpu);
}

Status prepare_world(Vcpu& vcpu) {
    NestedMmu& mmu = vcpu.vm.nested_mmu;
    return !vcpu.vel2.in_guest() || mmu.find_shadow(vcpu) ? kOk : mmu.make_shadow(vcpu);
}

}  // namespace nest::kvm
