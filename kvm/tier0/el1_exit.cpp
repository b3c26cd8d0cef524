// SPDX-License-Identifier: GPL-2.0-only
// Tier 0: interrupts off, the guest's context loaded, nothing that sleeps, traces or wakes.
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/firmware/smccc.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>
#include <kvm/tier0/enter.hpp>
#include <kvm/tier0/mmio_load.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

Next hypercall(Vcpu& vcpu) {
    return smccc_answers_from_registers(vcpu.vm.smccc, vcpu.hooks.caller(), vcpu.context.x) ? Next::kResume : Next::kTier1;
}

// The preferred return address of a trapped SMC is the SMC itself. Only immediate 0 is a call of the SMCCC.
Next secure_call(Vcpu& vcpu) {
    if (vcpu.context.esr & 0xffff || hypercall(vcpu) == Next::kTier1)
        return Next::kTier1;
    skip_instruction(vcpu);
    return Next::kResume;
}

Next sysreg(Vcpu& vcpu) {
    vcpu.hooks.tier = Tier::k0;
    const Emulation result =
        emulate_sysreg(vcpu, SysRegIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask), vcpu.hooks);
    vcpu.hooks.tier = Tier::k1;
    if (result == Emulation::kTier1)
        return Next::kTier1;
    finish_trap(vcpu, result);
    return Next::kResume;
}

}  // namespace

Next handle_el1_exit(Vcpu& vcpu) {
    // A VMM that steps the guest must be told of each instruction, which only tier 1 can do.
    if (vcpu.debug.control) [[unlikely]]
        return Next::kTier1;
    switch (vhe::exception_class(vcpu.context.esr)) {
    case Ec::kHvc64:
        return hypercall(vcpu);
    case Ec::kSmc64:
        return secure_call(vcpu);
    case Ec::kSysReg:
        return sysreg(vcpu);
    case Ec::kDataAbortLower:
        return load_from_vgic(vcpu);
    default:
        return Next::kTier1;
    }
}

}  // namespace nest::kvm
