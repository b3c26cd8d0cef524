// SPDX-License-Identifier: GPL-2.0-only
// KVM_{GET,SET}_VCPU_EVENTS: a pending SError, and an external abort that the VMM raises.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

// `host_ras`: FEAT_RAS, so that an SError carries a syndrome (KVM_CAP_ARM_INJECT_SERROR_ESR).
abi::VcpuEvents get_vcpu_events(const CpuState& state, bool host_ras);

// Before any of it is done. kInval: padding, a syndrome without FEAT_RAS or wider than an ISS.
Status check_vcpu_events(const abi::VcpuEvents& events, bool host_ras);

// The abort is taken at once, for the access of the last exit (context.far); an SError as inject_serror() does. The
// caller forgets an MMIO that waits for completion if ext_dabt_pending is set: its instruction must not be stepped over.
// `access_waits`: there is such an MMIO and it will be completed. Then the SError stays pending until that has moved PC.
// State in memory, the vCPU's mutex held; checked.
void set_vcpu_events(CpuState& state, const abi::VcpuEvents& events, bool access_waits);

}  // namespace nest::kvm
