// SPDX-License-Identifier: GPL-2.0-only
// The few atomics that the core needs, on the compiler's builtins (libstdc++'s <atomic> is not freestanding in GCC 12).
// Names say the ordering; there is no default.
#pragma once

namespace nest {

template <typename T>
class Atomic {
public:
    constexpr Atomic() = default;
    constexpr explicit Atomic(T v) : value_(v) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    // In the module by a volatile access, as the kernel's READ_ONCE(): GCC computes the address of a builtin's operand apart,
    // which is an instruction or two at each place.
#ifdef NEST_MODULE
    static_assert(sizeof(T) <= sizeof(void*), "one access");
    T load_relaxed() const { return const_cast<const volatile T&>(value_); }
    void store_relaxed(T v) { const_cast<volatile T&>(value_) = v; }
#else
    T load_relaxed() const { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
    void store_relaxed(T v) { __atomic_store_n(&value_, v, __ATOMIC_RELAXED); }
#endif
    T load_acquire() const { return __atomic_load_n(&value_, __ATOMIC_ACQUIRE); }
    void store_release(T v) { __atomic_store_n(&value_, v, __ATOMIC_RELEASE); }
    T exchange_acq_rel(T v) { return __atomic_exchange_n(&value_, v, __ATOMIC_ACQ_REL); }
    T fetch_add_relaxed(T v) { return __atomic_fetch_add(&value_, v, __ATOMIC_RELAXED); }
    T fetch_sub_acq_rel(T v) { return __atomic_fetch_sub(&value_, v, __ATOMIC_ACQ_REL); }
    T fetch_or_acq_rel(T v) { return __atomic_fetch_or(&value_, v, __ATOMIC_ACQ_REL); }
    T fetch_and_acq_rel(T v) { return __atomic_fetch_and(&value_, v, __ATOMIC_ACQ_REL); }
    // On failure `expected` holds what was found.
    bool compare_exchange_acq_rel(T& expected, T desired) {
        return __atomic_compare_exchange_n(&value_, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }

private:
    T value_{};
};

// Orders all earlier memory accesses of this CPU before all later ones (DMB ISH).
#ifdef __SANITIZE_THREAD__
// ThreadSanitizer knows no fences. A location that all of them write orders at least as much for it.
inline unsigned every_barrier;
inline void memory_barrier() { __atomic_fetch_add(&every_barrier, 1u, __ATOMIC_SEQ_CST); }
#else
inline void memory_barrier() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

}  // namespace nest
