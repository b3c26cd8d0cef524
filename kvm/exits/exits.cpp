// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/exits/exits.hpp>

#include <kvm/cpu/inject.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/cpu/memory_copy.hpp>
#include <kvm/exits/wait.hpp>
#include <kvm/fault/fault.hpp>
#include <kvm/firmware/smccc.hpp>
#include <kvm/nested/sysreg.hpp>
#include <kvm/sysreg/cp_traps.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/sve.hpp>
#include <kvm/vm/vm.hpp>
#include <nested/cpu/trap_routing.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

Next undefined(Vcpu& vcpu) {
    inject_undefined(vcpu);
    return Next::kResume;
}

Next after_emulation(Vcpu& vcpu, Emulation result) {
    finish_trap(vcpu, result);
    return report_emulated_step(vcpu, *vcpu.run) ? Next::kUser : Next::kResume;
}

// [DDI0487] D24.2.42, ISS of WFx. WFE and WFET only yield, whatever the deadline: the event may come from a spinning vCPU that
// needs this CPU.
Next wait_for_event(Vcpu& vcpu) {
    const WfxIss iss = WfxIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask);
    const u64 kind = iss.get<WfxIss::TI>();
    const bool timed = kind & 2, event = kind & 1;
    if (!trapped_instruction_executes(vcpu)) {
        skip_instruction(vcpu);
        return Next::kResume;
    }
    timer::Wait wait{true, false, 0};
    bool over = false;
    if (timed && !iss.get<WfxIss::RV>()) {
        over = true;  // hardware always names the register (RV); QEMU 10.0.13 does not. Any wait may end early: no wait at all
    } else if (timed) {
        wait.has_deadline = true;
        wait.deadline = vcpu.gpr(iss.get<WfxIss::RN>());
        const PreemptionOff here;
        over = vcpu.timers.count_reached(cpu(), wait.deadline);
    }
    skip_instruction(vcpu);
    if (event) {
        vcpu.stats.wfe_exit_stat++;
        nest_port_relax();
    } else {
        vcpu.stats.wfi_exit_stat++;
        if (!over)
            block(vcpu, wait);
    }
    return Next::kResume;
}

Next firmware_call(Vcpu& vcpu, bool smc, bool il16) {
    if (smc) {
        // The preferred return address of a trapped SMC is the SMC itself.
        skip_instruction(vcpu);
        if (vcpu.context.esr & 0xffff) {
            vcpu.set_gpr(0, ~u64{0});  // SMCCC: only immediate 0 is a call
            return Next::kResume;
        }
    }
    return smccc_call(vcpu.vm.smccc, vcpu.hooks, vcpu.vm.power, {smc, il16});
}

Next el1_sysreg(Vcpu& vcpu) {
    const SysRegIss iss = SysRegIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask);
    return after_emulation(vcpu, emulate_sysreg(vcpu, iss, vcpu.hooks));
}

// The access that tier 0 answered with kTier1.
Next vel2_sysreg(Vcpu& vcpu) {
    switch (emulate_vel2_sysreg(vcpu, Tier::k1)) {
    case nested::Outcome::kUndefined: return undefined(vcpu);
    case nested::Outcome::kSveTrap: forward_to_vel2(vcpu, nested::Exception::sve_access()); return Next::kResume;
    case nested::Outcome::kTier1: return Next::kResume;  // the guest executes the instruction once more
    case nested::Outcome::kFlat: return el1_sysreg(vcpu);
    case nested::Outcome::kDone: break;
    }
    return report_emulated_step(vcpu, *vcpu.run) ? Next::kUser : Next::kResume;
}

Next sysreg(Vcpu& vcpu) {
    if (vcpu.vel2.in_l2() && nested::route(vcpu.vel2, vcpu.context.esr) == nested::Route::kVncr)
        return vcpu.vm.nested_vncr.fault_in_page(vcpu);
    return vcpu.vel2.in_vel2() && !vcpu.at_el0() ? vel2_sysreg(vcpu) : el1_sysreg(vcpu);
}

Next debug_exception(Vcpu& vcpu) {
    if (report_debug_exit(vcpu, *vcpu.run))
        return Next::kUser;
    return undefined(vcpu);
}

}  // namespace

Next handle_exit(Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    vcpu.stats.tier1_exits++;
    const Ec what = vhe::exception_class(esr);
    // The most frequent ones, ahead of the switch's comparisons.
    if (what == Ec::kDataAbortLower || what == Ec::kInstrAbortLower)
        return vcpu.vel2.in_l2() ? vcpu.vm.nested_mmu.resolve_l2_fault(vcpu) : handle_guest_abort(vcpu);
    switch (what) {
    case Ec::kWfx:
        return wait_for_event(vcpu);
    case Ec::kCp15Rt:
    case Ec::kCp15Rrt:
    case Ec::kCp14Rt:
    case Ec::kCp14Ldc:
    case Ec::kCp10Id:
    case Ec::kCp14Rrt:
        return after_emulation(vcpu, emulate_cp(vcpu, vcpu.hooks));
    case Ec::kFpAccess:
        acquire_fpsimd(vcpu);
        return Next::kResume;
    case Ec::kHvc64:
    case Ec::kHvc32:
        return firmware_call(vcpu, false, !(esr & ESR_EL2::IL::kMask));
    case Ec::kSmc64:
        return firmware_call(vcpu, true, false);
    case Ec::kSmc32:
        if (!trapped_instruction_executes(vcpu)) {
            skip_instruction(vcpu);
            return Next::kResume;
        }
        return firmware_call(vcpu, true, !(esr & ESR_EL2::IL::kMask));
    case Ec::kSysReg:
        return sysreg(vcpu);
    case Ec::kBreakpointLower:
    case Ec::kSoftStepLower:
    case Ec::kWatchpointLower:
    case Ec::kBkpt32:
    case Ec::kBrk64:
        return debug_exception(vcpu);
    case Ec::kMops:
        restart_at_prologue(vcpu);
        return Next::kResume;
    case Ec::kSve:
        if (!vcpu.sve.present())
            return undefined(vcpu);
        acquire_sve(vcpu);
        return Next::kResume;
    default:
        // SME, pointer authentication and other features that this vCPU was not given, and classes that are new.
        return undefined(vcpu);
    }
}

}  // namespace nest::kvm
