// SPDX-License-Identifier: GPL-2.0-only
// Stage-2 aborts of L2.
#include <kvm/fault/fault.hpp>
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/nested/try_again.hpp>
#include <kvm/trace/trace.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::FaultOutcome;
using nested::L2Fault;
using nested::Resolution;

// L1's tables may need a page for each level, and L2's access another one. After more tries the run loop looks at signals and
// requests: an L1 whose other vCPUs keep changing the tables must not keep this thread here.
constexpr unsigned kTries = 12;

L2Fault decode(const Vcpu& vcpu) {
    const vhe::GuestContext& c = vcpu.context;
    return nested::decode_l2_fault(c.esr, c.far, c.hpfar, c.pstate, vcpu.vel2.hcr().get<HCR_EL2::PTW>());
}

// Faults that a walk of L1's tables can explain. (An address size fault at stage 2 comes from L1's tables or L2's address.)
bool is_for_walk(u64 esr) {
    const u64 type = vhe::fault_type(esr);
    return type == kFscTranslation || type == kFscPermission || type == kFscAccessFlag || type == kFscAddressSize;
}

void forward(Vcpu& vcpu, const L2Fault& fault, u8 fsc) {
    const vhe::GuestContext& c = vcpu.context;
    forward_to_vel2(vcpu, nested::Exception::stage2(nested::forwarded_esr(c.esr, fsc), c.far,
                                                    nested::forwarded_hpfar(fault.ipa)));
}

Next error(Vcpu& vcpu, Errno e) {
    vcpu.error = e;
    return Next::kError;
}

// The canonical stage 2 has to map r.canonical first. kTier1: try again, as it does now, or as something came in between.
std::optional<Next> answer_from_memory(Vcpu& vcpu, const L2Fault& fault, const Resolution& r) {
    const FaultInResult result = fault_in(vcpu, {r.canonical, r.write, r.exec, r.permission, !r.of_table && fault.on_walk});
    switch (result) {
    case FaultInResult::kMapped:
        return std::nullopt;
    case FaultInResult::kError:
        return Next::kError;
    default:
        break;
    }
    if (!r.of_table)
        return handle_no_memory(vcpu, r.canonical, result);
    forward(vcpu, fault, r.fsc);
    return Next::kResume;
}

}  // namespace

bool NestedMmu::translate_l2(Vcpu& vcpu, L2Ipa from, Ipa& to) {
    const nested::Stage2Regime* const regime = l1_stage2(vcpu);
    Guard guard(vm_.mmu_lock);
    const nested::Stage2Result result = mmu().translate(regime, from.raw, false);
    to = result.output;
    return result.status == nested::WalkStatus::kTranslated;
}

Next NestedMmu::resolve_in_tier0(Vcpu& vcpu) {
    Shadow* const shadow = vcpu.nested.shadow_use.shadow;
    if (!shadow || !is_for_walk(vcpu.context.esr))
        return Next::kTier1;
    const L2Fault fault = decode(vcpu);
    const nested::Stage2Regime* const regime = l1_stage2(vcpu);
    Resolution r;
    {
        const TierGuard guard(vm_.mmu_lock, Tier::k0);
        if (!guard)
            return Next::kTier1;
        r = mmu().resolve(*shadow, regime, fault, vcpu.tables, nested::Reclaim::kLater);
    }
    if (r.outcome != FaultOutcome::kForward && r.outcome != FaultOutcome::kResolved)
        return Next::kTier1;
    trace_shadow_fault(vcpu, fault.ipa, r.outcome);
    if (r.outcome == FaultOutcome::kForward)
        forward(vcpu, fault, r.fsc);
    return Next::kResume;
}

Next NestedMmu::resolve_l2_fault(Vcpu& vcpu) {
    release_fpsimd(vcpu);  // what follows may fault the VMM's pages in
    const L2Fault fault = decode(vcpu);
    Shadow* const shadow = vcpu.nested.shadow_use.shadow;
    if (!is_for_walk(vcpu.context.esr) || !shadow)
        return handle_other_abort(vcpu);
    return try_again(kTries, Next::kResume, [&]() -> std::optional<Next> {
        if (!Shadows::top_up(*shadow, vcpu.tables).ok())
            return error(vcpu, Errno::kNoMem);
        const nested::Stage2Regime* const regime = l1_stage2(vcpu);
        Resolution r;
        {
            Guard guard(vm_.mmu_lock);
            shadow->free_retired();  // what tier 0 had to leave
            r = mmu().resolve(*shadow, regime, fault, vcpu.tables);
        }
        trace_shadow_fault(vcpu, fault.ipa, r.outcome);
        switch (r.outcome) {
        case FaultOutcome::kResolved:
            return Next::kResume;
        case FaultOutcome::kForward:
            forward(vcpu, fault, r.fsc);
            return Next::kResume;
        case FaultOutcome::kGaveUp:
            return error(vcpu, Errno::kFault);
        case FaultOutcome::kNeedTables:
            break;
        case FaultOutcome::kFaultIn:
            return answer_from_memory(vcpu, fault, r);
        }
        return std::nullopt;
    });
}

}  // namespace nest::kvm
