// SPDX-License-Identifier: GPL-2.0-only
// Stage-2 faults: bring the VMM's page in and map it, or find that there is no memory there.
#pragma once
#include <kvm/fault/fault_in.hpp>

namespace nest::kvm {

// A stage-2 abort (EC 0x20 or 0x24) of the guest, not of L2. Interrupts and preemption on; the vCPU may be put and
// loaded meanwhile. kResume, kUser (kvm_run filled in), or kError with vcpu.error set: EFAULT where the VMM has no
// memory behind a slot.
Next handle_guest_abort(Vcpu& vcpu);

// Parts of handle_guest_abort(), for aborts of L2 as well (kvm/nested/fault.cpp): context and answers are the same.

// No memory is behind the access: a device emulates it, or the guest gets an abort. `ipa`: for L2, the output of L1's stage 2.
Next handle_no_memory(Vcpu& vcpu, arch::Ipa ipa, FaultInResult why);
// An abort that no mapping in stage 2 can resolve: the machine's bus error, or an unexpected syndrome.
Next handle_other_abort(Vcpu& vcpu);

}  // namespace nest::kvm
