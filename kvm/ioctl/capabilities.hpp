// SPDX-License-Identifier: GPL-2.0-only
// KVM_CHECK_EXTENSION and KVM_ENABLE_CAP.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/capability.hpp>

namespace nest::kvm {

class Vm;

// KVM_CHECK_EXTENSION of /dev/kvm; 0: no such capability.
long check_extension(u64 capability);
// KVM_CHECK_EXTENSION of a VM.
long check_extension(Vm& vm, u64 capability);
// KVM_ENABLE_CAP of a VM. EINVAL: unknown, flags, or too late; EBUSY: a vCPU exists already. Sleeps.
Status enable_capability(Vm& vm, const abi::EnableCap& cap);

}  // namespace nest::kvm
