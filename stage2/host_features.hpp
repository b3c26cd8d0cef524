// SPDX-License-Identifier: GPL-2.0-only
// What stage 2 needs to know about the machine. Safe values: of all CPUs.
#pragma once
#include <base/types.hpp>

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
    auto field = [](u64 reg, unsigned low) { return static_cast<unsigned>(reg >> low & 15); };
    HostFeatures f;
    f.parange = static_cast<u8>(field(mmfr0, 0));
    f.haf = field(mmfr1, 0) >= 1;
    f.vmid16 = field(mmfr1, 4) == 2;
    f.xnx = field(mmfr1, 28) >= 1;
    f.cnp = field(mmfr2, 0) >= 1;
    f.fwb = field(mmfr2, 40) >= 1;
    f.ttl = field(mmfr2, 48) >= 1;
    f.tlbirange = field(isar0, 56) >= 2;
    f.ctr = ctr;
    return f;
}

}  // namespace nest::stage2
