// SPDX-License-Identifier: GPL-2.0-only
// A stage-2 translation table: a tree of real descriptors, and the operations on it, each a visitor of a screenful.
//
// Locking: whoever changes the table holds the lock that guards it (the VM's mmu spinlock). walk(), also from tier 0,
// needs none: tables that leave the tree stay readable until take_retired() hands them out, and their owner frees them
// only after every CPU has left the code that may walk. Hardware updates access flags at any time.
//
// Ranges are [start, end), page-aligned, inside limit(). An operation on a range visits about `budget` entries and then
// stops; it says where, so that the caller can drop its lock and go on from there.
#pragma once
#include <base/result.hpp>
#include <stage2/pending.hpp>
#include <stage2/table_policy.hpp>

namespace nest::stage2 {

inline constexpr unsigned kDefaultBudget = 2048;  // entries: some tens of microseconds

template <typename Policy>
class Table {
    static_assert(TablePolicy<Policy>);

public:
    using Address = typename Policy::Address;
    using Debt = Pending<Policy>;

    explicit Table(Policy& policy) : policy_(policy) {}
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;
    ~Table() { NEST_BUG_ON(root_); }

    // May sleep. -EINVAL for a geometry that is not valid, -ENOMEM.
    Status init(const Geometry& geometry, PteFormat format);
    // Frees the whole tree. No CPU walks the tables any more, and no TLB entry of their VMID is left that could be used.
    void destroy();

    // Maps 2^block_shift bytes (12, 21 or 30), instead of whatever was there. A block that is only partly replaced is
    // split and keeps mapping the rest. -EAGAIN: the policy has no table left, fill up and call again. -EINVAL:
    // misaligned, outside, no such block size here, or execution from memory that is not Normal. -ERANGE: the output
    // lies above the machine's (or stage 2's) physical addresses.
    Status map(Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes) {
        return put<true>(ipa, pa, block_shift, attributes);
    }
    // The same, but -EEXIST where anything is mapped in the new leaf's place: a larger leaf, smaller ones, or the same.
    Status map_new(Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes) {
        return put<false>(ipa, pa, block_shift, attributes);
    }
    // For a permission fault: adds what `add` has to the leaf. -ENOENT: nothing is mapped there.
    Status relax(Address ipa, const Prot& add);
    // For dirty logging: as relax(write), but -E2BIG when the leaf is larger than 2^max_shift, so that the caller maps
    // a page and marks no more than that dirty.
    Status set_writable(Address ipa, unsigned max_shift);
    // For an access-flag fault. -ENOENT.
    Status make_young(Address ipa);

    // Drops what is mapped. A block at the edge goes as a whole, and is faulted in again.
    Debt unmap(Address start, Address end, unsigned budget = kDefaultBudget);
    // Takes write permission from every leaf that touches the range.
    Debt write_protect(Address start, Address end, unsigned budget = kDefaultBudget);

    struct [[nodiscard]] Progress {
        Address next;       // done up to here
        bool needs_tables;  // stopped because the policy has no table left
    };
    // Makes pages of all blocks that touch the range. Stops as well when there is no table: one per block is needed.
    Progress split(Address start, Address end, unsigned budget = kDefaultBudget);

    struct [[nodiscard]] Aged {
        Address next;
        bool young;  // an access flag was set; a test (clear = false) stops at the first
    };
    // Without TLB invalidation: a translation that is still cached makes its page look old, which is only a bad guess.
    Aged age(Address start, Address end, bool clear, unsigned budget = kDefaultBudget);

    // Any context, no lock; a snapshot that may be outdated when it returns.
    Leaf walk(Address ipa) const;
    // The same with the lock held: a page beside the last one needs no walk from the root.
    Leaf walk_locked(Address ipa) const;
    // fn(Address base, const Leaf&) for each leaf that touches the range. When it answers with a bool, true stops before
    // that leaf, which is then where to go on.
    template <typename Fn>
    Address for_each_leaf(Address start, Address end, Fn&& fn, unsigned budget = kDefaultBudget);

    // Tables whose TLBI is done. Caller: hold the lock here; then make sure that no walk() from before still runs; then
    // free_retired().
    TableChain take_retired() { return std::move(ledger_.retired); }
    bool has_retired() const { return !ledger_.retired.empty(); }
    unsigned retired() const { return ledger_.retired.size(); }
    void free_retired(TableChain&& chain) { chain.free_all(policy_); }

    arch::Pa root() const { return policy_.pa(root_); }
    const Geometry& geometry() const { return geometry_; }
    const PteFormat& format() const { return format_; }
    Address limit() const { return Address(geometry_.ipa_limit()); }

private:
    // One entry of a table, as a visitor is shown it.
    struct Entry {
        u64* slot;
        Pte pte;
        unsigned level;
        Address base;
        u64 span() const { return span_of_level(level); }
        Address end() const { return base + span(); }
    };
    struct Cursor {
        Address at;
        Address end;
        u64 budget;
        bool stopped = false;
        bool goes_on() const { return at < end && budget != 0 && !stopped; }
        bool covers(const Entry& e) const { return at == e.base && e.end() <= end; }
        void spend(u64 visits) { budget -= visits < budget ? visits : budget; }
    };
    enum class Step { Next, Again, Stop };  // Again: the entry changed, look at it once more
    struct Visitor;                         // the defaults: descend everywhere, do nothing
    struct Unmapper;
    struct WriteProtector;
    struct Splitter;
    struct Ager;
    template <typename Fn>
    struct Reader;

    // The last-level table of the latest page that map() or walk_locked() came to; forgotten when a table is taken out.
    struct Recent {
        u64 region = ~u64{0};  // ipa / span_of_level(kLastLevel - 1)
        u64* table = nullptr;
    };
    static u64 region_of(Address ipa) { return ipa.raw >> shift_of_level(kLastLevel - 1); }
    void remember(Address ipa, u64* table) const { recent_ = {region_of(ipa), table}; }
    void forget_recent() { recent_ = {}; }

    // stage2/table_walk.hpp
    template <typename V>
    Address visit(Address start, Address end, unsigned budget, V& visitor);
    template <typename V>
    void visit_level(u64* table, unsigned level, Cursor& cursor, V& visitor);
    Entry find_leaf(Address ipa) const;
    Leaf decode(const Entry& e, Address ipa) const;
    u64* child(Pte pte) const { return static_cast<u64*>(policy_.va(pte.output())); }
    u64* slot_of(u64* table, Address ipa, unsigned level) const { return table + geometry_.index(ipa.raw, level); }
    bool sound(Address start, Address end) const {
        return start <= end && end <= limit() && start.aligned(arch::kPageSize) && end.aligned(arch::kPageSize);
    }

    // stage2/table_map.hpp
    template <bool kReplace>
    Status put(Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes);
    Status check(Address ipa, arch::Pa pa, unsigned level, const Attributes& attributes) const;
    void set_leaf(Entry e, Pte now);
    void fill(const Entry& e, Pte now);
    void change_live(Entry e, Pte now);
    void prepare_memory(Pte now, unsigned level, bool new_memory, bool newly_executable);
    void break_entry(const Entry& e, unsigned level);
    bool split_entry(const Entry& e);
    Pte update(u64* slot, u64 clear, u64 set);
    void note(Address base, unsigned level, Pte old, Pte now);

    // stage2/table_range.hpp
    unsigned collect(u64* table, unsigned level, Address base, TableChain& into);
    void free_subtree(u64* table, unsigned level);
    bool is_empty(u64* table, unsigned from) const;

    Policy& policy_;
    Geometry geometry_;
    PteFormat format_;
    u64* root_ = nullptr;
    Ledger ledger_;
    mutable Recent recent_;  // with the lock held only
};

}  // namespace nest::stage2

#include <stage2/table_map.hpp>
#include <stage2/table_range.hpp>
#include <stage2/table_walk.hpp>
