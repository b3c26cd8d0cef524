// SPDX-License-Identifier: GPL-2.0-only
// A CPU whose shadow tables are watched: every store and every TLBI of a shadow goes to a BbmChecker of its own.
#pragma once
#include <stage2/kernel_policy.hpp>
#include <tests/fake/cpu.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/stage2/bbm_checker.hpp>

namespace nest::test {
struct WatchedCpu : FakeCpu {
    unsigned invalidations = 0;  // of stage 2, broadcast
    unsigned whole_vmid = 0;     // of these
    unsigned shadow_ipa_bits = 40;
    u64 lines_cleaned = 0;  // to memory; not logged one by one, which would take gigabytes

    template <arch::CacheOp Op>
    void cache(u64 va = 0) {
        if constexpr (Op == arch::CacheOp::CIVAC)
            lines_cleaned++;
        else
            FakeCpu::cache<Op>(va);
    }
};
}  // namespace nest::test

namespace nest::stage2 {

template <>
class KernelPolicy<test::WatchedCpu, arch::L2Ipa> {
public:
    using Address = arch::L2Ipa;
    test::BbmChecker checker;

    KernelPolicy(test::WatchedCpu& cpu, const HostFeatures& host, const TlbTarget& target)
        : cpu_(cpu), host_(host), target_(target) {}
    void use(TableCache* cache) { cache_ = cache; }
    void* alloc_table() {
        void* page = cache_ ? cache_->alloc() : nullptr;
        if (page)
            checker.on_alloc(page);
        return page;
    }
    void free_table(void* table) {
        if (!destroying_)
            checker.on_free(table);
        nest_port_pages_free(table, 0);
    }
    void* alloc_root(unsigned order) {
        void* root = nest_port_pages_alloc(order, false);
        if (root)
            checker.set_root(static_cast<u64*>(root), geometry_for(cpu_.shadow_ipa_bits, host_.parange));
        return root;
    }
    void free_root(void* root, unsigned order) { nest_port_pages_free(root, order); }
    arch::Pa pa(const void* table) const { return arch::Pa(nest_port_va_to_pa(table)); }
    void* va(arch::Pa pa) const { return nest_port_pa_to_va(pa.raw); }
    u64 load(const u64* slot) const { return *slot; }
    void store(u64* slot, u64 value) {
        const u64 old = std::exchange(*slot, value);
        checker.on_store(slot, old, value);
    }
    bool compare_exchange(u64* slot, u64 expected, u64 desired) {
        if (*slot != expected)
            return false;
        store(slot, desired);
        return true;
    }
    void publish() {}
    void invalidate(const Invalidation& i) {
        cpu_.invalidations++;
        cpu_.whole_vmid += i.everything();
        checker.on_invalidate(i.start(), i.start() + i.bytes(), i.level(), i.everything());
        Invalidator<test::WatchedCpu>(cpu_, host_, target_).invalidate(i);
        // Stage2::destroy() invalidates once and then frees the tree.
        destroying_ = i.everything() && thread_is_destroying;
    }
    void invalidate_local(u64 ipa, unsigned level) {
        Invalidator<test::WatchedCpu>(cpu_, host_, target_).invalidate_local(ipa, level);
    }
    template <arch::Tlbi Op>
    void invalidate_stage1(u64 operand) {
        Invalidator<test::WatchedCpu>(cpu_, host_, target_).template stage1<Op>(operand);
    }
    static inline thread_local bool thread_is_destroying = false;

private:
    test::WatchedCpu& cpu_;
    const HostFeatures& host_;
    const TlbTarget& target_;
    TableCache* cache_ = nullptr;
    bool destroying_ = false;
};

}  // namespace nest::stage2
