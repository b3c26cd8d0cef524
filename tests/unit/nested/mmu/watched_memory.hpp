// SPDX-License-Identifier: GPL-2.0-only
// Shadow tables that are watched: every store to one, and every invalidation of one, goes to a BbmChecker of its own.
#pragma once
#include <stage2/kernel_policy.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/stage2/bbm_checker.hpp>

namespace nest::test {

class WatchedMemory : public stage2::KernelPolicy<arch::L2Ipa> {
    using Base = stage2::KernelPolicy<arch::L2Ipa>;

public:
    static constexpr unsigned kIpaBits = 40;
    BbmChecker checker;

    WatchedMemory(arch::Cpu& cpu, const stage2::HostFeatures& host, const stage2::TlbTarget& target)
        : Base(cpu, host, target), host_(host) {}
    void* alloc_table() {
        void* page = Base::alloc_table();
        if (page)
            checker.on_alloc(page);
        return page;
    }
    void free_table(void* table) {
        if (!destroying_)
            checker.on_free(table);
        Base::free_table(table);
    }
    void* alloc_root(unsigned order) {
        void* root = Base::alloc_root(order);
        if (root)
            checker.set_root(static_cast<u64*>(root), stage2::geometry_for(kIpaBits, host_.parange));
        return root;
    }
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
    void invalidate(const stage2::Invalidation& what) {
        checker.on_invalidate(what.start(), what.start() + what.bytes(), what.level(), what.everything());
        Base::invalidate(what);
        // Stage2::destroy() invalidates once and then frees the tree.
        destroying_ = what.everything() && thread_is_destroying;
    }
    static inline thread_local bool thread_is_destroying = false;

private:
    const stage2::HostFeatures& host_;
    bool destroying_ = false;
};

}  // namespace nest::test
