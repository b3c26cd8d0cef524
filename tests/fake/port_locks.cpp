// SPDX-License-Identifier: GPL-2.0-only
// port/port.h on the host: locks, each a pthread object inside the opaque storage. They are never destroyed, which
// Linux's need not be either.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <tests/fake/lock_order.hpp>
#include <tests/fake/port.hpp>

using namespace nest::test;

namespace {

struct Plain {
    pthread_mutex_t mutex;
    nest_lock_class kind;
};
struct Shared {
    pthread_rwlock_t lock;
    nest_lock_class kind;
};
static_assert(sizeof(Plain) <= sizeof(nest_spinlock) && sizeof(Plain) <= sizeof(nest_mutex) && sizeof(Shared) <= sizeof(nest_rwsem));
Plain& plain(nest_spinlock* l) { return *reinterpret_cast<Plain*>(l->storage); }
Plain& plain(nest_raw_spinlock* l) { return *reinterpret_cast<Plain*>(l->storage); }
Plain& plain(nest_mutex* l) { return *reinterpret_cast<Plain*>(l->storage); }
Shared& shared(nest_rwsem* l) { return *reinterpret_cast<Shared*>(l->storage); }

void init_checked(void* storage, nest_lock_class kind) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);  // a self-deadlock is reported, not hung on
    auto* lock = ::new (storage) Plain{{}, kind};
    pthread_mutex_init(&lock->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

[[noreturn]] void fail(const char* why) {
    std::fprintf(stderr, "fake port: %s\n", why);
    std::abort();
}
void must(int error, const char* what) {
    if (error)
        fail(what);
}

void must_hold(const void* lock, const char* kind) {
    if (lock_held(lock))
        return;
    std::fprintf(stderr, "fake port: the %s that this needs is not held\n", kind);
    std::abort();
}

void take(Plain& lock, const char* error) {
    check_lock_order(lock.kind);
    must(pthread_mutex_lock(&lock.mutex), error);
    lock_taken(&lock, lock.kind);
}
bool try_take(Plain& lock) {
    if (pthread_mutex_trylock(&lock.mutex))
        return false;
    lock_taken(&lock, lock.kind);
    return true;
}
void give(Plain& lock, const char* error) {
    lock_released(&lock);
    must(pthread_mutex_unlock(&lock.mutex), error);
}

}  // namespace

extern "C" {

void nest_port_spin_init(struct nest_spinlock* lock, enum nest_lock_class kind) { init_checked(lock->storage, kind); }
void nest_port_spin_lock(struct nest_spinlock* lock) {
    might_sleep_on_rt(__func__);
    take(plain(lock), "spinlock taken twice by one thread, or not initialised");
    thread_context().spinlocks++;
    thread_context().spinlocks_taken++;
}
void nest_port_spin_unlock(struct nest_spinlock* lock) {
    thread_context().spinlocks--;
    give(plain(lock), "spinlock released by a thread that does not hold it");
}
bool nest_port_spin_trylock_quiet(struct nest_spinlock* lock) {
    if (!try_take(plain(lock)))
        return false;
    thread_context().spinlocks++;
    return true;
}
void nest_port_spin_unlock_quiet(struct nest_spinlock* lock) { nest_port_spin_unlock(lock); }

void nest_port_raw_spin_init(struct nest_raw_spinlock* lock, enum nest_lock_class kind) { init_checked(lock->storage, kind); }
void nest_port_raw_spin_lock(struct nest_raw_spinlock* lock) {
    if (!thread_context().irqs_off)
        fail("raw spinlock taken with interrupts on, whose handlers may want it");
    take(plain(lock), "raw spinlock taken twice by one thread, or not initialised");
    thread_context().raw_spinlocks++;
}
void nest_port_raw_spin_unlock(struct nest_raw_spinlock* lock) {
    thread_context().raw_spinlocks--;
    give(plain(lock), "raw spinlock released by a thread that does not hold it");
}
unsigned long nest_port_raw_spin_lock_irqsave(struct nest_raw_spinlock* lock) {
    unsigned long flags = nest_port_irq_save();
    nest_port_raw_spin_lock(lock);
    return flags;
}
void nest_port_raw_spin_unlock_irqrestore(struct nest_raw_spinlock* lock, unsigned long flags) {
    nest_port_raw_spin_unlock(lock);
    nest_port_irq_restore(flags);
}
bool nest_port_raw_spin_trylock_quiet(struct nest_raw_spinlock* lock) {
    if (!try_take(plain(lock)))
        return false;
    thread_context().raw_spinlocks++;
    return true;
}
void nest_port_raw_spin_unlock_quiet(struct nest_raw_spinlock* lock) { nest_port_raw_spin_unlock(lock); }

bool nest_port_spin_needbreak(struct nest_spinlock*) { return port().spin_needbreak; }

void nest_port_mutex_init(struct nest_mutex* lock, enum nest_lock_class kind) { init_checked(lock->storage, kind); }
void nest_port_mutex_lock(struct nest_mutex* lock) {
    might_sleep(__func__);
    if (port().on_mutex_lock)
        port().on_mutex_lock(lock);
    take(plain(lock), "mutex taken twice by one thread, or not initialised");
}
bool nest_port_mutex_trylock_under(struct nest_mutex* lock, struct nest_mutex* outer) {
    if (!lock_held(&plain(outer)))
        fail("the lock that others are tried under is not held");
    return try_take(plain(lock));
}
int nest_port_mutex_lock_killable(struct nest_mutex* lock) {
    nest_port_mutex_lock(lock);
    return 0;
}
void nest_port_mutex_unlock(struct nest_mutex* lock) { give(plain(lock), "mutex released by a thread that does not hold it"); }
void nest_port_rwsem_init(struct nest_rwsem* lock, enum nest_lock_class kind) {
    auto* made = ::new (static_cast<void*>(lock->storage)) Shared{{}, kind};
    pthread_rwlock_init(&made->lock, nullptr);
}
void nest_port_rwsem_read_lock(struct nest_rwsem* lock) {
    might_sleep(__func__);
    check_lock_order(shared(lock).kind);
    must(pthread_rwlock_rdlock(&shared(lock).lock), "rwsem read lock");
    lock_taken(lock, shared(lock).kind);
}
void nest_port_rwsem_read_unlock(struct nest_rwsem* lock) {
    lock_released(lock);
    pthread_rwlock_unlock(&shared(lock).lock);
}
void nest_port_rwsem_write_lock(struct nest_rwsem* lock) {
    might_sleep(__func__);
    check_lock_order(shared(lock).kind);
    must(pthread_rwlock_wrlock(&shared(lock).lock), "rwsem taken twice by one thread");
    lock_taken(lock, shared(lock).kind);
}
void nest_port_rwsem_write_unlock(struct nest_rwsem* lock) { nest_port_rwsem_read_unlock(lock); }

void nest_port_spin_assert_held(const struct nest_spinlock* lock) { must_hold(lock->storage, "spinlock"); }
void nest_port_raw_spin_assert_held(const struct nest_raw_spinlock* lock) { must_hold(lock->storage, "raw spinlock"); }
void nest_port_mutex_assert_held(const struct nest_mutex* lock) { must_hold(lock->storage, "mutex"); }
void nest_port_rwsem_assert_held_for_writing(const struct nest_rwsem* lock) {
    must_hold(lock->storage, "rwsem");
    // A reader's hold would let us have the lock for reading once more.
    auto& rwlock = const_cast<pthread_rwlock_t&>(reinterpret_cast<const Shared*>(lock->storage)->lock);
    if (pthread_rwlock_tryrdlock(&rwlock) == 0) {
        pthread_rwlock_unlock(&rwlock);
        fail("the rwsem that this needs for writing is held for reading");
    }
}
void nest_port_assert_either_held(const struct nest_rwsem* rwsem, const struct nest_spinlock* lock) {
    if (!lock_held(rwsem->storage))
        must_hold(lock->storage, "rwsem or spinlock");
}

}  // extern "C"
