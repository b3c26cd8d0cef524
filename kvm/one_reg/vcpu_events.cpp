// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/inject.hpp>
#include <kvm/one_reg/vcpu_events.hpp>

namespace nest::kvm {

abi::VcpuEvents get_vcpu_events(const CpuState& state, bool host_ras) {
    abi::VcpuEvents events{};
    events.serror_has_esr = host_ras;
    events.serror_pending = state.serror.pending;
    if (state.serror.pending && host_ras)
        events.serror_esr = state.serror.syndrome;
    return events;
}

Status check_vcpu_events(const abi::VcpuEvents& events, bool host_ras) {
    for (u32 word : events.reserved)
        if (word)
            return Errno::kInval;
    for (u8 byte : events.pad)
        if (byte)
            return Errno::kInval;
    if (!events.serror_pending || !events.serror_has_esr)
        return kOk;
    return host_ras && !(events.serror_esr & ~arch::ESR_EL2::ISS::kMask) ? kOk : Status(Errno::kInval);
}

void set_vcpu_events(CpuState& state, const abi::VcpuEvents& events, bool access_waits) {
    if (events.ext_dabt_pending)
        inject_data_abort(state, state.context.far, AbortKind::kExternal);
    if (!events.serror_pending)
        return;
    const u64 syndrome = events.serror_has_esr ? events.serror_esr : kSerrorImplementationDefined;
    if (access_waits)
        pend_serror(state, syndrome);
    else
        inject_serror(state, syndrome);
}

}  // namespace nest::kvm
