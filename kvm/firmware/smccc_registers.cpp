// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/firmware/smccc_registers.hpp>

namespace nest::kvm {
namespace {

// Levels of protection, in the ABI's order: higher is better.
constexpr u64 kLevelMask = 15;
constexpr u64 kNotAvailable = 0;
constexpr u64 kWorkaround2Unknown = 1;
constexpr u64 kWorkaround2Available = 2;
constexpr u64 kWorkaround2NotRequired = 3;
constexpr u64 kWorkaround2Enabled = 1 << 4;

// The value of the registers of ARCH_WORKAROUND_1 and _3: 0 not available, 1 available, 2 not required.
u64 level_of(Mitigation m) { return static_cast<u64>(m); }
static_assert(static_cast<u64>(Mitigation::kMitigated) == 1 && static_cast<u64>(Mitigation::kUnaffected) == 2);

u64 workaround_2_level(const Mitigations& m) {
    if (m.v4 == Mitigation::kVulnerable || (m.v4 == Mitigation::kMitigated && m.guest_has_ssbs))
        return kNotAvailable;
    return kWorkaround2NotRequired;
}

Status check_workaround(u64 host_level, u64 value) {
    return value <= kLevelMask && value <= host_level ? kOk : Status(Errno::kInval);
}

Status check_workaround_2(u64 host_level, u64 value) {
    const u64 level = value & kLevelMask;
    if ((value & ~(kLevelMask | kWorkaround2Enabled)) || level > kWorkaround2NotRequired)
        return Errno::kInval;
    if ((value & kWorkaround2Enabled) && level != kWorkaround2Available)
        return Errno::kInval;
    // The ABI has four levels, but there are two states: "unknown" counts as not available, "available" as not required, as the
    // mitigation is always on.
    const u64 wanted = level <= kWorkaround2Unknown ? kNotAvailable : kWorkaround2NotRequired;
    return wanted <= host_level ? kOk : Status(Errno::kInval);
}

Status check_psci_version(bool psci_0_2, u64 value) {
    switch (value) {
    case kPsci_0_1: return psci_0_2 ? Status(Errno::kInval) : kOk;
    case kPsci_0_2:
    case kPsci_1_0:
    case kPsci_1_1:
    case kPsci_1_2:
    case kPsci_1_3: return psci_0_2 ? kOk : Status(Errno::kInval);
    default: return Errno::kInval;
    }
}

struct Bitmap {
    Atomic<u64> SmcccConfig::*bits;
    u64 valid;
};
const Bitmap* find_bitmap(u64 id) {
    static constexpr Bitmap kBitmaps[] = {
        {&SmcccConfig::std_bmap, kStdTrng},
        {&SmcccConfig::std_hyp_bmap, kStdHypPvTime},
        {&SmcccConfig::vendor_hyp_bmap, kVendorHypKvmFeatures | kVendorHypPtp},
        {&SmcccConfig::vendor_hyp_bmap_2, kVendorHyp2Valid},
    };
    return id >= KVM_REG_ARM_STD_BMAP && id <= KVM_REG_ARM_VENDOR_HYP_BMAP_2 ? &kBitmaps[id - KVM_REG_ARM_STD_BMAP]
                                                                            : nullptr;
}

}  // namespace

Result<u64> get_firmware_register(const SmcccConfig& vm, bool psci_0_2, u64 id) {
    switch (id) {
    case KVM_REG_ARM_PSCI_VERSION: return u64{psci_version(vm, psci_0_2)};
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1: return level_of(vm.mitigations.v2);
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2: return workaround_2_level(vm.mitigations);
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3: return level_of(vm.mitigations.bhb);
    default: break;
    }
    const Bitmap* bitmap = find_bitmap(id);
    if (!bitmap)
        return Errno::kNoEnt;
    return (vm.*bitmap->bits).load_relaxed();
}

Status set_firmware_register(SmcccConfig& vm, bool psci_0_2, bool has_run, u64 id, u64 value) {
    switch (id) {
    case KVM_REG_ARM_PSCI_VERSION:
        NEST_TRY(check_psci_version(psci_0_2, value));
        vm.psci_version.store_relaxed(static_cast<u32>(value));
        return kOk;
    // The WORKAROUND registers describe the host: a write changes nothing, and fails if the host offers less than `value`.
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1: return check_workaround(level_of(vm.mitigations.v2), value);
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2: return check_workaround_2(workaround_2_level(vm.mitigations), value);
    case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3: return check_workaround(level_of(vm.mitigations.bhb), value);
    default: break;
    }
    const Bitmap* bitmap = find_bitmap(id);
    if (!bitmap)
        return Errno::kNoEnt;
    Atomic<u64>& bits = vm.*bitmap->bits;
    if (value & ~bitmap->valid)
        return Errno::kInval;
    if (has_run && value != bits.load_relaxed())
        return Errno::kBusy;
    bits.store_relaxed(value);
    return kOk;
}

}  // namespace nest::kvm
