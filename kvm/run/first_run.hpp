// SPDX-License-Identifier: GPL-2.0-only
// What is decided, and fixed, when a vCPU runs for the first time; and kvm_run's timer levels, for a VMM that has the GIC.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// To be called at each KVM_RUN; does something at the vCPU's first one only. ENXIO or EINVAL: the vGIC is not complete; EINVAL:
// two timers share an interrupt. The vCPU's mutex is held; takes the VM's lock; sleeps.
Status prepare_first_run(Vcpu& vcpu);

// Without an in-kernel GIC: does kvm_run's device_irq_level differ from a timer's level, so that KVM_RUN must return? Also
// asked right before an entry: if a timer expires while the VMM handles an exit, load() makes the host's PPI active, and no
// interrupt would end the guest's time for that timer.
bool device_levels_differ(Vcpu& vcpu);
// Brings device_irq_level up to date, at each return to the VMM, whatever the reason. Otherwise: the guest handles its timer
// and ends the interrupt in the VMM's controller, which still sees the level high, and makes the interrupt pending again.
void tell_device_levels(Vcpu& vcpu);

}  // namespace nest::kvm
