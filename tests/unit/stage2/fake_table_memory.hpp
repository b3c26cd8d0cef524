// SPDX-License-Identifier: GPL-2.0-only
// A table policy over the fake port's memory: keeps a history of everything and lets BbmChecker judge it.
#pragma once
#include <functional>
#include <stage2/table.hpp>
#include <tests/fake/port.hpp>
#include <tests/unit/stage2/bbm_checker.hpp>

namespace nest::test {

template <bool TracksLeaves = false>
class FakeTableMemory {
public:
    using Address = arch::Ipa;
    static constexpr bool kTracksLeaves = TracksLeaves;

    struct Step {
        enum Kind { kStore, kPublish, kInvalidate, kLocal, kClean, kIcache } kind;
        u64 a = 0, b = 0;
        unsigned level = 0;
        bool operator==(const Step&) const = default;
    };
    BbmChecker checker;
    std::vector<Step> history;
    std::map<u64, std::pair<unsigned, u64>> leaves;  // when tracked: base -> level, descriptor
    unsigned tables_left = ~0u;                      // alloc_table() answers nullptr afterwards
    unsigned tables_alive = 0;
    bool fail_root = false;
    std::function<void(u64*)> before_exchange;       // what hardware does at the worst moment

    void* alloc_table() {
        if (tables_left == 0)
            return nullptr;
        tables_left--;
        tables_alive++;
        void* page = nest_port_pages_alloc(0, true);
        checker.on_alloc(page);
        return page;
    }
    void free_table(void* table) {
        if (!destroying)
            checker.on_free(table);
        tables_alive--;
        nest_port_pages_free(table, 0);
    }
    void* alloc_root(unsigned order) { return fail_root ? nullptr : nest_port_pages_alloc(order, false); }
    void free_root(void* root, unsigned order) { nest_port_pages_free(root, order); }
    arch::Pa pa(const void* table) const { return arch::Pa(nest_port_va_to_pa(table)); }
    void* va(arch::Pa pa) const { return nest_port_pa_to_va(pa.raw); }
    u64 load(const u64* slot) const { return *slot; }
    void store(u64* slot, u64 value) {
        u64 old = std::exchange(*slot, value);
        history.push_back({Step::kStore, reinterpret_cast<u64>(slot), value});
        checker.on_store(slot, old, value);
    }
    bool compare_exchange(u64* slot, u64 expected, u64 desired) {
        if (before_exchange)
            before_exchange(slot);
        if (*slot != expected)
            return false;
        store(slot, desired);
        return true;
    }
    void publish() { history.push_back({Step::kPublish}); }
    void invalidate(const stage2::Invalidation& i) {
        history.push_back({Step::kInvalidate, i.start(), i.bytes(), i.level()});
        checker.on_invalidate(i.start(), i.start() + i.bytes(), i.level(), i.everything());
    }
    void invalidate_local(u64 ipa, unsigned level) { history.push_back({Step::kLocal, ipa, 0, level}); }
    void clean_dcache(arch::Pa pa, u64 bytes) { history.push_back({Step::kClean, pa.raw, bytes}); }
    void invalidate_icache(arch::Pa pa, u64 bytes) { history.push_back({Step::kIcache, pa.raw, bytes}); }
    void leaf_changed(arch::Ipa base, unsigned level, stage2::Pte old, stage2::Pte now) {
        if (old.valid()) {
            auto found = leaves.find(base.raw);
            if (found == leaves.end() || found->second.first != level)
                checker.violations.push_back("a leaf goes that never came");
            else
                leaves.erase(found);
        }
        if (now.valid() && !leaves.insert({base.raw, {level, now.raw}}).second)
            checker.violations.push_back("a leaf comes where one is");
    }

    unsigned count(typename Step::Kind kind) const {
        unsigned n = 0;
        for (const Step& s : history)
            n += s.kind == kind;
        return n;
    }
    // Where the first such step is, or -1.
    int position(typename Step::Kind kind) const {
        for (size_t i = 0; i < history.size(); i++)
            if (history[i].kind == kind)
                return static_cast<int>(i);
        return -1;
    }
    bool destroying = false;
};

// [DDI0487] D8.2: a walk as hardware does it, written down a second time, from the registers' raw bits.
struct HardwareResult {
    bool translated = false;
    unsigned level = 0;
    u64 pa = 0;
    u64 descriptor = 0;
};
inline HardwareResult hardware_walk(u64 vttbr, u64 vtcr, u64 ipa) {
    unsigned bits = 64 - (vtcr & 63);
    unsigned level = 2 - (vtcr >> 6 & 3);
    u64 table = vttbr & 0x0000'ffff'ffff'f000;
    if (ipa >> bits)
        return {};
    bool first = true;
    for (;; level++, first = false) {
        unsigned shift = 39 - 9 * level;
        u64 index = first ? ipa >> shift : ipa >> shift & 511;
        u64 d = *reinterpret_cast<const u64*>((table ^ (u64{1} << 47)) + 8 * index);
        if (!(d & 1) || (level == 3 && !(d & 2)))
            return {false, level, 0, d};
        if (level == 3 || !(d & 2))
            return {true, level, (d & 0x0000'ffff'ffff'f000) + (ipa & ((u64{1} << shift) - 1)), d};
        table = d & 0x0000'ffff'ffff'f000;
    }
}

}  // namespace nest::test
