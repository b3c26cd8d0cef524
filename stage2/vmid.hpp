// SPDX-License-Identifier: GPL-2.0-only
// VMIDs: handed out until they run out; then a new generation begins with empty TLBs.
//
// A VMID is a number below 2^bits under a generation in the bits above. Each CPU publishes the VMID that it runs
// (active). At a roll-over these stay valid under their number (reserved), for that CPU keeps running with it; all
// others are free again. Zeroing `active` at a roll-over makes every CPU's next load take the lock and learn of it.
#pragma once
#include <arch/atomic.hpp>
#include <arch/cpu.hpp>
#include <arch/lock.hpp>
#include <arch/memory.hpp>
#include <arch/result.hpp>
#include <stage2/broadcast.hpp>

namespace nest::stage2 {

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

    // `bits`: 8 or 16. -ENOMEM; -ENOSPC when a roll-over could leave no VMID over (as many CPUs as VMIDs). Sleeps.
    Status init(unsigned bits, unsigned cpu_limit) {
        if (cpu_limit + 1 >= u64{1} << bits)
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
        return kOk;
    }

    // The number that `vmid` has on CPU `cpu` from now until another one is loaded there, or clear(). Lock-free while
    // its generation lasts. Context: preemption off on that CPU, before VTTBR_EL2 is written.
    u64 load_on_cpu(Vmid& vmid, unsigned cpu) {
        u64& active = cpus_[cpu].active;
        u64 id = vmid.id_.load_relaxed();
        u64 old = __atomic_load_n(&active, __ATOMIC_RELAXED);
        // The exchange fails when a roll-over has just zeroed `active`: it may give our number away.
        if (old != 0 && is_current(id) &&
            __atomic_compare_exchange_n(&active, &old, id, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return number_of(id);
        return load_slowly(vmid, active);
    }

    // The CPU stops running any: at the vCPU's put, so that a roll-over need not reserve it.
    void clear(unsigned cpu) { __atomic_store_n(&cpus_[cpu].active, first_generation(), __ATOMIC_RELAXED); }

    u64 number_of(u64 id) const { return id & number_mask_; }
    size_t cpu_limit() const { return cpus_.size(); }
    u64 generation() const { return generation_.load_relaxed() >> bits_; }

private:
    struct alignas(64) PerCpu {
        u64 active;    // atomic: its CPU and roll-overs write it
        u64 reserved;  // under the lock
    };

    u64 first_generation() const { return u64{1} << bits_; }  // with number 0: also "runs none"
    bool is_current(u64 id) const { return (id ^ generation_.load_relaxed()) <= number_mask_; }

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
            if (c.reserved == id) {  // possibly on several: all its vCPUs share the VMID
                c.reserved = renewed;
                found = true;
            }
        return found;
    }

    void roll_over() {
        generation_.store_relaxed(generation_.load_relaxed() + first_generation());
        for (u64& word : map_)
            word = 0;
        map_[0] = 1;
        for (PerCpu& c : cpus_) {
            u64 active = __atomic_exchange_n(&c.active, u64{0}, __ATOMIC_ACQ_REL);
            if (active)
                c.reserved = active;  // else a second roll-over, and the CPU still runs what was reserved for it
            test_and_set(number_of(c.reserved));
        }
        // Every VMID's translations, on every CPU. Nothing else is tagged with VMIDs: the architecture has withdrawn
        // instruction caches that were ([DDI0487] D7.5.11, CTR_EL0.L1Ip).
        cpu_.template dsb<arch::Barrier::ISHST>();
        cpu_.template tlbi<arch::Tlbi::ALLE1IS>();
        finish_broadcast(cpu_);
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
