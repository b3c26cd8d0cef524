// SPDX-License-Identifier: GPL-2.0-only
// Power State Coordination Interface, Arm DEN0022, versions 0.2 to 1.3, and KVM's own 0.1.
#include <kvm/abi/numbers.hpp>
#include <kvm/firmware/smccc_handlers.hpp>

namespace nest::kvm {
namespace {

vhe::Next returns(SmcccCall& call, Psci result) { return call.returns(psci_result(result)); }

// SYSTEM_OFF and SYSTEM_RESET must not return. If the VMM runs this vCPU again all the same, the guest finds a failure in x0.
vhe::Next system_event(SmcccCall& call, u32 type, u64 flags) {
    call.psci.stop_all();
    call.vcpu.exit_system_event(type, 1, flags);
    returns(call, Psci::kInternalFailure);
    return vhe::Next::kUser;
}

}  // namespace

void answer_psci_version(SmcccAnswer& a) { a.returns(psci_version(a.vm, a.caller.psci_0_2)); }

void answer_migrate_info_type(SmcccAnswer& a) { a.returns(kTrustedOsNotPresent); }

void answer_psci_features(SmcccAnswer& a) {
    const SmcccFunction* f = find_smccc_function(static_cast<u32>(a.x[1]));
    u64 result = psci_result(Psci::kNotSupported);
    if (f && smccc_offers(a.vm, a.caller, *f)) {
        switch (f->features) {
        case PsciFeature::Hidden: break;
        case PsciFeature::Zero: result = 0; break;
        case PsciFeature::IfSuspend:
            if (a.vm.system_suspend.load_relaxed())
                result = 0;
            break;
        case PsciFeature::OffTypes: result = kHibernateOff; break;
        }
    }
    a.returns(result);
}

// Every power state is treated as standby (section 5.4.2 allows it): a WFI that ends with the next interrupt.
vhe::Next act_cpu_suspend(SmcccCall& call) {
    call.vcpu.wait_for_interrupt();
    return returns(call, Psci::kSuccess);
}

// CPU_OFF does not return if it succeeds: x0 is for a VMM that sets the vCPU to run again (KVM_SET_MP_STATE). There is no race
// with a CPU_ON by another vCPU, which makes a request and makes the state runnable, and never touches this vCPU's registers:
// this thread finds both when its loop comes around, and resets.
vhe::Next act_cpu_off(SmcccCall& call) {
    const vhe::Next next = returns(call, Psci::kSuccess);
    call.vcpu.power_off();
    return next;
}

vhe::Next act_cpu_on(SmcccCall& call) {
    const u64 target = call.arg(1);
    if (target & ~kMpidrAffinity)
        return returns(call, Psci::kInvalidParameters);
    const bool version_0_1 = call.fid == KVM_PSCI_0_1_CPU_ON;
    const PowerOnRequest request{call.arg(2), call.arg(3), call.vcpu.big_endian()};
    switch (call.psci.power_on(target, request)) {
    case PowerOnResult::kDone: return returns(call, Psci::kSuccess);
    case PowerOnResult::kAlreadyOn:
        return returns(call, version_0_1 ? Psci::kInvalidParameters : Psci::kAlreadyOn);
    case PowerOnResult::kNoSuchCpu: break;
    }
    return returns(call, Psci::kInvalidParameters);
}

vhe::Next act_affinity_info(SmcccCall& call) {
    const u64 target = call.arg(1), level = call.arg(2);
    if ((target & ~kMpidrAffinity) || level > 3)
        return returns(call, Psci::kInvalidParameters);
    // Affinity level 3 is not adjacent to the lower ones: MPIDR_EL1.Aff3 is bits 39:32.
    const u64 mask = kMpidrAffinity & ~((u64{1} << (level * 8)) - 1);
    switch (call.psci.affinity_state(target & mask, mask)) {
    case AffinityState::kSomeOn: return call.returns(kAffinityOn);
    case AffinityState::kAllOff: return call.returns(kAffinityOff);
    case AffinityState::kNobody: break;
    }
    return returns(call, Psci::kInvalidParameters);
}

vhe::Next act_system_off(SmcccCall& call) { return system_event(call, abi::KVM_SYSTEM_EVENT_SHUTDOWN, 0); }

vhe::Next act_system_reset(SmcccCall& call) { return system_event(call, abi::KVM_SYSTEM_EVENT_RESET, 0); }

vhe::Next act_system_reset2(SmcccCall& call) {
    const u32 type = static_cast<u32>(call.arg(1));
    if (type != 0 && type < kVendorReset)  // 0: the architectural warm reset
        return returns(call, Psci::kInvalidParameters);
    return system_event(call, abi::KVM_SYSTEM_EVENT_RESET, abi::KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
}

vhe::Next act_system_off2(SmcccCall& call) {
    const u32 type = static_cast<u32>(call.arg(1));  // 0 is another name of HIBERNATE_OFF since revision F.b
    if ((type != 0 && type != kHibernateOff) || call.arg(2) != 0)
        return returns(call, Psci::kInvalidParameters);
    return system_event(call, abi::KVM_SYSTEM_EVENT_SHUTDOWN, abi::KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2);
}

// The VMM carries SYSTEM_SUSPEND out, and finds the arguments in the registers: these stay, a 32-bit call's cut to 32 bits.
vhe::Next act_system_suspend(SmcccCall& call) {
    if (!call.vm.system_suspend.load_relaxed())
        return returns(call, Psci::kNotSupported);
    for (unsigned n = 1; n <= 3; n++)
        call.vcpu.set_reg(n, call.arg(n));
    call.vcpu.exit_system_event(abi::KVM_SYSTEM_EVENT_SUSPEND, 0, 0);
    return vhe::Next::kUser;
}

}  // namespace nest::kvm
