// SPDX-License-Identifier: GPL-2.0-only
// The debt that a page-table change leaves: "invalidate these, then free those".
#pragma once
#include <base/lock.hpp>
#include <stage2/invalidation.hpp>
#include <utility>

namespace nest::stage2 {

// Tables taken out of a tree, linked through their own first entry: no memory is needed to free memory. The link is the
// page-aligned address of the next table, so that who still walks this one (hardware before its TLBI, or a lock-free
// Table::walk()) reads the link as an invalid descriptor.
class TableChain {
public:
    TableChain() = default;
    TableChain(TableChain&& other) noexcept
        : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)),
          count_(std::exchange(other.count_, 0)) {}
    TableChain& operator=(TableChain&&) = delete;
    ~TableChain() { NEST_BUG_ON(head_); }

    template <typename Policy>
    void push(Policy& policy, void* table) {
        policy.store(static_cast<u64*>(table), reinterpret_cast<u64>(head_));
        head_ = table;
        tail_ = tail_ ? tail_ : table;
        count_++;
    }
    // Hardware must not walk the tables of `other` any more.
    template <typename Policy>
    void append(Policy& policy, TableChain&& other) {
        if (!other.head_)
            return;
        policy.store(static_cast<u64*>(other.tail_), reinterpret_cast<u64>(head_));
        head_ = std::exchange(other.head_, nullptr);
        tail_ = tail_ ? tail_ : other.tail_;
        count_ += std::exchange(other.count_, 0);
        other.tail_ = nullptr;
    }
    // Gives every table back. Nobody may be walking them.
    template <typename Policy>
    void free_all(Policy& policy) {
        while (head_) {
            void* next = reinterpret_cast<void*>(policy.load(static_cast<u64*>(head_)));
            policy.free_table(std::exchange(head_, next));
        }
        tail_ = nullptr;
        count_ = 0;
    }
    bool empty() const { return !head_; }
    unsigned size() const { return count_; }

private:
    void* head_ = nullptr;
    void* tail_ = nullptr;
    unsigned count_ = 0;
};

// What a Table knows of its debts: how many are open, and the retired tables, which only lock-free walkers may still see.
struct Ledger {
    unsigned open = 0;
    TableChain retired;
};

// The debt of an operation that invalidates late. complete() must come before the lock that guarded the operation is dropped.
// Otherwise: CPU A unmaps a page and drops the lock; CPU B maps another page at the address (without break-before-make, as the
// entry is invalid) while a third CPU still has A's old translation in its TLB, and that one's guest uses the old page.
template <typename Policy>
class [[nodiscard]] Pending {
public:
    using Address = typename Policy::Address;

    Pending(Policy& policy, Ledger& ledger, Address start) : policy_(policy), ledger_(&ledger), resume_(start) {
        ledger.open++;
    }
    Pending(Pending&& other) noexcept
        : policy_(other.policy_), ledger_(std::exchange(other.ledger_, nullptr)), resume_(other.resume_),
          spent_(other.spent_), invalidation_(other.invalidation_), tables_(std::move(other.tables_)) {}
    Pending& operator=(Pending&&) = delete;
    ~Pending() { NEST_BUG_ON(ledger_); }

    // Where the operation stopped: its end, or earlier when its budget was spent. Call again from there.
    Address resume() const { return resume_; }
    const Invalidation& invalidation() const { return invalidation_; }
    // How much of the operation's budget was used.
    unsigned spent() const { return spent_; }
    // Takes over the debt of a later piece of the same operation on the same table.
    void absorb(Pending&& later) {
        NEST_BUG_ON(later.ledger_ != ledger_);
        invalidation_.add(later.invalidation_);
        tables_.append(policy_, std::move(later.tables_));
        resume_ = later.resume_;
        spent_ += later.spent_;
        later.settle();
    }
    // Invalidates, then retires the tables. `Invalidator`: void invalidate(const Invalidation&), broadcast and complete
    // when it returns.
    template <typename Invalidator>
    void complete(Invalidator& invalidator) && {
        NEST_BUG_ON(!ledger_);
        if (!invalidation_.empty())
            invalidator.invalidate(invalidation_);
        ledger_->retired.append(policy_, std::move(tables_));
        settle();
    }

private:
    template <typename>
    friend class Table;

    void settle() {
        ledger_->open--;
        ledger_ = nullptr;
    }

    Policy& policy_;
    Ledger* ledger_;
    Address resume_;
    unsigned spent_ = 0;
    Invalidation invalidation_;
    TableChain tables_;
};

}  // namespace nest::stage2
