// SPDX-License-Identifier: GPL-2.0-only
// PSCI's view of a VM: which CPUs are on, and turning them on.
#pragma once
#include <kvm/firmware/smccc_vcpu.hpp>

namespace nest::kvm {

class Vm;

class VmPower final : public PsciVm {
public:
    explicit VmPower(Vm& vm) : vm_(vm) {}
    PowerOnResult power_on(u64 mpidr, const PowerOnRequest& request) override;
    AffinityState affinity_state(u64 target, u64 mask) override;
    void stop_all() override;

private:
    Vm& vm_;
};

}  // namespace nest::kvm
