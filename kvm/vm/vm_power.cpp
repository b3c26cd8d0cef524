// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vm_power.hpp>

#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

constexpr u64 kAffinity = 0xff'00ff'ffff;  // MPIDR_EL1.Aff3 to Aff0

u64 mpidr_of(Vcpu& vcpu) { return vcpu.regs.get(arch::SysReg::MPIDR_EL1); }

}  // namespace

PowerOnResult VmPower::power_on(u64 mpidr, const PowerOnRequest& request) {
    Vcpu* target = nullptr;
    vm_.for_each_vcpu([&](Vcpu& v) {
        if ((mpidr_of(v) & kAffinity) == (mpidr & kAffinity))
            target = &v;
    });
    if (!target)
        return PowerOnResult::kNoSuchCpu;
    Guard guard(target->power.lock);
    if (target->power.get() != PowerState::kStopped)
        return PowerOnResult::kAlreadyOn;
    target->power.on = {request.pc, request.context_id, request.big_endian};
    target->make_request(Request::kReset);
    target->power.set(PowerState::kRunnable);  // release: a run loop that sees "runnable" sees the request, and `on`
    target->kick();
    return PowerOnResult::kDone;
}

AffinityState VmPower::affinity_state(u64 target, u64 mask) {
    AffinityState state = AffinityState::kNobody;
    vm_.for_each_vcpu([&](Vcpu& v) {
        if ((mpidr_of(v) & mask) != target)
            return;
        if (v.power.get() != PowerState::kStopped)
            state = AffinityState::kSomeOn;
        else if (state == AffinityState::kNobody)
            state = AffinityState::kAllOff;
    });
    return state;
}

// A CPU_ON by a vCPU that has not left the guest yet may turn a stopped one on again. Its VMM is told of the end of the VM in any
// case, and stops running vCPUs.
void VmPower::stop_all() {
    vm_.for_each_vcpu([](Vcpu& v) {
        v.power.set(PowerState::kStopped);
        v.make_request(Request::kLook);
        v.kick();
    });
}

}  // namespace nest::kvm
