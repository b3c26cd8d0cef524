// SPDX-License-Identifier: GPL-2.0-only
// Nested translation of a VM: the shadow that each vCPU runs L2 on, L2's stage-2 faults, and L1's TLBI and AT
// instructions that concern its guest.
//
// Locking: the VM's mmu lock guards the shadows, and each function takes it itself unless it says otherwise. In tier 0 the lock
// is only tried (TierGuard): other CPUs hold it with interrupts on while they do real work.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <kvm/memory/canonical.hpp>
#include <kvm/stats/stats.hpp>
#include <kvm/vm/nested_vcpu.hpp>
#include <nested/cpu/el2_hooks.hpp>
#include <nested/walk/walk_memory.hpp>
#include <vhe/next.hpp>
#include <vncr/register_file.hpp>

namespace nest::kvm {

class Vm;
class Vcpu;
using vhe::Next;
using vhe::Tier;

class NestedMmu {
public:
    explicit NestedMmu(Vm& vm);
    NestedMmu(const NestedMmu&) = delete;
    NestedMmu& operator=(const NestedMmu&) = delete;
    ~NestedMmu() { destroy(); }

    // ---- the VM's life

    // KVM_ARM_VCPU_INIT with KVM_ARM_VCPU_HAS_EL2, once the VM's features are fixed; any number of times. -ENOMEM.
    // Sleeps.
    Status enable();
    bool enabled() const { return mmu_.load_acquire() != nullptr; }
    // The pool of shadows grows with the vCPUs.
    void vcpu_added();
    // No vCPU runs and no notifier comes any more. Sleeps.
    void destroy();
    // What the shadows have counted so far, into the VM's statistics. Any thread.
    void report(VmStats& stats);

    // nullptr: this VM has none. The VM stays; their state is guarded by the mmu lock.
    Shadows* shadows() { return mmu_.load_acquire(); }

    // ---- a vCPU's shadow: before it enters L2

    // Makes the vCPU hold the shadow that L1's registers name at this moment. Takes no lock if the vCPU holds that shadow
    // already. Tier 0 or 1. False: there is none, or the lock was taken; make_shadow() is needed.
    bool find_shadow(Vcpu& vcpu);
    // The same as find_shadow(), but makes a shadow if there is none, or evicts one. Errors: ShadowPool::get()'s. Tier 1; sleeps.
    Status make_shadow(Vcpu& vcpu);
    // The vCPU is reset.
    void drop_shadow(Vcpu& vcpu);

    // ---- a stage-2 abort of L2: the vCPU's last exit

    // Tier 0. kResume: resolved, or taken to virtual EL2; kTier1.
    Next resolve_in_tier0(Vcpu& vcpu);
    // Tier 1, the vCPU loaded or not; sleeps. kResume, kUser (kvm_run filled in), or kError with vcpu.error set.
    Next resolve_l2_fault(Vcpu& vcpu);
    // What L1's stage 2 makes of an address of L2's, where that can be told without bringing memory in. Tier 1.
    bool translate_l2(Vcpu& vcpu, arch::L2Ipa from, arch::Ipa& to);
    // Does L1's stage 2 make what L2 has at a virtual address anything else than Write-Back? False also where that cannot
    // be told without bringing memory in. Tier 1.
    bool is_uncached_by_l1(Vcpu& vcpu, u64 va);

    // ---- instructions of virtual EL2

    // L1's TLBI of Regime::kEl10. kDone; kTier1: in tier 0, the same call in tier 1 is needed; in tier 1, a signal came, and L1
    // has to execute the instruction again.
    nested::Outcome tlbi_l2(Vcpu& vcpu, const nested::TlbiOp& op, u64 operand, Tier tier);
    // L1's AT, of either regime; the result is in PAR_EL1. Answers as tlbi_l2(). Tables of L1's at an address without memory
    // give what hardware gives for a bus error on a walk.
    nested::Outcome at(Vcpu& vcpu, const nested::AtOp& op, Tier tier);

    // L1's memory, for walks of its tables. The mmu lock is held, as long as the result is used.
    nested::LinearMemory<Canonical> memory();

private:
    Shadows& mmu() { return *mmu_.load_relaxed(); }
    void hold_instead(Vcpu& vcpu, Shadow* shadow);

    Vm& vm_;
    const Canonical canonical_;
    Mutex enabling_{NEST_LOCK_NESTED_MMU};  // taken with a vCPU's mutex held, before the mmu lock
    Atomic<Shadows*> mmu_;
};

}  // namespace nest::kvm
