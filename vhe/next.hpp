// SPDX-License-Identifier: GPL-2.0-only
// What becomes of an exit: the outcome type of all handlers.
#pragma once
#include <base/types.hpp>

namespace nest::vhe {

// Where code runs that handles an exit (docs/architecture.md).
enum class Tier : u8 {
    k0,  // guest context loaded, all exceptions masked: nothing may sleep, trace, or wait for a lock
    k1,  // in the host, preemptible
};

enum class Next : u8 {
    kResume,  // handled: enter the guest again (in tier 0: at once)
    kTier1,   // tier 0 cannot decide this: leave the guest context and ask tier 1
    kUser,    // kvm_run is filled in: return to the VMM with 0
    kError,   // return the error that the handler recorded
};

}  // namespace nest::vhe
