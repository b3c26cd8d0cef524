// SPDX-License-Identifier: GPL-2.0-only
// Values for virtual EL2's registers that let a guest get on, with and without E2H.
#pragma once

#include <arch/registers.hpp>

#include "random.hpp"

namespace nest::fuzz_kvm {

inline u64 plausible_hcr(Random& r) {
    using H = arch::HCR_EL2;
    u64 value = H::RW::kMask;
    if (r.percent(65))
        value |= H::E2H::kMask;
    if (r.percent(80))
        value |= H::VM::kMask;
    if (r.percent(60))
        value |= H::APK::kMask | H::API::kMask;
    if (r.percent(25)) {                // L2 is a hypervisor
        value |= H::NV::kMask | (r.percent(80) ? H::NV2::kMask : 0);
        if (r.percent(40))
            value |= H::NV1::kMask;     // without E2H
    }
    if (r.percent(50))
        value |= H::FMO::kMask | H::IMO::kMask | H::AMO::kMask;
    for (u64 i = r.percent(40) ? r.below(6) : 0; i > 0; i--)
        value ^= u64{1} << r.below(60);
    return value;
}

}  // namespace nest::fuzz_kvm
