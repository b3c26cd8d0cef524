// SPDX-License-Identifier: GPL-2.0-only
// The configuration of a VM's firmware: service bits, PSCI version, filter, CPU mitigations. Written under the VM's
// configuration lock, mostly before the VM runs; read by every call without a lock.
#pragma once
#include <arch/registers.hpp>
#include <base/atomic.hpp>
#include <kvm/firmware/smccc_filter.hpp>
#include <kvm/firmware/smccc_ids.hpp>

namespace nest::kvm {

enum class Mitigation : u8 { kVulnerable, kMitigated, kUnaffected };

// The host's answers to Spectre v2 (ARCH_WORKAROUND_1), v4 (_2) and BHB (_3).
struct Mitigations {
    Mitigation v2 = Mitigation::kVulnerable;
    Mitigation v4 = Mitigation::kVulnerable;
    Mitigation bhb = Mitigation::kVulnerable;
    bool guest_has_ssbs = false;  // the guest sees PSTATE.SSBS and helps itself: then nothing is offered against v4
};
// From the system-wide safe ID registers: only what the architecture promises counts as unaffected.
constexpr Mitigations mitigations_of(arch::ID_AA64PFR0_EL1 pfr0, arch::ID_AA64PFR1_EL1 pfr1, arch::ID_AA64MMFR1_EL1 mmfr1) {
    const u64 csv2 = pfr0.get<arch::ID_AA64PFR0_EL1::CSV2>(), ssbs = pfr1.get<arch::ID_AA64PFR1_EL1::SSBS>(),
              ecbhb = mmfr1.get<arch::ID_AA64MMFR1_EL1::ECBHB>();
    Mitigations m;
    m.v2 = csv2 >= 1 ? Mitigation::kUnaffected : Mitigation::kVulnerable;
    m.v4 = ssbs >= 1 ? Mitigation::kMitigated : Mitigation::kVulnerable;
    m.bhb = csv2 >= 3 || ecbhb >= 1 ? Mitigation::kUnaffected : Mitigation::kVulnerable;
    m.guest_has_ssbs = ssbs >= 1;
    return m;
}

// Bits of the KVM_REG_ARM_*_BMAP registers.
inline constexpr u64 kStdTrng = 1 << 0;
inline constexpr u64 kStdHypPvTime = 1 << 0;
inline constexpr u64 kVendorHypKvmFeatures = 1 << 0;
inline constexpr u64 kVendorHypPtp = 1 << 1;
inline constexpr u64 kVendorHyp2Valid = 3;  // DISCOVER_IMPL_VER, _CPUS: the VMM answers them by the filter

struct SmcccConfig {
    Atomic<u64> std_bmap{kStdTrng};
    Atomic<u64> std_hyp_bmap{kStdHypPvTime};
    Atomic<u64> vendor_hyp_bmap{kVendorHypKvmFeatures | kVendorHypPtp};
    Atomic<u64> vendor_hyp_bmap_2{0};
    Atomic<u32> psci_version{0};            // 0: what the vCPU's features imply
    Atomic<u32> system_suspend{0};          // KVM_CAP_ARM_SYSTEM_SUSPEND was enabled
    Mitigations mitigations;
    SmcccFilter filter;
};

// The properties of a calling vCPU that an answer depends on.
struct SmcccCaller {
    bool aarch32 = false;
    bool psci_0_2 = false;     // KVM_ARM_VCPU_PSCI_0_2
    bool stolen_time = false;  // the VMM gave this vCPU a stolen-time page
};

inline u32 psci_version(const SmcccConfig& vm, bool psci_0_2) {
    if (!psci_0_2)
        return kPsci_0_1;
    const u32 chosen = vm.psci_version.load_relaxed();
    return chosen ? chosen : kPsciLatest;
}

}  // namespace nest::kvm
