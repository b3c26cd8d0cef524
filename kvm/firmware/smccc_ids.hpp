// SPDX-License-Identifier: GPL-2.0-only
// Numbers of the SMC Calling Convention (Arm DEN0028), PSCI (DEN0022), TRNG (DEN0098), paravirtual time (DEN0057) and
// of KVM's vendor services. Function identifiers are in smccc_table.def.
#pragma once
#include <base/types.hpp>
#include <kvm/abi/registers.hpp>

namespace nest::kvm {

inline constexpr u64 kSmcccSuccess = 0;
inline constexpr u64 kSmcccNotSupported = ~u64{0};
inline constexpr u64 kSmcccNotRequired = static_cast<u64>(-2);
inline constexpr u64 kSmcccUnaffected = 1;  // of ARCH_WORKAROUND_1 and _3: discoverable, but this CPU needs no call
inline constexpr u32 kSmcccVersion_1_1 = 0x10001;
inline constexpr u32 kSmccc64Bit = 0x4000'0000;

enum class Psci : s32 {
    kSuccess = 0,
    kNotSupported = -1,
    kInvalidParameters = -2,
    kAlreadyOn = -4,
    kInternalFailure = -6,
};
// A 32-bit status is returned sign-extended to the whole register, which both kinds of callers read correctly.
constexpr u64 psci_result(Psci p) { return static_cast<u64>(static_cast<s64>(p)); }

inline constexpr u32 kPsci_0_1 = 0x00001;
inline constexpr u32 kPsci_0_2 = 0x00002;
inline constexpr u32 kPsci_1_0 = 0x10000;
inline constexpr u32 kPsci_1_1 = 0x10001;
inline constexpr u32 kPsci_1_2 = 0x10002;
inline constexpr u32 kPsci_1_3 = 0x10003;
inline constexpr u32 kPsciLatest = kPsci_1_3;

inline constexpr u64 kAffinityOn = 0;
inline constexpr u64 kAffinityOff = 1;
inline constexpr u64 kTrustedOsNotPresent = 2;      // MIGRATE_INFO_TYPE: nothing to migrate
inline constexpr u64 kHibernateOff = 1;             // SYSTEM_OFF2's type, and its bit in PSCI_FEATURES
inline constexpr u32 kVendorReset = 0x8000'0000;    // SYSTEM_RESET2's types from here on are the platform's
inline constexpr u64 kMpidrAffinity = 0xff'00ff'ffff;

#define SMCCC(name, fid, gate, since, features, handler) inline constexpr u32 name = fid;
#include <kvm/firmware/smccc_table.def>
#undef SMCCC

constexpr u64 fw_register_id(u64 n) { return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_FW | n; }
constexpr u64 fw_bitmap_id(u64 n) {
    return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_FW_FEAT_BMAP | n;
}
inline constexpr u64 KVM_REG_ARM_PSCI_VERSION = fw_register_id(0);
inline constexpr u64 KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1 = fw_register_id(1);
inline constexpr u64 KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2 = fw_register_id(2);
inline constexpr u64 KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 = fw_register_id(3);
inline constexpr u64 KVM_REG_ARM_STD_BMAP = fw_bitmap_id(0);
inline constexpr u64 KVM_REG_ARM_STD_HYP_BMAP = fw_bitmap_id(1);
inline constexpr u64 KVM_REG_ARM_VENDOR_HYP_BMAP = fw_bitmap_id(2);
inline constexpr u64 KVM_REG_ARM_VENDOR_HYP_BMAP_2 = fw_bitmap_id(3);

}  // namespace nest::kvm
