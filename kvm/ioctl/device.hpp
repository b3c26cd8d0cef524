// SPDX-License-Identifier: GPL-2.0-only
// Devices of a VM that have descriptors of their own: the vGIC.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/device.hpp>

namespace nest::kvm {

class Vm;

// KVM_CREATE_DEVICE with these arguments; the new descriptor is written into the VMM's structure at `user`. ENODEV: no such
// device here; EEXIST, EBUSY, EMFILE, ENOMEM, EFAULT. After an error there is no device. Sleeps; takes the VM's lock.
Status create_device(Vm& vm, abi::CreateDevice args, u64 user);

// The descriptor's ioctls and its end.
long device_ioctl(void* device, unsigned cmd, u64 arg);
void device_release(void* device);

}  // namespace nest::kvm
