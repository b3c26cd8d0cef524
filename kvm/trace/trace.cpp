// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/trace/trace.hpp>

#include <kvm/vm/vm.hpp>
#include <timer/hardware.hpp>

namespace nest::kvm::detail {

constinit Atomic<u32> trace_wanted;

namespace {

using nested::FaultOutcome;
using nested::Returned;

// Reads the counter without the ISB of an exact reading (timer::host_count()), which would slow each switch of worlds.
nest_trace_record record_of(const Vcpu& vcpu, nest_trace_kind kind, unsigned what) {
    return {cpu().read<arch::CNTPCT_EL0>().raw, vcpu.context.pc, {}, static_cast<u8>(kind), static_cast<u8>(what),
            static_cast<u8>(vcpu.entered ? 0 : 1)};
}

// Tier 0 may go on as long as no interrupt comes: a request makes it leave the guest's context before the ring is full.
void put_down(Vcpu& vcpu, const nest_trace_record& record) {
    vcpu.trace.push(record);
    if (vcpu.entered && vcpu.trace.filling())
        vcpu.make_request(Request::kLook);
}

bool wants(nest_trace_kind kind) { return trace_wanted.load_relaxed() >> kind & 1; }

nest_trace_from where(const nested::VirtualEl2& v) {
    if (v.in_l2())
        return NEST_TRACE_FROM_L2;
    return v.at_el0() ? NEST_TRACE_FROM_VEL2_EL0 : NEST_TRACE_FROM_VEL2;
}

nest_trace_eret_to target_of(const nested::VirtualEl2& v, Returned returned) {
    switch (returned) {
    case Returned::kL2: return NEST_TRACE_TO_L2;
    case Returned::kUndefined: return NEST_TRACE_TO_UNDEFINED;
    case Returned::kFpac: return NEST_TRACE_TO_FPAC;
    case Returned::kVel2:
    case Returned::kAgain: break;
    }
    if (v.context.pstate & arch::SPSR_EL2::IL::kMask)
        return NEST_TRACE_TO_ILLEGAL;
    return v.at_el0() ? NEST_TRACE_TO_VEL2_EL0 : NEST_TRACE_TO_VEL2;
}

constexpr nest_trace_fault name_of(FaultOutcome outcome) {
    switch (outcome) {
    case FaultOutcome::kResolved: return NEST_TRACE_MAPPED;
    case FaultOutcome::kForward: return NEST_TRACE_TO_L1;
    case FaultOutcome::kFaultIn: return NEST_TRACE_BRING_IN;
    case FaultOutcome::kNeedTables: return NEST_TRACE_NO_TABLES;
    case FaultOutcome::kGaveUp: break;
    }
    return NEST_TRACE_GAVE_UP;
}

}  // namespace

void record_forward(Vcpu& vcpu, const nested::Exception& e) {
    const bool interrupt = e.vector != nested::Vector::kSync;
    const nest_trace_kind kind = interrupt ? NEST_TRACE_INTERRUPT : NEST_TRACE_FORWARD;
    if (!wants(kind))
        return;
    const unsigned vector = static_cast<unsigned>(e.vector) >> 7;
    nest_trace_record r = record_of(vcpu, kind, interrupt ? vector : unsigned{where(vcpu.vel2)});
    r.values[0] = e.esr;
    r.values[1] = e.far;
    r.values[2] = e.hpfar;
    put_down(vcpu, r);
}

void record_eret(Vcpu& vcpu, Returned returned) {
    if (returned == Returned::kAgain)
        return;  // the one that is recorded comes
    nest_trace_record r = record_of(vcpu, NEST_TRACE_ERET, target_of(vcpu.vel2, returned));
    r.values[0] = returned == Returned::kL2 ? vcpu.context.pstate : vcpu.vel2.guest_pstate();
    put_down(vcpu, r);
}

void record_shadow_fault(Vcpu& vcpu, arch::L2Ipa ipa, FaultOutcome outcome) {
    nest_trace_record r = record_of(vcpu, NEST_TRACE_SHADOW_FAULT, name_of(outcome));
    r.values[0] = vcpu.context.esr;
    r.values[1] = ipa.raw;
    put_down(vcpu, r);
}

void record_tlbi(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand) {
    const unsigned what = static_cast<unsigned>(op.scope) | static_cast<unsigned>(op.regime) << 4;
    nest_trace_record r = record_of(vcpu, NEST_TRACE_TLBI, what);
    r.values[0] = operand;
    r.values[1] = op.start;
    r.values[2] = op.size;
    put_down(vcpu, r);
}

void record_shadow(Vcpu& vcpu, nest_trace_shadow what, const nested::ShadowKey& key) {
    nest_trace_record r = record_of(vcpu, NEST_TRACE_SHADOW, what);
    r.values[0] = key.baddr;
    r.values[1] = key.vtcr;
    r.values[2] = key.vmid;
    put_down(vcpu, r);
}

void tell(Vcpu& vcpu) {
    vcpu.trace.drain([&](const nest_trace_record& r) { nest_port_trace(vcpu.vm.number, vcpu.id, &r); });
}

}  // namespace nest::kvm::detail

extern "C" void nest_trace_listen(unsigned kind, bool wanted) {
    auto& mask = nest::kvm::detail::trace_wanted;
    if (wanted)
        mask.fetch_or_acq_rel(1u << kind);
    else
        mask.fetch_and_acq_rel(~(1u << kind));
}
