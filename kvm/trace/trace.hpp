// SPDX-License-Identifier: GPL-2.0-only
// The nested transitions, for the tracer. Where they happen the guest's context is loaded and RCU does not watch, so that
// nothing may be traced: a record goes into the vCPU's ring, and drain_trace() traces it when the vCPU is back in the host.
//
// While nobody listens, each of these is one load and one predicted branch: four instructions (adrp, add, ldr, tbnz), five
// for trace_forward(). All else is out of the way, in trace.cpp.
#pragma once
#include <base/atomic.hpp>
#include <base/tier0.hpp>
#include <kvm/vm/vcpu.hpp>
#include <nested/cpu/eret.hpp>
#include <nested/mmu/shadow_map.hpp>
#include <nested/mmu/shadow_pool.hpp>
#include <nested/vel2/system_instruction.hpp>

namespace nest::kvm {

namespace detail {

extern Atomic<u32> trace_wanted;  // by bit: a nest_trace_kind that somebody listens to

template <nest_trace_kind... kinds>
inline bool traced() {
    return (trace_wanted.load_relaxed() & ((1u << kinds) | ...)) != 0;
}

void record_forward(Vcpu& vcpu, const nested::Exception& e);
void record_eret(Vcpu& vcpu, nested::Returned returned);
void record_shadow_fault(Vcpu& vcpu, arch::L2Ipa ipa, nested::FaultOutcome outcome);
void record_tlbi(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand);
void record_shadow(Vcpu& vcpu, nest_trace_shadow what, const nested::ShadowKey& key);
void tell(Vcpu& vcpu);

}  // namespace detail

// An exception that virtual EL2 takes: before it, PC being the preferred return address.
    // A copy is passed, so that nobody takes the address of `e` itself, and the compiler can keep it in registers.
// To be called after emulate_eret(), before the switch of worlds that it may ask for: PC and PSTATE are the target's.
NEST_TIER0 inline void trace_forward(Vcpu& vcpu, const nested::Exception& e) {
    if (detail::traced<NEST_TRACE_FORWARD, NEST_TRACE_INTERRUPT>()) [[unlikely]]
        detail::record_forward(vcpu, nested::Exception(e));
}
NEST_TIER0 inline void trace_eret(Vcpu& vcpu, nested::Returned returned) {
    if (detail::traced<NEST_TRACE_ERET>()) [[unlikely]]
        detail::record_eret(vcpu, returned);
}
// The outcome of a ShadowMmu::resolve(), unless tier 0 left the fault to tier 1.
inline void trace_shadow_fault(Vcpu& vcpu, arch::L2Ipa ipa, nested::FaultOutcome outcome) {
    if (detail::traced<NEST_TRACE_SHADOW_FAULT>()) [[unlikely]]
        detail::record_shadow_fault(vcpu, ipa, outcome);
}
// A TLBI of L1, of either regime, that is completed; PC is still that of the TLBI.
inline void trace_tlbi(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand) {
    if (detail::traced<NEST_TRACE_TLBI>()) [[unlikely]]
        detail::record_tlbi(vcpu, op, operand);
}
inline void trace_shadow(Vcpu& vcpu, nest_trace_shadow what, const nested::ShadowKey& key) {
    if (detail::traced<NEST_TRACE_SHADOW>()) [[unlikely]]
        detail::record_shadow(vcpu, what, key);
}

// Traces the records in the ring. The vCPU's thread, back in the host, preemptible.
inline void drain_trace(Vcpu& vcpu) {
    if (!vcpu.trace.empty()) [[unlikely]]
        detail::tell(vcpu);
}

}  // namespace nest::kvm
