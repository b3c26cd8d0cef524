// SPDX-License-Identifier: GPL-2.0-only
// What a page table asks of its surroundings. The module's policy is KernelPolicy; tests hand in a fake memory.
#pragma once
#include <concepts>
#include <stage2/invalidation.hpp>
#include <stage2/pte.hpp>

namespace nest::stage2 {

template <typename P>
concept TablePolicy = requires(P& p, void* table, u64* slot, u64 value, unsigned order, arch::Pa pa,
                               const Invalidation& i) {
    // The input address: arch::Ipa for a VM's own stage 2, arch::L2Ipa for a shadow.
    typename P::Address;
    // When true, leaf_changed(Address, level, Pte old, Pte now) is called for each leaf that appears, changes its
    // output or goes; else whole subtrees leave unvisited, which is faster.
    { P::kTracksLeaves } -> std::convertible_to<bool>;
    // Zeroed; nullptr when the caller has to fill up its cache first. Must not sleep.
    { p.alloc_table() } -> std::same_as<void*>;
    p.free_table(table);
    // Zeroed, 2^order tables aligned to their size; may sleep.
    { p.alloc_root(order) } -> std::same_as<void*>;
    p.free_root(table, order);
    { p.pa(table) } -> std::same_as<arch::Pa>;
    { p.va(pa) } -> std::same_as<void*>;
    // Single-copy atomic; store() releases, so that a table's content is seen before the entry that points to it.
    { p.load(slot) } -> std::same_as<u64>;
    p.store(slot, value);
    { p.compare_exchange(slot, value, value) } -> std::same_as<bool>;
    // Makes earlier stores visible to the table walkers of all CPUs (DSB ISHST).
    p.publish();
    // On all CPUs, complete on return; stores from before the call are visible to the walkers first.
    p.invalidate(i);
    // On this CPU only: drops what its TLBs hold of one leaf, which has more permissions now.
    p.invalidate_local(value, order);
    // Cache maintenance of memory that becomes reachable by the guest.
    p.clean_dcache(pa, value);
    p.invalidate_icache(pa, value);
};

}  // namespace nest::stage2
