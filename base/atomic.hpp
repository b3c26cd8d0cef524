// SPDX-License-Identifier: GPL-2.0-only
// The few atomics that the core needs, on the compiler's builtins (libstdc++'s <atomic> is not freestanding in GCC 12).
// Names say the ordering; there is no default.
#pragma once
#include <type_traits>

namespace nest {

namespace detail {

// What Atomic and AtomicRef can do; Self::word() is where.
template <typename Self, typename T>
class AtomicOperations {
public:
    // In the module by a volatile access, as the kernel's READ_ONCE(): GCC computes the address of a builtin's operand apart,
    // which is an instruction or two at each place.
#ifdef NEST_MODULE
    static_assert(sizeof(T) <= sizeof(void*), "one access");
    T load_relaxed() const { return const_cast<const volatile T&>(word()); }
    void store_relaxed(T v) { const_cast<volatile T&>(word()) = v; }
#else
    T load_relaxed() const { return __atomic_load_n(&word(), __ATOMIC_RELAXED); }
    void store_relaxed(T v) { __atomic_store_n(&word(), v, __ATOMIC_RELAXED); }
#endif
    T load_acquire() const { return __atomic_load_n(&word(), __ATOMIC_ACQUIRE); }
    void store_release(T v) { __atomic_store_n(&word(), v, __ATOMIC_RELEASE); }
    T exchange_acq_rel(T v) { return __atomic_exchange_n(&word(), v, __ATOMIC_ACQ_REL); }
    T fetch_add_relaxed(T v) { return __atomic_fetch_add(&word(), v, __ATOMIC_RELAXED); }
    T fetch_sub_acq_rel(T v) { return __atomic_fetch_sub(&word(), v, __ATOMIC_ACQ_REL); }
    T fetch_or_release(T v) { return __atomic_fetch_or(&word(), v, __ATOMIC_RELEASE); }
    T fetch_or_acq_rel(T v) { return __atomic_fetch_or(&word(), v, __ATOMIC_ACQ_REL); }
    T fetch_and_acq_rel(T v) { return __atomic_fetch_and(&word(), v, __ATOMIC_ACQ_REL); }
    // On failure `expected` holds what was found.
    bool compare_exchange_acq_rel(T& expected, T desired) {
        return __atomic_compare_exchange_n(&word(), &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }

private:
    decltype(auto) word() { return static_cast<Self*>(this)->word(); }
    decltype(auto) word() const { return static_cast<const Self*>(this)->word(); }
};

}  // namespace detail

template <typename T>
class Atomic : public detail::AtomicOperations<Atomic<T>, T> {
public:
    constexpr Atomic() = default;
    constexpr explicit Atomic(T v) : value_(v) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    // In the module by a volatile access, as the kernel's READ_ONCE(): for a builtin, GCC computes the operand's address
    // separately, which costs an instruction or two at each place.
    // On failure `expected` holds what was found.
private:
    friend detail::AtomicOperations<Atomic, T>;
    T& word() { return value_; }
    const T& word() const { return value_; }

    T value_{};
};

// An aligned word that cannot be declared as an Atomic, because it lies in the memory of a guest or of the VMM, or goes to user
// space as it is: AtomicRef(word).load_acquire(). A const word can only be loaded.
template <typename T>
class AtomicRef : public detail::AtomicOperations<AtomicRef<T>, std::remove_const_t<T>> {
public:
    explicit AtomicRef(T& word) : word_(word) {}

private:
    friend detail::AtomicOperations<AtomicRef, std::remove_const_t<T>>;
    T& word() const { return word_; }

    T& word_;
};

// Orders all earlier memory accesses of this CPU before all later ones (DMB ISH).
#ifdef __SANITIZE_THREAD__
// ThreadSanitizer knows no fences. For it, writes of all barriers to one location order at least as much.
inline unsigned every_barrier;
inline void memory_barrier() { __atomic_fetch_add(&every_barrier, 1u, __ATOMIC_SEQ_CST); }
#else
inline void memory_barrier() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

}  // namespace nest
