// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/shadows.hpp>
#include <kvm/vm/nested_mmu.hpp>

#include <kvm/memory/mmu_lock.hpp>
#include <kvm/nested/l1_stage2.hpp>
#include <kvm/trace/trace.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

NestedMmu::NestedMmu(Vm& vm) : vm_(vm), canonical_(vm.stage2.tables(), vm.mmu_lock) {}

// L2's addresses have as many bits as L1's ID_AA64MMFR0_EL1.PARange says, which may be more than the VM's IPA size.
Status NestedMmu::enable() {
    Guard one(enabling_);
    if (enabled())
        return kOk;
    Owned<Shadows> mmu(make<Shadows>(cpu(), machine().vmids, vm_.mmu_lock, canonical_));
    if (!mmu)
        return Errno::kNoMem;
    const unsigned shown = nested::mmu_features_of(vm_.ids).pa_bits;
    const unsigned bits = shown < machine().ipa_limit ? shown : machine().ipa_limit;
    NEST_TRY(mmu->init(kMaxVcpus, bits, machine().stage2));
    Guard guard(vm_.mmu_lock);
    mmu->pool().set_vcpus(vm_.online());
    vm_.stage2.attach(mmu.get());
    mmu_.store_release(mmu.release());
    return kOk;
}

// The new vCPU is published before this takes the mmu lock. enable(), which may run at the same time on another vCPU's thread,
// reads the number of vCPUs and publishes mmu_ under that lock: so either enable() counts the new vCPU, or this sees mmu_.
void NestedMmu::vcpu_added() {
    Guard guard(vm_.mmu_lock);
    if (Shadows* mmu = mmu_.load_relaxed())
        mmu->pool().set_vcpus(vm_.online());
}

void NestedMmu::destroy() {
    Shadows* const mmu = mmu_.load_relaxed();
    if (!mmu)
        return;
    vm_.stage2.attach(nullptr);
    mmu_.store_relaxed(nullptr);
    mmu->destroy();
    nest::destroy(mmu);
}

void NestedMmu::report(VmStats& stats) {
    if (!enabled())
        return;
    nested::MmuStats now;
    {
        Guard guard(vm_.mmu_lock);
        now = mmu().stats();
    }
    set_stat(stats.shadow_hits, now.hits);
    set_stat(stats.shadow_misses, now.misses);
    set_stat(stats.shadow_evictions, now.evictions);
    set_stat(stats.shadow_faults_mapped, now.mapped);
    set_stat(stats.shadow_faults_forwarded, now.forwarded);
    set_stat(stats.shadow_faults_brought_in, now.faulted_in);
    set_stat(stats.shadow_dropped_by_tlbi, now[nested::Cause::kTlbi]);
    set_stat(stats.shadow_dropped_by_notifier, now[nested::Cause::kNotifier]);
    set_stat(stats.shadow_dropped_by_memslot, now[nested::Cause::kMemslot]);
    set_stat(stats.shadow_dropped_by_dirty_log, now[nested::Cause::kDirtyLog]);
    set_stat(stats.shadow_dropped_by_remap, now[nested::Cause::kRemap]);
    set_stat(stats.shadow_untracked_leaves, now.untracked);
    set_stat(stats.shadow_rmap_overflows, now.overflows);
}

// mmu lock held; `shadow` is held for this vCPU already. The one that the vCPU ran L2 on stays held, as the one before.
void NestedMmu::hold_instead(Vcpu& vcpu, Shadow* shadow) {
    vm_.mmu_lock.assert_held();
    ShadowUse& use = vcpu.nested.shadow_use;
    if (use.before)
        mmu().pool().put(*use.before);
    use.before = std::exchange(use.shadow, shadow);
    use.before_inputs = use.shadow_inputs;
}

bool NestedMmu::find_shadow(Vcpu& vcpu) {
    ShadowUse& use = vcpu.nested.shadow_use;
    if (use.holds_for(vcpu.regs) || use.turn_back(vcpu.regs)) [[likely]]
        return true;
    const L1Stage2Registers now = L1Stage2Registers::of(vcpu.regs);
    const nested::ShadowKey key = l1_shadow_key(vcpu);
    if (!use.shadow || use.shadow->key != key) {
        const TierGuard guard(vm_.mmu_lock, vcpu.tier());
        Shadow* const shadow = guard ? mmu().pool().find_and_hold(key) : nullptr;
        if (!shadow)
            return false;
        hold_instead(vcpu, shadow);
    }
    use.shadow_inputs = now;
    use.regime_matches_shadow = false;
    return true;
}

Status NestedMmu::make_shadow(Vcpu& vcpu) {
    const L1Stage2Registers now = L1Stage2Registers::of(vcpu.regs);
    const nested::ShadowKey key = l1_shadow_key(vcpu);
    nested::ShadowPool<ShadowMemory>::Change change;
    const auto got = mmu().pool().get(key, change);
    if (change.evicted)
        trace_shadow(vcpu, NEST_TRACE_SHADOW_EVICTED, *change.evicted);
    if (change.made)
        trace_shadow(vcpu, NEST_TRACE_SHADOW_MADE, key);
    Shadow* const shadow = NEST_TRY(got);
    Guard guard(vm_.mmu_lock);
    hold_instead(vcpu, shadow);
    vcpu.nested.shadow_use.shadow_inputs = now;
    vcpu.nested.shadow_use.regime_matches_shadow = false;
    return kOk;
}

nested::LinearMemory<Canonical> NestedMmu::memory() {
    vm_.mmu_lock.assert_held();
    return mmu().memory();
}

void NestedMmu::drop_shadow(Vcpu& vcpu) {
    ShadowUse& use = vcpu.nested.shadow_use;
    if (!use.shadow)
        return;
    Guard guard(vm_.mmu_lock);
    for (Shadow** const held : {&use.shadow, &use.before})
        if (Shadow* const shadow = std::exchange(*held, nullptr))
            mmu().pool().put(*shadow);
}

}  // namespace nest::kvm
