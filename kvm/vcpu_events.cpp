// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/inject.hpp>
#include <kvm/vcpu_events.hpp>

namespace nest::kvm {

abi::VcpuEvents get_vcpu_events(const CpuState& state, bool host_ras) {
    abi::VcpuEvents events{};
    events.serror_has_esr = host_ras;
    events.serror_pending = state.serror.pending;
    if (state.serror.pending && host_ras)
        events.serror_esr = state.serror.syndrome;
    return events;
}

Status set_vcpu_events(CpuState& state, const abi::VcpuEvents& events, bool host_ras) {
    // The abort is not taken back when the SError beside it is refused: VMMs rely on neither order, Linux has this one.
    if (events.ext_dabt_pending)
        inject_data_abort(state, state.context.far, AbortKind::kExternal);
    if (!events.serror_pending)
        return kOk;
    if (!events.serror_has_esr) {
        inject_serror(state);
        return kOk;
    }
    if (!host_ras || events.serror_esr & ~arch::ESR_EL2::ISS::kMask)
        return Errno::kInval;
    inject_serror(state, events.serror_esr);
    return kOk;
}

}  // namespace nest::kvm
