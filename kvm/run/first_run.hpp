// SPDX-License-Identifier: GPL-2.0-only
// What is decided, and fixed, when a vCPU runs for the first time; and the wires of a VM whose GIC is the VMM's.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// Cheap after the first time. ENXIO or EINVAL: the vGIC is not complete; EINVAL: two timers share an interrupt.
// The vCPU's mutex is held; takes the VM's lock.
Status prepare_first_run(Vcpu& vcpu);

// No in-kernel GIC: does kvm_run's device_irq_level lag behind a timer, so that KVM_RUN must return for it? Asked where the
// entry can still be called off, as a timer that expires while the VMM handles an exit holds its PPI active from the next
// load on: no interrupt would end the run.
bool device_levels_differ(Vcpu& vcpu);
// Brings it up to date. At each return to the VMM, whatever the reason: a guest that has handled its timer ends the
// interrupt in the VMM's controller, and if that still saw the level high, the same interrupt would be pending again at once.
void tell_device_levels(Vcpu& vcpu);

}  // namespace nest::kvm
