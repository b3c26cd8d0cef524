// SPDX-License-Identifier: GPL-2.0-only
// Whose an SError is that came while a guest ran: [DDI0487] ISS of an SError exception, and FEAT_RAS' classes of errors.
#pragma once
#include <arch/registers.hpp>
#include <arch/syndrome.hpp>

namespace nest::vhe {

enum class SerrorVerdict : u8 {
    kHarmless,  // corrected, or not yet consumed: whoever was interrupted goes on
    kGuests,    // the guest cannot go on as if nothing were
    kHosts,     // not contained: it may be anybody's data, and the machine must stop
};

// `iss`: of ESR_EL2 or DISR_EL1. Without FEAT_RAS, or with an IMPLEMENTATION DEFINED syndrome, the SError counts as the
// guest's, as nothing is known but that the guest was interrupted.
constexpr SerrorVerdict judge_serror(u64 iss, bool ras) {
    using arch::SerrorIss;
    const SerrorIss s = SerrorIss::of(iss);
    if (!ras || s.get<SerrorIss::IDS>())
        return SerrorVerdict::kGuests;
    // Uncategorised: the syndrome gives no class of error.
    if (s.get<SerrorIss::DFSC>() != SerrorIss::kAsynchronous)
        return SerrorVerdict::kHosts;
    switch (s.get<SerrorIss::AET>()) {
    case SerrorIss::kCorrected:
    case SerrorIss::kRestartable:
        return SerrorVerdict::kHarmless;
    case SerrorIss::kUnrecoverable:
    case SerrorIss::kRecoverable:
        return SerrorVerdict::kGuests;
    default:
        return SerrorVerdict::kHosts;
    }
}

}  // namespace nest::vhe
