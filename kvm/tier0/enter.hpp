// SPDX-License-Identifier: GPL-2.0-only
// One stay in the guest: from the host's context in, through as many exits as tier 0 can handle, and out again.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

struct Exit {
    vhe::ExitKind kind;
    bool handled;  // tier 0 has handled the exit; the stay ended as the run loop has to look at something
};

// Enters the guest until an exit that tier 0 cannot handle. Interrupts off, guest state announced to the kernel
// (nest_port_guest_enter()), timers and vGIC flushed. After kSync, vcpu.context holds the syndrome.
Exit enter_guest(Vcpu& vcpu);

// The same for one exit only, which is put down in `seen` as it came. exit.handled: tier 0 has handled it.
Exit enter_guest_watched(Vcpu& vcpu, nest_trace_exit& seen);

// Tier 0 of an exit that nesting has no part in: what registers alone decide; kResume or kTier1. Guest context loaded, all
// exceptions masked: no lock that sleeps, no tracing, no wake-up.
Next handle_el1_exit(Vcpu& vcpu);

}  // namespace nest::kvm
