// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/abi/numbers.hpp>
#include <kvm/firmware/smccc_handlers.hpp>

namespace nest::kvm {
namespace {

bool gate_open(const SmcccConfig& vm, Gate gate) {
    switch (gate) {
    case Gate::Always: return true;
    case Gate::Trng: return vm.std_bmap.load_relaxed() & kStdTrng;
    case Gate::PvTime: return vm.std_hyp_bmap.load_relaxed() & kStdHypPvTime;
    case Gate::KvmFeatures: return vm.vendor_hyp_bmap.load_relaxed() & kVendorHypKvmFeatures;
    case Gate::Ptp: return vm.vendor_hyp_bmap.load_relaxed() & kVendorHypPtp;
    }
    return false;
}

// The function, if this VM's firmware has it for this caller; nullptr: not supported.
const SmcccFunction* offered(const SmcccConfig& vm, const SmcccCaller& caller, u32 fid) {
    const SmcccFunction* f = find_smccc_function(fid);
    return f && smccc_offers(vm, caller, *f) ? f : nullptr;
}

}  // namespace

// A switch, as this is the hypercall path: the compiler's tree of compares takes a quarter of a binary search's time.
const SmcccFunction* find_smccc_function(u32 fid) {
    switch (fid) {
#define SMCCC(name, fid, gate, since, features, handler)                                                          \
    case fid: {                                                                                                   \
        static constexpr SmcccFunction kFunction{fid, Gate::gate, since, PsciFeature::features, handler}; \
        return &kFunction;                                                                                        \
    }
#include <kvm/firmware/smccc_table.def>
#undef SMCCC
    default: return nullptr;
    }
}

bool smccc_offers(const SmcccConfig& vm, const SmcccCaller& caller, const SmcccFunction& f) {
    if (caller.aarch32 && (f.fid & kSmccc64Bit))
        return false;
    if (f.since != kNoPsci) {
        const u32 version = psci_version(vm, caller.psci_0_2);
        if (f.since == kPsci_0_1 ? version != kPsci_0_1 : version < f.since)
            return false;
    }
    return gate_open(vm, f.gate);
}

bool smccc_answers_from_registers(const SmcccConfig& vm, const SmcccCaller& caller, u64* x) {
    SmcccAnswer answer{vm, caller, x};
    const u32 fid = answer.fid();
    const FilterAction action = vm.filter.action(fid);
    if (action == FilterAction::kForward)
        return false;
    const SmcccFunction* f = action == FilterAction::kDeny ? nullptr : offered(vm, caller, fid);
    if (!f)
        answer.returns(kSmcccNotSupported);
    else if (f->answer)
        f->answer(answer);
    else
        return false;
    return true;
}

vhe::Next smccc_call(const SmcccConfig& vm, SmcccVcpu& vcpu, PsciVm& psci, Conduit conduit) {
    u64 x[4] = {vcpu.reg(0), vcpu.reg(1), vcpu.reg(2), vcpu.reg(3)};
    const SmcccCaller caller = vcpu.caller();
    const u32 fid = static_cast<u32>(x[0]);
    SmcccCall call{vm, vcpu, psci, fid};
    if (smccc_answers_from_registers(vm, caller, x))
        return call.returns(x[0], x[1], x[2], x[3]);
    if (vm.filter.action(fid) == FilterAction::kForward) {
        // The arguments are in the guest's registers, where the VMM reads them and leaves its results.
        vcpu.exit_hypercall(fid, (conduit.smc ? abi::KVM_HYPERCALL_EXIT_SMC : 0) |
                                     (conduit.il16 ? abi::KVM_HYPERCALL_EXIT_16BIT : 0));
        return vhe::Next::kUser;
    }
    // Another thread of the VMM may change the PSCI version after smccc_answers_from_registers() has looked `fid` up: so `f`
    // may be nullptr now, or have no `act`.
    const SmcccFunction* f = offered(vm, caller, fid);
    return f && f->act ? f->act(call) : call.returns(kSmcccNotSupported);
}

}  // namespace nest::kvm
