// SPDX-License-Identifier: GPL-2.0-only
// KVM_{GET,SET}_VCPU_EVENTS: a pending SError, and an external abort that the VMM raises.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

// `host_ras`: FEAT_RAS, so that an SError carries a syndrome (KVM_CAP_ARM_INJECT_SERROR_ESR).
abi::VcpuEvents get_vcpu_events(const CpuState& state, bool host_ras);

// To be called before set_vcpu_events(). kInval: padding, a syndrome without FEAT_RAS or wider than an ISS.
Status check_vcpu_events(const abi::VcpuEvents& events, bool host_ras);

// The abort is taken at once, for the access of the last exit (context.far); an SError as inject_serror() does. If
// ext_dabt_pending is set the caller abandons an MMIO that waits for the VMM's answer, or its completion would step over the
// vector's first instruction. `access_waits`: an MMIO waits and will be completed; then the SError stays pending until the
// completion has moved PC. State in memory, the vCPU's mutex held; `events` has passed check_vcpu_events().
void set_vcpu_events(CpuState& state, const abi::VcpuEvents& events, bool access_waits);

}  // namespace nest::kvm
