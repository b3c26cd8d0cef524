// SPDX-License-Identifier: GPL-2.0-only
// L1's TLB maintenance for its guest.
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

// How many table entries tier 0 may look at for one instruction, all shadows together, before it leaves all to tier 1:
// interrupts are off meanwhile, and L1 can give many shadows one VMID.
constexpr unsigned kTier0Budget = 4096;

}  // namespace

// May stop half-way and begin anew: what was dropped need not be dropped again. L1's instruction is complete only when
// everything is gone. L1 has changed its tables before, so that what is mapped anew between two pieces is right.
nested::Outcome NestedMmu::tlbi_l2(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand, Tier tier) {
    const bool lpa2 = vcpu.vel2.get<arch::VTCR_EL2>().get<arch::VTCR_EL2::DS>();
    const nested::ShadowTlbi scope = nested::shadow_tlbi(op, operand, l1_vmid(vcpu), lpa2, mmu_features(vcpu));
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
