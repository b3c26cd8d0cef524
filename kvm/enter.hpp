// SPDX-License-Identifier: GPL-2.0-only
// One stay in the guest: from the host's context in, through tier 0 as often as it can decide, and out again.
#pragma once
#include <kvm/vcpu.hpp>

namespace nest::kvm {

// Interrupts off, guest state announced to the kernel (nest_port_guest_enter), timers and vGIC flushed. Returns how the
// guest was left; after kSync, vcpu.context holds the syndrome.
vhe::ExitKind enter_guest(Vcpu& vcpu);

// Tier 0: what registers alone decide. Guest context loaded, all exceptions masked: no lock that sleeps, no tracing.
Next handle_in_guest_context(Vcpu& vcpu);

}  // namespace nest::kvm
