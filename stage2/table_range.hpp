// SPDX-License-Identifier: GPL-2.0-only
// Table: operations on ranges, each a visitor. Included by stage2/table.hpp.
#pragma once
#include <stage2/table.hpp>

namespace nest::stage2 {

// ---- unmap: an entry that lies wholly in the range goes in one store, with the whole subtree below it.

template <typename Policy>
struct Table<Policy>::Unmapper : Visitor {
    Table& table;
    Debt& debt;
    Unmapper(Table& t, Debt& d) : table(t), debt(d) {}

    bool enter(const Entry& e, Cursor& cursor) {
        // A policy that follows each leaf would take milliseconds for a larger subtree: there, only tables of pages go as one.
        if (!cursor.covers(e) || (Policy::kTracksLeaves && e.level + 1 < kLastLevel))
            return true;
        remove(e);
        cursor.spend(table.collect(table.child(e.pte), e.level + 1, e.base, debt.tables_));
        debt.invalidation_.add(e.base.raw, e.span(), kAnyLevel);
        return false;
    }
    Step leaf(const Entry& e) {
        if (e.pte.valid()) {
            remove(e);
            table.note(e.base, e.level, e.pte, Pte{});
            debt.invalidation_.add(e.base.raw, e.span(), e.level);
        }
        return Step::Next;
    }
    // A table that has become empty goes too, or sparse use would collect tables for ever.
    void leave(const Entry& e, const Cursor& cursor) {
        if (!table.is_empty(table.child(e.pte), table.geometry_.index(cursor.at.raw - 1, e.level + 1)))
            return;
        remove(e);
        debt.invalidation_.add_empty_table(e.base.raw, e.span());
        debt.tables_.push(table.policy_, table.child(e.pte));
    }
    void remove(const Entry& e) {
        if (e.pte.is_table(e.level))
            table.forget_recent();
        table.policy_.store(e.slot, 0);
    }
};

template <typename Policy>
auto Table<Policy>::unmap(Address start, Address end, unsigned budget) -> Debt {
    Debt debt(policy_, ledger_, start);
    Unmapper unmapper(*this, debt);
    debt.resume_ = visit(start, end, budget, unmapper);
    debt.spent_ = budget - static_cast<unsigned>(unmapper.budget_left);
    return debt;
}

// ---- write_protect

template <typename Policy>
struct Table<Policy>::WriteProtector : Visitor {
    Table& table;
    Debt& debt;
    WriteProtector(Table& t, Debt& d) : table(t), debt(d) {}

    Step leaf(const Entry& e) {
        if (e.pte.is_leaf(e.level) && e.pte.writable()) {
            table.update(e.slot, Pte::Write::kMask, 0);
            debt.invalidation_.add(e.base.raw, e.span(), e.level);
        }
        return Step::Next;
    }
};

template <typename Policy>
auto Table<Policy>::write_protect(Address start, Address end, unsigned budget) -> Debt {
    Debt debt(policy_, ledger_, start);
    WriteProtector protector(*this, debt);
    debt.resume_ = visit(start, end, budget, protector);
    return debt;
}

// ---- split

template <typename Policy>
struct Table<Policy>::Splitter : Visitor {
    Table& table;
    bool needs_tables = false;
    explicit Splitter(Table& t) : table(t) {}

    Step leaf(const Entry& e) {
        if (!e.pte.is_leaf(e.level) || e.level == kLastLevel)
            return Step::Next;
        needs_tables = !table.split_entry(e);
        return needs_tables ? Step::Stop : Step::Again;  // again: the parts of a 1 GiB block are blocks as well
    }
    // Level-3 tables have nothing to split.
    bool enter(const Entry& e, Cursor&) { return e.level + 1 < kLastLevel; }
};

template <typename Policy>
auto Table<Policy>::split(Address start, Address end, unsigned budget) -> Progress {
    NEST_BUG_ON(ledger_.open);
    Splitter splitter(*this);
    Address next = visit(start, end, budget, splitter);
    policy_.publish();
    return {next, splitter.needs_tables};
}

// ---- age

template <typename Policy>
struct Table<Policy>::Ager : Visitor {
    Table& table;
    bool clear;
    bool young = false;
    Ager(Table& t, bool c) : table(t), clear(c) {}

    Step leaf(const Entry& e) {
        if (!e.pte.is_leaf(e.level) || !e.pte.young())
            return Step::Next;
        young = true;
        if (!clear)
            return Step::Stop;
        table.update(e.slot, Pte::AF::kMask, 0);
        return Step::Next;
    }
};

template <typename Policy>
auto Table<Policy>::age(Address start, Address end, bool clear, unsigned budget) -> Aged {
    Ager ager(*this, clear);
    Address next = visit(start, end, budget, ager);
    return {next, ager.young};
}

// ---- for_each_leaf

template <typename Policy>
template <typename Fn>
struct Table<Policy>::Reader : Visitor {
    const Table& table;
    Fn& fn;
    Reader(const Table& t, Fn& f) : table(t), fn(f) {}

    Step leaf(const Entry& e) {
        if (!e.pte.is_leaf(e.level))
            return Step::Next;
        const Leaf found = table.decode(e, e.base);
        if constexpr (std::is_same_v<std::invoke_result_t<Fn&, Address, const Leaf&>, bool>)
            return fn(e.base, found) ? Step::Stop : Step::Next;
        else
            fn(e.base, found);
        return Step::Next;
    }
};

template <typename Policy>
template <typename Fn>
auto Table<Policy>::for_each_leaf(Address start, Address end, Fn&& fn, unsigned budget) -> Address {
    Reader<std::remove_reference_t<Fn>> reader(*this, fn);
    return visit(start, end, budget, reader);
}

// ---- subtrees

// Links a table that was taken out of the tree, and all tables below it, into a chain; returns the number of entries looked
// at. Tables of pages hold no tables, and are read only for a policy that follows each leaf.
template <typename Policy>
unsigned Table<Policy>::collect(u64* table, unsigned level, Address base, TableChain& into) {
    unsigned visits = 1;
    if (level < kLastLevel || Policy::kTracksLeaves) {
        visits += kEntries;
        for (unsigned i = 0; i < kEntries; i++) {
            Pte pte = Pte::of(policy_.load(table + i));
            Address at = base + i * span_of_level(level);
            if (pte.is_table(level))
                visits += collect(child(pte), level + 1, at, into);
            else if (pte.valid())
                note(at, level, pte, Pte{});
        }
    }
    into.push(policy_, table);
    return visits;
}

template <typename Policy>
void Table<Policy>::free_subtree(u64* table, unsigned level) {
    for (unsigned i = 0; i < kEntries && level < kLastLevel; i++) {
        Pte pte = Pte::of(policy_.load(table + i));
        if (pte.is_table(level))
            free_subtree(child(pte), level + 1);
    }
    policy_.free_table(table);
}

// Looks from entry `from` outwards: while leaves are taken out one by one, from either end or in any order, the removed leaf
// mostly has a neighbour left. A search from one end would read the empty part of the table each time.
template <typename Policy>
bool Table<Policy>::is_empty(u64* table, unsigned from) const {
    for (unsigned distance = 0; distance < kEntries; distance++) {
        if (distance <= from && policy_.load(table + from - distance))
            return false;
        if (from + distance + 1 < kEntries && policy_.load(table + from + distance + 1))
            return false;
    }
    return true;
}

}  // namespace nest::stage2
