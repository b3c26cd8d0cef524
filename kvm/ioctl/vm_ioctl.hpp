// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of /dev/kvm and of a VM's descriptor.
#pragma once
#include <base/types.hpp>

namespace nest::kvm {

class Vm;

// 0 or a positive answer, or -errno: EINVAL (unknown), EIO (another process's VM, or a dead one), or the ioctl's own. The VMM's
// context, no lock held; may sleep. (KVM_CREATE_VM is the glue's: nest_vm_create().)
long system_ioctl(unsigned cmd, u64 arg);
long vm_ioctl(Vm& vm, unsigned cmd, u64 arg);

}  // namespace nest::kvm
