// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of /dev/kvm and of a VM's descriptor.
#pragma once
#include <base/types.hpp>

namespace nest::kvm {

class Vm;

long system_ioctl(unsigned cmd, u64 arg);
long vm_ioctl(Vm& vm, unsigned cmd, u64 arg);

}  // namespace nest::kvm
