// SPDX-License-Identifier: GPL-2.0-only
// Firmware pseudo-registers: what KVM_GET_ONE_REG and KVM_SET_ONE_REG show of a VM's firmware, so that a migrated guest
// keeps what it saw. All are 64 bits wide and VM-wide.
#pragma once
#include <base/result.hpp>
#include <kvm/firmware/smccc_config.hpp>

namespace nest::kvm {

// All firmware registers, for KVM_GET_REG_LIST (Documentation/virt/kvm/arm/fw-pseudo-registers.rst).
inline constexpr u64 kFirmwareRegisters[] = {
    KVM_REG_ARM_PSCI_VERSION,
    KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1,
    KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2,
    KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3,
    KVM_REG_ARM_STD_BMAP,
    KVM_REG_ARM_STD_HYP_BMAP,
    KVM_REG_ARM_VENDOR_HYP_BMAP,
    KVM_REG_ARM_VENDOR_HYP_BMAP_2,
};

// ENOENT: no such register. No lock.
Result<u64> get_firmware_register(const SmcccConfig& vm, bool psci_0_2, u64 id);
// ENOENT; EINVAL: a value that this host cannot give, or unknown bits; EBUSY: a bitmap would change after a vCPU has
// run. Under the VM's configuration lock.
Status set_firmware_register(SmcccConfig& vm, bool psci_0_2, bool has_run, u64 id, u64 value);

}  // namespace nest::kvm
