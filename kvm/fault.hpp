// SPDX-License-Identifier: GPL-2.0-only
// Stage-2 faults: bring the VMM's page in and map it, or find that there is no memory there.
#pragma once
#include <kvm/vcpu.hpp>

namespace nest::kvm {

// A stage-2 abort (EC 0x20 or 0x24) of the guest. Interrupts and preemption on; the vCPU may be put and loaded meanwhile.
// kResume, kUser (kvm_run filled in), or kError with vcpu.error set: EFAULT where the VMM has no memory behind a slot.
Next handle_guest_abort(Vcpu& vcpu);

}  // namespace nest::kvm
