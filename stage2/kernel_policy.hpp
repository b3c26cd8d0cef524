// SPDX-License-Identifier: GPL-2.0-only
// The table's policy in the module: pages of the linear map, the CPU's TLBs and caches.
#pragma once
#include <base/atomic.hpp>
#include <stage2/cache_maintenance.hpp>
#include <stage2/invalidate.hpp>
#include <stage2/table_cache.hpp>
#include <stage2/table_policy.hpp>

namespace nest::stage2 {

template <typename InputAddress>
class KernelPolicy {
public:
    using Address = InputAddress;
    static constexpr bool kTracksLeaves = false;

    KernelPolicy(arch::Cpu& cpu, const HostFeatures& host, const TlbTarget& target) : cpu_(cpu), host_(host), target_(target) {}

    // New tables come from `cache` until the next use(); nullptr: from nowhere.
    void use(TableCache* cache) { cache_ = cache; }

    void* alloc_table() { return cache_ ? cache_->alloc() : nullptr; }
    void free_table(void* table) { nest_port_pages_free(table, 0); }
    void* alloc_root(unsigned order) { return nest_port_pages_alloc(order, false); }
    void free_root(void* root, unsigned order) { nest_port_pages_free(root, order); }
    arch::Pa pa(const void* table) const { return arch::Pa(nest_port_va_to_pa(table)); }
    void* va(arch::Pa pa) const { return nest_port_pa_to_va(pa.raw); }

    u64 load(const u64* slot) const { return AtomicRef(*slot).load_relaxed(); }
    void store(u64* slot, u64 value) { AtomicRef(*slot).store_release(value); }
    bool compare_exchange(u64* slot, u64 expected, u64 desired) {
        return AtomicRef(*slot).compare_exchange_acq_rel(expected, desired);
    }
    void publish() { cpu_.dsb<arch::Barrier::ISHST>(); }

    void invalidate(const Invalidation& what) {
        Invalidator(cpu_, host_, target_).invalidate(what);
        broadcasts_.store_relaxed(broadcasts_.load_relaxed() + 1);  // the callers hold the mmu lock
    }
    // How often invalidate() reached out to all CPUs. Any context.
    u64 broadcasts() const { return broadcasts_.load_relaxed(); }
    void invalidate_local(u64 ipa, unsigned level) {
        Invalidator(cpu_, host_, target_).invalidate_local(ipa, level);
    }
    void invalidate_stage1(arch::Tlbi op, u64 operand) { Invalidator(cpu_, host_, target_).stage1(op, operand); }

    // With FEAT_S2FWB the guest cannot reach memory past the caches.
    void clean_dcache(arch::Pa pa, u64 bytes) {
        if (!host_.fwb)
            clean_invalidate_to_poc(cpu_, CacheType::of(host_.ctr), reinterpret_cast<u64>(va(pa)), bytes);
    }
    void invalidate_icache(arch::Pa pa, u64 bytes) {
        invalidate_instructions(cpu_, CacheType::of(host_.ctr), reinterpret_cast<u64>(va(pa)), bytes);
    }

private:
    arch::Cpu& cpu_;
    const HostFeatures& host_;
    const TlbTarget& target_;
    TableCache* cache_ = nullptr;
    Atomic<u64> broadcasts_;
};

}  // namespace nest::stage2
