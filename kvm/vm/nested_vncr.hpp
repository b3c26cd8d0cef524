// SPDX-License-Identifier: GPL-2.0-only
// Recursion: the page that an L1 gives its guest hypervisor by its own VNCR_EL2, an address in L1's EL2&0 regime. The address'
// translation is kept per vCPU (vncr/translations.hpp), and hardware accesses that page for L2 by the linear map.
//
// No page is pinned. A translation is made under the mmu lock from a canonical leaf. A change that takes that leaf away, or its
// permission to write, drops the translation under the same lock, makes the vCPU leave the guest, and waits for that before
// the page may be freed. L1's TLBI does the same before it completes.
#pragma once
#include <base/atomic.hpp>
#include <kvm/stats/stats.hpp>
#include <nested/cpu/vncr_page.hpp>
#include <vhe/next.hpp>

namespace nest::kvm {

class Vm;
class Vcpu;
using vhe::Next;

class NestedVncr {
public:
    explicit NestedVncr(Vm& vm) : vm_(vm) {}
    NestedVncr(const NestedVncr&) = delete;
    NestedVncr& operator=(const NestedVncr&) = delete;

    // ---- Route::kVncr: the last exit is an access of L2 that NV2 redirects

    // Makes the access, and lets hardware make the next ones. kResume: done, or L1 has taken the abort; kTier1:
    // fault_in_page() is needed. Tier 0.
    Next access(Vcpu& vcpu);
    // Brings the page, or L1's tables, in; then L2 executes the instruction again. kResume, kError. Tier 1, the vCPU loaded;
    // sleeps.
    Next fault_in_page(Vcpu& vcpu);

    // ---- L1's TLBI of its own regime

    // Some vCPU of this VM has, or had, a translation; before that there is nothing to drop.
    bool in_use() const { return in_use_.load_relaxed(); }
    // Drops this vCPU's translations that `op` names. False, and nothing has changed: another vCPU may use such a translation,
    // or somebody has the mmu lock, so that drop() is needed. Tier 0.
    [[nodiscard]] bool drop_in_tier0(Vcpu& vcpu, const nested::TlbiOp& op);
    // Drops all translations that `op` names, and returns when no vCPU uses one any more. Tier 1.
    void drop(const nested::TlbiOp& op);

    // ---- the vCPU is reset

    void forget(Vcpu& vcpu);

    // ---- the canonical stage 2 changes

    // To be made before the mmu lock is taken, and destroyed after it is dropped: the destructor waits. Interrupts on; does not
    // sleep.
    class Dropping {
    public:
        explicit Dropping(NestedVncr& vncr) : vncr_(vncr) {}
        ~Dropping();
        Dropping(const Dropping&) = delete;
        Dropping& operator=(const Dropping&) = delete;
        // Drops the translations to these frames. mmu lock.
        void frames(u64 start, u64 end);

    private:
        friend class NestedVncr;
        template <typename Fn>
        void each(Fn matches);
        NestedVncr& vncr_;
        bool began_ = false;
    };
    // Is there a translation to one of these frames? mmu lock.
    bool uses(u64 start, u64 end);

    // What has been counted so far, into the VM's statistics. Any thread.
    void report(VmStats& stats);

private:
    struct Found;
    Found look_up(Vcpu& vcpu, const vncr::PageName& name, bool write);
    template <typename Fn>
    unsigned drop_of(Vcpu& vcpu, Fn matches);
    bool is_used_by_another(const Vcpu& vcpu, const nested::TlbiOp& op);

    Vm& vm_;
    Atomic<bool> in_use_;
    u64 translations_ = 0, dropped_ = 0;  // mmu lock
    Atomic<u32> draining_;  // Droppings that have dropped something and not waited yet
};

}  // namespace nest::kvm
