// SPDX-License-Identifier: GPL-2.0-only
// Device attributes of a vCPU: timer interrupts and the stolen-time record.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/device.hpp>

namespace nest::kvm {

class Vcpu;

// cmd: KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR or KVM_HAS_DEVICE_ATTR. ENXIO: no such group or attribute. The vCPU's
// mutex is held.
Status vcpu_attribute(Vcpu& vcpu, unsigned cmd, const abi::DeviceAttr& attr);

}  // namespace nest::kvm
