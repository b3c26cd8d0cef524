// SPDX-License-Identifier: GPL-2.0-only
// /dev/kvm's interface: the cross toolchain's header, and what is younger than it.
#pragma once

#include <linux/kvm.h>

namespace nest::guests {

inline constexpr int kCapArmEl2 = 240;
inline constexpr unsigned kPowerOff = 0, kPsci02 = 2, kSve = 4, kPauthAddress = 5, kPauthGeneric = 6, kHasEl2 = 7;  // KVM_ARM_VCPU_*
inline constexpr unsigned kVgicGroupMaintenance = 9;
inline constexpr unsigned long kSetCounterOffset = _IOW(KVMIO, 0xb5, __u64[2]);     // KVM_ARM_SET_COUNTER_OFFSET

// One-register ids of the core registers: 64 bits, in units of 32 bits.
constexpr __u64 core_register(unsigned offset) {
    return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / 4;
}
inline constexpr __u64 kX0 = core_register(0), kPc = core_register(8 * 32), kPstate = core_register(8 * 33);

}  // namespace nest::guests
