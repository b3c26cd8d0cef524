// SPDX-License-Identifier: GPL-2.0-only
// L1's AT instructions: [DDI0487] C5.4, D8.15. Walked in software, since hardware has neither L1's stage 2 nor, at virtual EL2,
// L2's stage 1. These walks go through the caches, also where L1's registers (HCR_EL2.CD, VTCR_EL2.IRGN0) make hardware's
// walks Non-cacheable: an L1 that writes its tables past the caches has to invalidate the cache lines of the tables anyway.
#include <kvm/fault/fault_in.hpp>
#include <kvm/memory/mmu_lock.hpp>
#include <kvm/memory/shadows.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/nested/try_again.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/vm.hpp>
#include <nested/walk/walk_stage1.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::AtOp;
using nested::Outcome;
using nested::WalkStatus;

// A walk of both stages reads twenty descriptors of L1's and L2's tables, each in a page of its own at most.
constexpr unsigned kTries = 24;

nested::Stage1Registers registers_of(const Vcpu& vcpu, nested::Regime regime) {
    nested::Stage1Registers r;
    if (regime == nested::Regime::kEl10) {
        r = {.ttbr0 = vcpu.read(SysReg::TTBR0_EL1), .ttbr1 = vcpu.read(SysReg::TTBR1_EL1), .tcr = vcpu.read(SysReg::TCR_EL1),
             .sctlr = vcpu.read(SysReg::SCTLR_EL1), .mair = vcpu.read(SysReg::MAIR_EL1)};
        const HCR_EL2 hcr = vcpu.vel2.hcr();
        r.default_cacheable = hcr.get<HCR_EL2::DC>();
        // TGE turns EL1&0's stage 1 off; with E2H the regime is another one then.
        r.off = r.default_cacheable || hcr.get<HCR_EL2::TGE>();
        // Of a guest hypervisor without E2H, hardware reads EL1's tables as those of EL2 ([DDI0487] D8.11.4).
        r.one_privilege = hcr.get<HCR_EL2::NV>() && hcr.get<HCR_EL2::NV1>();
        return r;
    }
    return nested::vel2_stage1(vcpu.read(SysReg::TTBR0_EL2), vcpu.read(SysReg::TTBR1_EL2), vcpu.read(SysReg::TCR_EL2),
                               vcpu.read(SysReg::SCTLR_EL2), vcpu.read(SysReg::MAIR_EL2), regime == nested::Regime::kEl20);
}

struct Translation {
    nested::Stage1Result stage1;
    nested::Stage2Result stage2;  // of the output, with `both`
    bool both = false;

    WalkStatus status() const { return both ? stage2.status : stage1.status; }
    Ipa absent() const { return both ? stage2.absent : stage1.absent; }
    bool absent_write() const { return both ? stage2.absent_write : stage1.absent_write; }
    // No memory is at absent(): a fault, whose status is that of a bus error already.
    void fail() { (both ? stage2.status : stage1.status) = WalkStatus::kFault; }
};

// mmu lock held.
Translation translate(const AtOp& op, const nested::Stage1Registers& registers, const nested::Stage1Regime& regime,
                      const nested::Stage2Regime* stage2, bool pan, nested::LinearMemory<Canonical> memory) {
    Translation t;
    t.stage1 = nested::walk_stage1(registers, regime, memory, stage2, {op.va, op.write, false, op.el0, pan, op.any});
    if (!op.stage2 || !stage2 || t.stage1.status != WalkStatus::kTranslated)
        return t;
    t.both = true;
    t.stage2 = nested::walk_stage2(*stage2, memory, t.stage1.output, op.write);
    const stage2::Prot& p = t.stage2.attributes.prot;
    if (t.stage2.status == WalkStatus::kTranslated && !(op.write ? p.w : p.r)) {
        t.stage2.status = WalkStatus::kFault;
        t.stage2.fsc = static_cast<u8>(kFscPermission | t.stage2.level);
    }
    return t;
}

}  // namespace

bool NestedMmu::is_uncached_by_l1(Vcpu& vcpu, u64 va) {
    const nested::Stage2Regime* const stage2 = l1_stage2(vcpu);
    if (!stage2)
        return false;
    const AtOp op{.regime = nested::Regime::kEl10, .stage2 = true, .el0 = vcpu.at_el0(), .write = false, .pan = false,
                  .any = true, .va = va};
    const nested::Stage1Registers registers = registers_of(vcpu, op.regime);
    const nested::Stage1Regime regime = nested::stage1_regime(registers, va, op.el0, mmu_features(vcpu));
    Guard guard(vm_.mmu_lock);
    const Translation t = translate(op, registers, regime, stage2, false, mmu().memory());
    return t.both && t.stage2.status == WalkStatus::kTranslated &&
           t.stage2.attributes.type != stage2::MemoryType::Normal;
}

Outcome NestedMmu::at(Vcpu& vcpu, const AtOp& op, Tier tier) {
    const nested::MmuFeatures& features = mmu_features(vcpu);
    const nested::Stage1Registers registers = registers_of(vcpu, op.regime);
    const nested::Stage1Regime regime = nested::stage1_regime(registers, op.va, op.el0, features);
    const nested::Stage2Regime* const stage2 = op.regime == nested::Regime::kEl10 ? l1_stage2(vcpu) : nullptr;
    const bool pan = op.pan && vcpu.pstate().get<SPSR_EL2::PAN>();
    if (tier == Tier::k1)
        release_fpsimd(vcpu);
    return try_again(kTries, Outcome::kTier1, [&]() -> std::optional<Outcome> {
        Translation t;
        bool less_allowed = false;
        {
            const TierGuard guard(vm_.mmu_lock, tier);
            if (!guard)
                return Outcome::kTier1;
            t = translate(op, registers, regime, stage2, pan, mmu().memory());
            less_allowed = t.status() == WalkStatus::kAbsent && canonical_.walk(t.absent()).valid;
        }
        if (t.status() == WalkStatus::kAbsent) {
            if (tier == Tier::k0)
                return Outcome::kTier1;
            if (fault_in(vcpu, {t.absent(), t.absent_write(), false, less_allowed}) == FaultInResult::kMapped)
                return std::nullopt;
            t.fail();
        }
        if (t.status() == WalkStatus::kAgain)
            return std::nullopt;
        const PAR_EL1 par = nested::par_of(t.stage1, t.both ? &t.stage2 : nullptr, stage2 && stage2->fwb,
                                               stage2 && stage2->uncached);
        vcpu.write(SysReg::PAR_EL1, par.raw);
        return Outcome::kDone;
    });
}

}  // namespace nest::kvm
