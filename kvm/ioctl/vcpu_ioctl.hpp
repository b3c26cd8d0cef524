// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of a vCPU's descriptor.
#pragma once
#include <base/types.hpp>

namespace nest::kvm {

class Vcpu;

long vcpu_ioctl(Vcpu& vcpu, unsigned cmd, u64 arg);

}  // namespace nest::kvm
