// SPDX-License-Identifier: GPL-2.0-only
#include <stage2/broadcast.hpp>
#include <stage2/vmid.hpp>

namespace nest::stage2 {

Status VmidAllocator::init(unsigned bits, unsigned cpu_limit, bool shadows) {
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

u64 VmidAllocator::publish(Vmid& vmid, Atomic<u64>& active, u64 old) {
    const u64 id = vmid.id_.load_relaxed();
    // An exchange, no store: CPU B may roll over between our look at the generation and here. B takes `old` out of `active` and
    // reserves only that number, so that it may give ours to another VM, and we would run on that VM's TLB entries.
    if (old != kRolledOver && is_current(id) && active.compare_exchange_acq_rel(old, id))
        return number_of(id);
    return load_slowly(vmid, active);
}

u64 VmidAllocator::load_slowly(Vmid& vmid, Atomic<u64>& active) {
    IrqGuard guard(lock_);
    u64 id = vmid.id_.load_relaxed();
    if (!is_current(id)) {
        id = renew(id);
        vmid.id_.store_relaxed(id);
    }
    active.store_relaxed(id);
    // Pairs with the DSB in Invalidator::invalidate(). CPU B clears a descriptor and then reads the address space's id, for its
    // TLBI; we write the id and then walk. Either B sees the new id, or our walks see the cleared descriptor. Otherwise B would
    // invalidate an old VMID, and the walk's translation would stay under the new one.
    cpu_.dsb<arch::Barrier::ISH>();
    return number_of(id);
}

u64 VmidAllocator::renew(u64 id) {
    u64 number = number_of(id);
    if (number) {
        // A CPU that runs this address space across a roll-over goes on with the old number, which must stay its number.
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

bool VmidAllocator::rename_reserved(u64 id, u64 renewed) {
    bool found = false;
    for (PerCpu& c : cpus_)
        for (Slot& slot : c.slots)
            if (slot.reserved == id) {  // possibly on several CPUs: all vCPUs of a VM share the VMID
                slot.reserved = renewed;
                found = true;
            }
    return found;
}

void VmidAllocator::roll_over() {
    generation_.store_relaxed(generation_.load_relaxed() + first_generation());
    for (u64& word : map_)
        word = 0;
    map_[0] = 1;
    for (PerCpu& c : cpus_)
        for (Slot& slot : c.slots)
            reserve(slot);
    // Drops every VMID's translations, on every CPU. Nothing but TLB entries is tagged with VMIDs: the architecture has
    // withdrawn VMID-aware instruction caches ([DDI0487] D7.5.11, CTR_EL0.L1Ip).
    cpu_.dsb<arch::Barrier::ISHST>();
    cpu_.tlbi<arch::Tlbi::ALLE1IS>();
    finish_broadcast(cpu_);
}

void VmidAllocator::reserve(Slot& slot) {
    const u64 active = slot.active.exchange_acq_rel(kRolledOver);
    if (active != kRolledOver)
        slot.reserved = active;  // else this is a second roll-over, and the CPU still runs what the first one reserved
    test_and_set(number_of(slot.reserved));
}

bool VmidAllocator::test_and_set(u64 number) {
    u64 bit = u64{1} << (number % 64);
    bool was = map_[number / 64] & bit;
    map_[number / 64] |= bit;
    return was;
}

// The first free number from `from` on, or 0.
u64 VmidAllocator::find_free(u64 from) const {
    for (u64 word = from / 64; word < map_.size(); word++) {
        u64 free = ~map_[word];
        if (word == from / 64)
            free &= ~u64{0} << (from % 64);
        if (free)
            return word * 64 + static_cast<u64>(__builtin_ctzll(free));
    }
    return 0;
}

}  // namespace nest::stage2
