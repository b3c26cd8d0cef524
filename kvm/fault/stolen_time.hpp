// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's stolen-time record in its guest's memory.
#pragma once
#include <base/types.hpp>

namespace nest::kvm {

class Vcpu;

// PV_TIME_ST (DEN0057): clears the record, and returns its IPA, or kNoStolenTime. Tier 1; may fault.
u64 start_stolen_time(Vcpu& vcpu);
// After the thread was scheduled, before the next entry. Preemptible; may fault.
void record_stolen_time(Vcpu& vcpu);

}  // namespace nest::kvm
