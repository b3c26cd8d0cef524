// SPDX-License-Identifier: GPL-2.0-only
// The VM's mmu lock for code that runs in tier 0 as well as in tier 1.
#pragma once
#include <base/lock.hpp>
#include <vhe/next.hpp>

namespace nest::kvm {

using vhe::Tier;

// In tier 1 it waits. In tier 0 it only tries: other CPUs hold the lock with interrupts on while they do real work.
class [[nodiscard]] TierGuard {
public:
    TierGuard(SpinLock& lock, Tier tier) : lock_(lock), in_tier0_(tier == Tier::k0), held_(true) {
        if (in_tier0_)
            held_ = lock.try_lock_in_tier0();
        else
            lock.lock();
    }
    ~TierGuard() {
        if (in_tier0_ && held_)
            lock_.unlock_in_tier0();
        else if (!in_tier0_)
            lock_.unlock();
    }
    TierGuard(const TierGuard&) = delete;
    TierGuard& operator=(const TierGuard&) = delete;
    explicit operator bool() const { return held_; }

private:
    SpinLock& lock_;
    bool in_tier0_;
    bool held_;
};

}  // namespace nest::kvm
