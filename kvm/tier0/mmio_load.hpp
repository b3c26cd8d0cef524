// SPDX-License-Identifier: GPL-2.0-only
// A load from the vGIC without a way through the host.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// The last exit, a data abort of the guest, not of L2: kResume if it was a load from one of the vGIC's registers of
// control or identification, and is done; else kTier1, with nothing changed. Tier 0.
Next load_from_vgic(Vcpu& vcpu);

}  // namespace nest::kvm
