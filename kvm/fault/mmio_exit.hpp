// SPDX-License-Identifier: GPL-2.0-only
// An abort at an address without memory: to a device in the kernel, or to the VMM.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// `in_slot`: the address is in a (read-only) slot. No lock held; sleeps. kError: ENOSYS, the syndrome does not describe the
// access (Documentation/virt/kvm/api.rst, KVM_CAP_ARM_NISV_TO_USER).
Next handle_mmio(Vcpu& vcpu, arch::Ipa ipa, bool in_slot);

// The first look at a stage-2 abort, which must be no L2's: a store to a doorbell, like the vCPU's last one, is done here. False,
// and nothing done, for all others. Takes no lock but the bus'; interrupts and preemption on.
bool ring_doorbell(Vcpu& vcpu);

}  // namespace nest::kvm
