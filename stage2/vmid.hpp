// SPDX-License-Identifier: GPL-2.0-only
// VMIDs: handed out until they run out; then a new generation begins with empty TLBs.
//
// A VMID is a number below 2^bits under a generation in the bits above. Each CPU publishes the VMIDs that it runs (active):
// one of a VM, and one of a shadow, between which a vCPU with virtual EL2 goes back and forth. At a roll-over these stay valid
// under their number (reserved), for that CPU keeps running with them; all others are free again. A roll-over takes them out
// of `active`, so that every CPU's next load of each takes the lock and learns of it.
#pragma once
#include <arch/cpu.hpp>
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>
#include <stage2/broadcast.hpp>

namespace nest::stage2 {

enum class VmidUse : u8 { kVm, kShadow };

// One per address space: a VM's own, and each shadow.
class Vmid {
public:
    // Generation and number; 0 before the first load.
    u64 raw() const { return id_.load_relaxed(); }

private:
    template <arch::Cpu>
    friend class VmidAllocator;
    Atomic<u64> id_;
};

template <arch::Cpu C>
class VmidAllocator {
public:
    explicit VmidAllocator(C& cpu) : cpu_(cpu) {}

    // `bits`: 8 or 16. `shadows`: there will be some. -ENOMEM; -ENOSPC when a roll-over could leave no VMID over (as many of
    // them as CPUs, or with shadows twice as many). Sleeps.
    Status init(unsigned bits, unsigned cpu_limit, bool shadows = true) {
        if ((cpu_limit << shadows) + 1 >= u64{1} << bits)
            return Errno::kNoSpc;
        map_ = Buffer<u64>((size_t{1} << bits) / 64);
        cpus_ = Buffer<PerCpu>(cpu_limit);
        if (!map_ || !cpus_)
            return Errno::kNoMem;
        bits_ = bits;
        number_mask_ = first_generation() - 1;
        next_ = 1;
        generation_.store_relaxed(first_generation());
        map_[0] = 1;  // VMID 0 is the host's
        for (unsigned cpu = 0; cpu < cpu_limit; cpu++)
            clear(cpu);
        return kOk;
    }

    // The number that `vmid` has on CPU `cpu` from now until another one is loaded there for the same use, or clear().
    // Lock-free while its generation lasts. Context: preemption off on that CPU, before VTTBR_EL2 is written.
    u64 load_on_cpu(Vmid& vmid, unsigned cpu, VmidUse use = VmidUse::kVm) {
        u64& active = cpus_[cpu].slots[static_cast<unsigned>(use)].active;
        const u64 id = vmid.id_.load_relaxed();
        u64 old = __atomic_load_n(&active, __ATOMIC_RELAXED);
        // Published before, and no roll-over has come since. One that comes now finds it published, and reserves it.
        if (old == id) [[likely]]
            return number_of(id);
        return publish(vmid, active, old);
    }

    // The CPU stops running any: at the vCPU's put, so that a roll-over need not reserve them.
    void clear(unsigned cpu) {
        for (Slot& slot : cpus_[cpu].slots)
            __atomic_store_n(&slot.active, none(), __ATOMIC_RELAXED);
    }

    u64 number_of(u64 id) const { return id & number_mask_; }
    size_t cpu_limit() const { return cpus_.size(); }
    u64 generation() const { return generation_.load_relaxed() >> bits_; }

private:
    struct Slot {
        u64 active;    // atomic: its CPU and roll-overs write it
        u64 reserved;  // under the lock
    };
    struct alignas(64) PerCpu {
        Slot slots[2];  // by VmidUse
    };

    // What no Vmid has: one that runs nothing, and one whose VMID a roll-over has taken out.
    u64 none() const { return first_generation(); }
    static constexpr u64 kRolledOver = 1;

    u64 first_generation() const { return u64{1} << bits_; }
    bool is_current(u64 id) const { return (id ^ generation_.load_relaxed()) <= number_mask_; }

    [[gnu::noinline, gnu::cold]] u64 publish(Vmid& vmid, u64& active, u64 old) {
        const u64 id = vmid.id_.load_relaxed();
        // The exchange fails when a roll-over has just taken the old one out: it may give our number away.
        if (old != kRolledOver && is_current(id) &&
            __atomic_compare_exchange_n(&active, &old, id, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return number_of(id);
        return load_slowly(vmid, active);
    }

    [[gnu::noinline, gnu::cold]] u64 load_slowly(Vmid& vmid, u64& active) {
        IrqGuard guard(lock_);
        u64 id = vmid.id_.load_relaxed();
        if (!is_current(id)) {
            id = renew(id);
            vmid.id_.store_relaxed(id);
        }
        __atomic_store_n(&active, id, __ATOMIC_RELAXED);
        // Pairs with the DSB of an invalidation: it clears a descriptor and then reads our id; we write the id and then
        // walk. Either it sees the new id, or our walks see the cleared descriptor.
        cpu_.template dsb<arch::Barrier::ISH>();
        return number_of(id);
    }

    u64 renew(u64 id) {
        u64 number = number_of(id);
        if (number) {
            // Some CPU ran it over the roll-over: it must keep its number, in the new generation.
            u64 renewed = generation_.load_relaxed() | number;
            if (rename_reserved(id, renewed))
                return renewed;
            if (!test_and_set(number))
                return renewed;
        }
        number = find_free(next_);
        if (!number) {
            roll_over();
            number = find_free(1);  // there are more VMIDs than CPUs
            NEST_BUG_ON(!number);
        }
        test_and_set(number);
        next_ = number;
        return generation_.load_relaxed() | number;
    }

    bool rename_reserved(u64 id, u64 renewed) {
        bool found = false;
        for (PerCpu& c : cpus_)
            for (Slot& slot : c.slots)
                if (slot.reserved == id) {  // possibly on several CPUs: all its vCPUs share the VMID
                    slot.reserved = renewed;
                    found = true;
                }
        return found;
    }

    void roll_over() {
        generation_.store_relaxed(generation_.load_relaxed() + first_generation());
        for (u64& word : map_)
            word = 0;
        map_[0] = 1;
        for (PerCpu& c : cpus_)
            for (Slot& slot : c.slots)
                reserve(slot);
        // Every VMID's translations, on every CPU. Nothing else is tagged with VMIDs: the architecture has withdrawn
        // instruction caches that were ([DDI0487] D7.5.11, CTR_EL0.L1Ip).
        cpu_.template dsb<arch::Barrier::ISHST>();
        cpu_.template tlbi<arch::Tlbi::ALLE1IS>();
        finish_broadcast(cpu_);
    }

    void reserve(Slot& slot) {
        const u64 active = __atomic_exchange_n(&slot.active, kRolledOver, __ATOMIC_ACQ_REL);
        if (active != kRolledOver)
            slot.reserved = active;  // else a second roll-over, and the CPU still runs what was reserved for it
        test_and_set(number_of(slot.reserved));
    }

    bool test_and_set(u64 number) {
        u64 bit = u64{1} << (number % 64);
        bool was = map_[number / 64] & bit;
        map_[number / 64] |= bit;
        return was;
    }

    // The first free number from `from` on, or 0.
    u64 find_free(u64 from) const {
        for (u64 word = from / 64; word < map_.size(); word++) {
            u64 free = ~map_[word];
            if (word == from / 64)
                free &= ~u64{0} << (from % 64);
            if (free)
                return word * 64 + static_cast<u64>(__builtin_ctzll(free));
        }
        return 0;
    }

    C& cpu_;
    RawSpinLock lock_{NEST_LOCK_VMID};
    unsigned bits_ = 8;
    u64 number_mask_ = 0xff;
    u64 next_ = 1;
    Atomic<u64> generation_;
    Buffer<u64> map_;
    Buffer<PerCpu> cpus_;
};

}  // namespace nest::stage2
