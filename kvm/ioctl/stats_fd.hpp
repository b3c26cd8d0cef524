// SPDX-License-Identifier: GPL-2.0-only
// KVM_GET_STATS_FD.
#pragma once
#include <base/new_fd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

// A descriptor for the statistics of the VM, or of one of its vCPUs. The VM stays as long as the descriptor is open. Errors:
// NewFd::reserve()'s. Sleeps.
inline Result<int> stats_fd(Vm& vm) {
    NewFd fd;
    NEST_TRY(fd.reserve(NEST_FD_VM_STATS));
    vm.get();
    return fd.install(&vm);
}
inline Result<int> stats_fd(Vcpu& vcpu) {
    NewFd fd;
    NEST_TRY(fd.reserve(NEST_FD_VCPU_STATS, vcpu.id));
    vcpu.vm.get();
    return fd.install(&vcpu);
}

}  // namespace nest::kvm
