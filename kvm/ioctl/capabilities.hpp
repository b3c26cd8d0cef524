// SPDX-License-Identifier: GPL-2.0-only
// KVM_CHECK_EXTENSION and KVM_ENABLE_CAP.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/capability.hpp>

namespace nest::kvm {

class Vm;

// What KVM_CHECK_EXTENSION answers: 0 for what there is not.
long check_extension(u64 capability);
// The same, asked of a VM.
long check_extension(Vm& vm, u64 capability);
// EINVAL: unknown, or flags; EBUSY: too late.
Status enable_capability(Vm& vm, const abi::EnableCap& cap);

}  // namespace nest::kvm
