// SPDX-License-Identifier: GPL-2.0-only
// KVM_GET_STATS_FD.
#pragma once
#include <base/new_fd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

// A descriptor of that kind (NEST_FD_*_STATS) for `object`, which is the VM or one of its vCPUs. The VM stays as long as the
// descriptor is open. Errors: NewFd::reserve()'s. Sleeps.
inline Result<int> stats_fd(Vm& vm, nest_fd_kind kind, void* object) {
    NewFd fd;
    NEST_TRY(fd.reserve(kind));
    vm.get();
    return fd.install(object);
}

}  // namespace nest::kvm
