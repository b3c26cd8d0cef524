// SPDX-License-Identifier: GPL-2.0-only
// Table: life, the engine that takes a visitor along a range, and the lock-free walk. Included by stage2/table.hpp.
#pragma once
#include <stage2/table.hpp>

namespace nest::stage2 {

template <typename Policy>
Status Table<Policy>::init(const Geometry& geometry, PteFormat format) {
    NEST_BUG_ON(root_);
    if (!geometry.valid())
        return Errno::kInval;
    root_ = static_cast<u64*>(policy_.alloc_root(geometry.root_order));
    if (!root_)
        return Errno::kNoMem;
    geometry_ = geometry;
    format_ = format;
    return kOk;
}

template <typename Policy>
void Table<Policy>::destroy() {
    if (!root_)
        return;
    NEST_BUG_ON(ledger_.open);
    forget_recent();
    ledger_.retired.free_all(policy_);
    u64 entries = u64{kEntries} << geometry_.root_order;
    for (u64 i = 0; i < entries; i++) {
        Pte pte = Pte::of(policy_.load(root_ + i));
        if (pte.is_table(geometry_.start_level))
            free_subtree(child(pte), geometry_.start_level + 1u);
    }
    policy_.free_root(std::exchange(root_, nullptr), geometry_.root_order);
}

template <typename Policy>
struct Table<Policy>::Visitor {
    u64 budget_left = 0;  // when the visit ends
    // A table entry: true to descend into it, false when the visitor is done with all below.
    bool enter(const Entry&, Cursor&) { return true; }
    // A leaf or an invalid entry.
    Step leaf(const Entry&) { return Step::Next; }
    // After the part of a table that lies in the range was visited to its end; the cursor is behind its last entry there.
    void leave(const Entry&, const Cursor&) {}
};

template <typename Policy>
template <typename V>
auto Table<Policy>::visit(Address start, Address end, unsigned budget, V& visitor) -> Address {
    NEST_BUG_ON(!sound(start, end) || !budget);
    Cursor cursor{start, end, budget};
    visit_level(root_, geometry_.start_level, cursor, visitor);
    visitor.budget_left = cursor.budget;
    return cursor.at < end ? cursor.at : end;
}

// The recursion is as deep as the tree: at most four frames.
template <typename Policy>
template <typename V>
void Table<Policy>::visit_level(u64* table, unsigned level, Cursor& cursor, V& visitor) {
    const u64 table_bits = shift_of_level(level) + kBitsPerLevel;
    const bool is_root = level == geometry_.start_level;
    const u64 first_table = cursor.at.raw >> table_bits;
    while (cursor.goes_on() && (is_root || cursor.at.raw >> table_bits == first_table)) {
        u64* slot = slot_of(table, cursor.at, level);
        Entry e{slot, Pte::of(policy_.load(slot)), level, cursor.at.align_down(span_of_level(level))};
        if (e.pte.is_table(level)) {
            if (visitor.enter(e, cursor)) {
                visit_level(child(e.pte), level + 1, cursor, visitor);
                if (cursor.at >= e.end() || cursor.at >= cursor.end)
                    visitor.leave(e, cursor);
                continue;
            }
        } else {
            Step step = visitor.leaf(e);
            cursor.stopped = step == Step::Stop;
            if (step == Step::Again)
                cursor.spend(kEntries);  // the visitor has written a whole table (split_entry())
            if (step != Step::Next)
                continue;
        }
        cursor.spend(1);  // not for descending: the smallest budget makes progress
        cursor.at = e.end();
    }
}

// The leaf or the invalid entry that decides about `ipa`. Also without the lock: each load takes its address from the load
// before, which orders the two, and the policy's stores release, so that a table's content is seen once its entry is.
template <typename Policy>
auto Table<Policy>::find_leaf(Address ipa) const -> Entry {
    u64* table = root_;
    for (unsigned level = geometry_.start_level;; level++) {
        u64* slot = slot_of(table, ipa, level);
        Entry e{slot, Pte::of(policy_.load(slot)), level, ipa.align_down(span_of_level(level))};
        if (!e.pte.is_table(level))
            return e;
        table = child(e.pte);
    }
}

template <typename Policy>
[[gnu::always_inline]] inline Leaf Table<Policy>::decode(const Entry& e, Address ipa) const {
    Leaf leaf;
    leaf.level = static_cast<u8>(e.level);
    leaf.valid = e.pte.is_leaf(e.level);
    if (leaf.valid) {
        leaf.young = e.pte.young();
        leaf.attributes = format_.attributes(e.pte);
        leaf.pa = e.pte.output() + (ipa - e.base);
    }
    return leaf;
}

template <typename Policy>
Leaf Table<Policy>::walk(Address ipa) const {
    return ipa < limit() ? decode(find_leaf(ipa), ipa) : Leaf{};
}

template <typename Policy>
Leaf Table<Policy>::walk_locked(Address ipa) const {
    if (recent_.region == region_of(ipa)) {
        u64* slot = slot_of(recent_.table, ipa, kLastLevel);
        return decode({slot, Pte::of(policy_.load(slot)), kLastLevel, ipa.align_down(arch::kPageSize)}, ipa);
    }
    if (ipa >= limit())
        return {};
    const Entry e = find_leaf(ipa);
    if (e.level == kLastLevel)
        remember(ipa, e.slot - geometry_.index(ipa.raw, kLastLevel));
    return decode(e, ipa);
}

}  // namespace nest::stage2
