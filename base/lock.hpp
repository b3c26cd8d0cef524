// SPDX-License-Identifier: GPL-2.0-only
// Locks of the operating system behind port/port.h, with scoped guards.
#pragma once
#include <port/port.h>

namespace nest {

// assert_held() checks a header's "lock held": unless the calling thread has the lock, the tests abort, and a kernel that
// checks locks warns (Kbuild). In a module for any other kernel assert_held() is no instruction.
#if !defined(NEST_MODULE) || defined(NEST_CHECK_LOCKS)
inline constexpr bool kChecksLocks = true;
#else
inline constexpr bool kChecksLocks = false;
#endif

class RwSemaphore;

// Held for long, or while memory is allocated and freed; a PREEMPT_RT kernel makes it a lock that sleeps. So it is never
// taken in an interrupt or at a context switch, with interrupts or preemption off, or with a RawSpinLock held.
class SpinLock {
public:
    explicit SpinLock(nest_lock_class kind) { nest_port_spin_init(&lock_, kind); }
    SpinLock(const SpinLock&) = delete;
    SpinLock& operator=(const SpinLock&) = delete;
    void lock() { nest_port_spin_lock(&lock_); }
    void unlock() { nest_port_spin_unlock(&lock_); }
    // With a guest's context loaded and interrupts off. False: somebody has the lock, or the kernel is PREEMPT_RT.
    [[nodiscard]] bool try_lock_in_tier0() { return nest_port_spin_trylock_quiet(&lock_); }
    void unlock_in_tier0() { nest_port_spin_unlock_quiet(&lock_); }
    bool needbreak() { return nest_port_spin_needbreak(&lock_); }
    // Any context, tier 0 included.
    void assert_held() const {
        if constexpr (kChecksLocks)
            nest_port_spin_assert_held(&lock_);
    }

private:
    friend void assert_either_held(const RwSemaphore& semaphore, const SpinLock& spinlock);
    nest_spinlock lock_{};
};

// Held for a few instructions, with interrupts off, in any context; nothing is allocated, freed or signalled meanwhile.
class RawSpinLock {
public:
    explicit RawSpinLock(nest_lock_class kind) { nest_port_raw_spin_init(&lock_, kind); }
    RawSpinLock(const RawSpinLock&) = delete;
    RawSpinLock& operator=(const RawSpinLock&) = delete;
    // Interrupts are off already.
    void lock() { nest_port_raw_spin_lock(&lock_); }
    void unlock() { nest_port_raw_spin_unlock(&lock_); }
    [[nodiscard]] unsigned long lock_irqsave() { return nest_port_raw_spin_lock_irqsave(&lock_); }
    void unlock_irqrestore(unsigned long flags) { nest_port_raw_spin_unlock_irqrestore(&lock_, flags); }
    // With a guest's context loaded and interrupts off. False: somebody has the lock.
    [[nodiscard]] bool try_lock_in_tier0() { return nest_port_raw_spin_trylock_quiet(&lock_); }
    void unlock_in_tier0() { nest_port_raw_spin_unlock_quiet(&lock_); }
    // Any context, tier 0 included.
    void assert_held() const {
        if constexpr (kChecksLocks)
            nest_port_raw_spin_assert_held(&lock_);
    }

private:
    nest_raw_spinlock lock_{};
};

class Mutex {
public:
    explicit Mutex(nest_lock_class kind) { nest_port_mutex_init(&lock_, kind); }
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;
    void lock() { nest_port_mutex_lock(&lock_); }
    // For a thread that holds `outer` and takes several mutexes of one class together. False: somebody has this one.
    [[nodiscard]] bool try_lock_under(Mutex& outer) { return nest_port_mutex_trylock_under(&lock_, &outer.lock_); }
    bool lock_killable() { return nest_port_mutex_lock_killable(&lock_) == 0; }
    void unlock() { nest_port_mutex_unlock(&lock_); }
    void assert_held() const {
        if constexpr (kChecksLocks)
            nest_port_mutex_assert_held(&lock_);
    }

private:
    nest_mutex lock_{};
};

// Readers may sleep and nest against other locks; never in atomic context.
class RwSemaphore {
public:
    explicit RwSemaphore(nest_lock_class kind) { nest_port_rwsem_init(&lock_, kind); }
    RwSemaphore(const RwSemaphore&) = delete;
    RwSemaphore& operator=(const RwSemaphore&) = delete;
    void read_lock() { nest_port_rwsem_read_lock(&lock_); }
    void read_unlock() { nest_port_rwsem_read_unlock(&lock_); }
    void write_lock() { nest_port_rwsem_write_lock(&lock_); }
    void write_unlock() { nest_port_rwsem_write_unlock(&lock_); }
    void assert_held_for_writing() const {
        if constexpr (kChecksLocks)
            nest_port_rwsem_assert_held_for_writing(&lock_);
    }

private:
    friend void assert_either_held(const RwSemaphore& semaphore, const SpinLock& spinlock);
    nest_rwsem lock_{};
};

// For data whose writers hold both locks: a reader holds `semaphore`, for reading at least, or `spinlock`.
inline void assert_either_held(const RwSemaphore& semaphore, const SpinLock& spinlock) {
    if constexpr (kChecksLocks)
        nest_port_assert_either_held(&semaphore.lock_, &spinlock.lock_);
}

// Guard: holds any lock that has lock() and unlock().
template <typename L>
class [[nodiscard]] Guard {
public:
    explicit Guard(L& lock) : lock_(lock) { lock_.lock(); }
    ~Guard() { lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

private:
    L& lock_;
};

// IrqGuard: turns interrupts off and holds a RawSpinLock.
class [[nodiscard]] IrqGuard {
public:
    explicit IrqGuard(RawSpinLock& lock) : lock_(lock), flags_(lock.lock_irqsave()) {}
    ~IrqGuard() { lock_.unlock_irqrestore(flags_); }
    IrqGuard(const IrqGuard&) = delete;
    IrqGuard& operator=(const IrqGuard&) = delete;

private:
    RawSpinLock& lock_;
    unsigned long flags_;
};

class [[nodiscard]] ReadGuard {
public:
    explicit ReadGuard(RwSemaphore& lock) : lock_(lock) { lock_.read_lock(); }
    ~ReadGuard() { lock_.read_unlock(); }
    ReadGuard(const ReadGuard&) = delete;
    ReadGuard& operator=(const ReadGuard&) = delete;

private:
    RwSemaphore& lock_;
};

class [[nodiscard]] WriteGuard {
public:
    explicit WriteGuard(RwSemaphore& lock) : lock_(lock) { lock_.write_lock(); }
    ~WriteGuard() { lock_.write_unlock(); }
    WriteGuard(const WriteGuard&) = delete;
    WriteGuard& operator=(const WriteGuard&) = delete;

private:
    RwSemaphore& lock_;
};

}  // namespace nest

// For the core's own invariants only. What a guest or a VMM can bring about has to be an error.
#define NEST_BUG_ON(condition)                                     \
    do {                                                           \
        if (condition) [[unlikely]]                                \
            nest_port_bug(__FILE__, __LINE__, #condition);         \
    } while (0)
