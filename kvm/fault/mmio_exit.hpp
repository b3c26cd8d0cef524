// SPDX-License-Identifier: GPL-2.0-only
// An abort at an address without memory: to a device in the kernel, or to the VMM.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// `in_slot`: the address is in a (read-only) slot. No lock held; sleeps. kError: ENOSYS, the syndrome does not describe the
// access (Documentation/virt/kvm/api.rst, KVM_CAP_ARM_NISV_TO_USER).
Next handle_mmio(Vcpu& vcpu, arch::Ipa ipa, bool in_slot);

}  // namespace nest::kvm
