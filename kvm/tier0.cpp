// SPDX-License-Identifier: GPL-2.0-only
// Tier 0: interrupts off, the guest's context loaded, nothing that sleeps, traces or wakes.
#include <kvm/enter.hpp>
#include <kvm/instruction_skip.hpp>
#include <kvm/nested_entry.hpp>
#include <kvm/smccc.hpp>
#include <kvm/sysreg_traps.hpp>
#include <kvm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

Next hypercall(Vcpu& vcpu) {
    u64(&x)[31] = vcpu.context.x;
    const u64 args[4] = {x[0], x[1], x[2], x[3]};
    u64 out[4];
    if (!smccc_answers_from_registers(vcpu.vm.smccc, vcpu.hooks.caller(), args, out))
        return Next::kHost;
    for (unsigned i = 0; i < 4; i++)
        x[i] = out[i];
    return Next::kResume;
}

Next sysreg(Vcpu& vcpu) {
    vcpu.hooks.in_tier0 = true;
    const Emulation result =
        emulate_sysreg(vcpu, SysRegIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask), vcpu.hooks);
    vcpu.hooks.in_tier0 = false;
    if (result == Emulation::kHost)
        return Next::kHost;
    finish_trap(vcpu, result);
    return Next::kResume;
}

}  // namespace

Next handle_in_guest_context(Vcpu& vcpu) {
    if (vcpu.vel2.present()) {
        switch (handle_nested_exit(vcpu)) {
        case NestedExit::kResume: return Next::kResume;
        case NestedExit::kHost: return Next::kHost;
        case NestedExit::kFlat: break;
        }
    }
    // A VMM that steps the guest must hear of each instruction.
    if (vcpu.debug.control) [[unlikely]]
        return Next::kHost;
    switch (vhe::exception_class(vcpu.context.esr)) {
    case Ec::kHvc64:
        return hypercall(vcpu);
    case Ec::kSysReg:
        return sysreg(vcpu);
    default:
        return Next::kHost;
    }
}

}  // namespace nest::kvm
