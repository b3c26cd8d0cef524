// SPDX-License-Identifier: GPL-2.0-only
// An exception that virtual EL2 takes, for callers in tier 0; others use forward_to_vel2() (kvm/vel2/entry.hpp).
#pragma once
#include <base/tier0.hpp>
#include <kvm/trace/trace.hpp>
#include <nested/cpu/exception.hpp>

namespace nest::kvm {

// While the VMM steps the guest, PSTATE.SS is the VMM's. In this scope it is the guest's own, as an exception or a return of
// the guest needs it.
class GuestStepState {
public:
    explicit GuestStepState(Vcpu& vcpu) : vcpu_(vcpu), replaced_(vcpu.debug.step_state_replaced) {
        if (replaced_)
            leave_guest_debug(vcpu_);
    }
    ~GuestStepState() {
        if (replaced_)
            enter_guest_debug(vcpu_);
    }
    GuestStepState(const GuestStepState&) = delete;
    GuestStepState& operator=(const GuestStepState&) = delete;

private:
    Vcpu& vcpu_;
    bool replaced_;
};

inline void note_forward(Vcpu& vcpu, const nested::Exception& e) {
    vcpu.stats.nested_forwards++;
    trace_forward(vcpu, e);
}

// Tier 0: guest context loaded.
inline nested::SwitchArgs tier0_switch(const Vcpu& vcpu) { return {vcpu.fp_open, vcpu.serror.pending, false}; }

namespace detail {
void forward_while_stepped(Vcpu& vcpu, nested::Exception e);
}

// `e2h`: VirtualEl2::e2h().
template <bool e2h>
NEST_TIER0 [[gnu::always_inline]] inline void forward_in_tier0_of(Vcpu& vcpu, const nested::Exception& e) {
    if (vcpu.debug.step_state_replaced) [[unlikely]]
        return detail::forward_while_stepped(vcpu, e);
    note_forward(vcpu, e);
    nested::take_exception<e2h>(cpu(), vcpu.vel2, e, tier0_switch(vcpu));
}
NEST_TIER0 inline void forward_in_tier0(Vcpu& vcpu, const nested::Exception& e) {
    vcpu.vel2.e2h() ? forward_in_tier0_of<true>(vcpu, e) : forward_in_tier0_of<false>(vcpu, e);
}

}  // namespace nest::kvm
