// SPDX-License-Identifier: GPL-2.0-only
// L1's TLB maintenance for its guest.
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

// What tier 0 does, in entries to look at, before it leaves all to tier 1: interrupts are off meanwhile. It counts for the
// whole instruction: L1 can make as many shadows of one VMID as there are.
constexpr unsigned kTier0Budget = 4096;

}  // namespace

// Nothing is lost when this stops half-way and begins anew: what has gone need not go again. L1's instruction
// is complete only when everything is gone; what is mapped anew between two pieces comes from L1's tables of after it.
nested::Outcome NestedMmu::tlbi_l2(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand, Tier tier) {
    const nested::ShadowTlbi scope = nested::shadow_tlbi(op, operand, l1_vmid(vcpu), mmu_features(vcpu));
    Shadows::Cursor cursor;
    for (;;) {
        {
            const TierGuard guard(vm_.mmu_lock, tier);
            if (!guard)
                return nested::Outcome::kTier1;
            const bool done = tier == Tier::k0 ? mmu().invalidate_at_once(scope, kTier0Budget) : mmu().invalidate(scope, cursor);
            if (done)
                return nested::Outcome::kDone;
        }
        // A signal must not wait for an L1 whose other vCPUs map faster than this one unmaps.
        if (tier == Tier::k0 || nest_port_vcpu_work_pending())
            return nested::Outcome::kTier1;
        nest_port_relax();
    }
}

}  // namespace nest::kvm
