// SPDX-License-Identifier: GPL-2.0-only
// VMIDs: handed out until they run out; then a new generation begins with empty TLBs.
//
// A VMID is a number below 2^bits under a generation in the bits above. Each CPU publishes the VMIDs that it runs (active):
// one of a VM, and one of a shadow, between which a vCPU with virtual EL2 goes back and forth. At a roll-over these keep their
// numbers (reserved), as that CPU goes on running with them; all other numbers are free again. A roll-over replaces `active`
// by kRolledOver, so that every CPU's next load of a VMID takes the lock and finds the new generation.
#pragma once
#include <arch/cpu.hpp>
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>

namespace nest::stage2 {

enum class VmidUse : u8 { kVm, kShadow };

// One per address space: a VM's own, and each shadow.
class Vmid {
public:
    // Generation and number; 0 before the first load.
    u64 raw() const { return id_.load_relaxed(); }

private:
    friend class VmidAllocator;
    Atomic<u64> id_;
};

class VmidAllocator {
public:
    explicit VmidAllocator(arch::Cpu& cpu) : cpu_(cpu) {}

    // `bits`: 8 or 16. `shadows`: there will be some. -ENOMEM; -ENOSPC when a roll-over could leave no VMID over (as many of
    // them as CPUs, or with shadows twice as many). Sleeps.
    Status init(unsigned bits, unsigned cpu_limit, bool shadows = true);

    // The number that `vmid` has on CPU `cpu` from now until another one is loaded there for the same use, or clear().
    // Lock-free while its generation lasts. Context: preemption off on that CPU, before VTTBR_EL2 is written.
    u64 load_on_cpu(Vmid& vmid, unsigned cpu, VmidUse use = VmidUse::kVm) {
        Atomic<u64>& active = cpus_[cpu].slots[static_cast<unsigned>(use)].active;
        const u64 id = vmid.id_.load_relaxed();
        const u64 old = active.load_relaxed();
        // Published before, and no roll-over since. A roll-over that comes now finds `id` in `active`, and reserves it.
        if (old == id) [[likely]]
            return number_of(id);
        return publish(vmid, active, old);
    }

    // The CPU runs no VMID any more: at the vCPU's put, so that a roll-over need not reserve any for this CPU.
    void clear(unsigned cpu) {
        for (Slot& slot : cpus_[cpu].slots)
            slot.active.store_relaxed(none());
    }

    u64 number_of(u64 id) const { return id & number_mask_; }
    size_t cpu_limit() const { return cpus_.size(); }
    u64 generation() const { return generation_.load_relaxed() >> bits_; }

private:
    struct Slot {
        Atomic<u64> active;  // written by this CPU and by roll-overs
        u64 reserved = 0;    // under the lock
    };
    struct alignas(64) PerCpu {
        Slot slots[2];  // by VmidUse
    };

    // Values of `active` that no Vmid has: nothing runs; a roll-over has taken the VMID out.
    u64 none() const { return first_generation(); }
    static constexpr u64 kRolledOver = 1;

    u64 first_generation() const { return u64{1} << bits_; }
    bool is_current(u64 id) const { return (id ^ generation_.load_relaxed()) <= number_mask_; }

    [[gnu::cold]] u64 publish(Vmid& vmid, Atomic<u64>& active, u64 old);
    u64 load_slowly(Vmid& vmid, Atomic<u64>& active);
    u64 renew(u64 id);
    bool rename_reserved(u64 id, u64 renewed);
    void roll_over();
    void reserve(Slot& slot);
    bool test_and_set(u64 number);
    u64 find_free(u64 from) const;

    arch::Cpu& cpu_;
    RawSpinLock lock_{NEST_LOCK_VMID};
    unsigned bits_ = 8;
    u64 number_mask_ = 0xff;
    u64 next_ = 1;
    Atomic<u64> generation_;
    Buffer<u64> map_;
    Buffer<PerCpu> cpus_;
};

}  // namespace nest::stage2
