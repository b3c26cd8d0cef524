// SPDX-License-Identifier: GPL-2.0-only
// Entries and exits for those who watch them: tracers of kvm:kvm_entry, kvm:kvm_exit and nestvisor:exit (linux/exit_events.c).
//
// An exit that tier 0 handles stays where nothing may be traced. So while somebody watches, each vCPU has Request::kWatch, which
// nobody takes: for the run loop and tier 0 a request is pending, each stay ends with its first exit, and is told of in the host.
// While nobody watches, this costs nothing: the look at requests is all there is, and is there anyway.
#pragma once
#include <kvm/tier0/enter.hpp>

namespace nest::kvm {

// At the vCPU's first KVM_RUN. The vCPU is in its VM's list.
void watch_from_first_run(Vcpu& vcpu);
// When the vCPU takes its requests: ends the watch if nobody watches any more.
void drop_watch_if_over(Vcpu& vcpu);
// One stay in the guest of a vCPU that is watched, until its first exit. False: the vCPU is not watched, or something came up
// before the entry. Context: as nest_port_guest_enter()'s.
[[gnu::cold]] bool enter_if_watched(Vcpu& vcpu, Exit& exit);

}  // namespace nest::kvm
