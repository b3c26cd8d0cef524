// SPDX-License-Identifier: GPL-2.0-only
// What stage 2 needs to know about the machine: the system-wide values, which hold on all CPUs.
#pragma once
#include <arch/id_registers.hpp>

namespace nest::stage2 {

struct HostFeatures {
    u8 parange = 0;         // ID_AA64MMFR0_EL1.PARange as encoded
    bool haf = false;       // FEAT_HAFDBS: hardware sets the access flag
    bool vmid16 = false;    // FEAT_VMID16
    bool xnx = false;       // FEAT_XNX
    bool cnp = false;       // FEAT_TTCNP
    bool fwb = false;       // FEAT_S2FWB; then whoever loads HCR_EL2 sets HCR_EL2.FWB
    bool ttl = false;       // FEAT_TTL
    bool tlbirange = false; // FEAT_TLBIRANGE
    u64 ctr = 0;            // CTR_EL0
};

// [DDI0487] D24.2.76 to D24.2.81, from the raw ID registers
constexpr HostFeatures host_features(u64 mmfr0, u64 mmfr1, u64 mmfr2, u64 isar0, u64 ctr) {
    using Mmfr0 = arch::ID_AA64MMFR0_EL1;
    using Mmfr1 = arch::ID_AA64MMFR1_EL1;
    using Mmfr2 = arch::ID_AA64MMFR2_EL1;
    using Isar0 = arch::ID_AA64ISAR0_EL1;
    HostFeatures f;
    f.parange = static_cast<u8>(Mmfr0::of(mmfr0).get<Mmfr0::PARANGE>());
    f.haf = Mmfr1::of(mmfr1).get<Mmfr1::HAFDBS>() >= 1;
    f.vmid16 = Mmfr1::of(mmfr1).get<Mmfr1::VMIDBits>() == 2;
    f.xnx = Mmfr1::of(mmfr1).get<Mmfr1::XNX>() >= 1;
    f.cnp = Mmfr2::of(mmfr2).get<Mmfr2::CnP>() >= 1;
    f.fwb = Mmfr2::of(mmfr2).get<Mmfr2::FWB>() >= 1;
    f.ttl = Mmfr2::of(mmfr2).get<Mmfr2::TTL>() >= 1;
    f.tlbirange = Isar0::of(isar0).get<Isar0::TLB>() >= 2;
    f.ctr = ctr;
    return f;
}

}  // namespace nest::stage2
