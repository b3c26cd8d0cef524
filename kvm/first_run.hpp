// SPDX-License-Identifier: GPL-2.0-only
// What is decided, and fixed, when a vCPU runs for the first time; and the wires of a VM whose GIC is the VMM's.
#pragma once
#include <kvm/vcpu.hpp>

namespace nest::kvm {

// Cheap after the first time. ENXIO or EINVAL: the vGIC is not complete; EINVAL: two timers share an interrupt.
// The vCPU's mutex is held; takes the VM's lock.
Status prepare_first_run(Vcpu& vcpu);

// No in-kernel GIC: brings kvm_run's device_irq_level up to date; true when KVM_RUN must return for it.
bool tell_device_levels(Vcpu& vcpu);

}  // namespace nest::kvm
