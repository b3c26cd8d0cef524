// SPDX-License-Identifier: GPL-2.0-only
// linux/port.h on the host: locks, each a pthread object inside the opaque storage. They are never destroyed, which
// Linux's need not be either.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <pthread.h>
#include <tests/fake/port.hpp>

using namespace nest::test;

namespace {

static_assert(sizeof(pthread_mutex_t) <= sizeof(nest_spinlock) && sizeof(pthread_mutex_t) <= sizeof(nest_mutex));
static_assert(sizeof(pthread_rwlock_t) <= sizeof(nest_rwsem));
pthread_mutex_t* pthread_of(nest_spinlock* l) { return reinterpret_cast<pthread_mutex_t*>(l->storage); }
pthread_mutex_t* pthread_of(nest_mutex* l) { return reinterpret_cast<pthread_mutex_t*>(l->storage); }
pthread_rwlock_t* pthread_of(nest_rwsem* l) { return reinterpret_cast<pthread_rwlock_t*>(l->storage); }

void init_checked(void* storage) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);  // a self-deadlock is reported, not hung on
    pthread_mutex_init(::new (storage) pthread_mutex_t, &attributes);
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

}  // namespace

extern "C" {

void nest_port_spin_init(struct nest_spinlock* lock) { init_checked(lock->storage); }
void nest_port_spin_lock(struct nest_spinlock* lock) {
    must(pthread_mutex_lock(pthread_of(lock)), "spinlock taken twice by one thread, or not initialised");
    thread_context().spinlocks++;
}
void nest_port_spin_unlock(struct nest_spinlock* lock) {
    thread_context().spinlocks--;
    must(pthread_mutex_unlock(pthread_of(lock)), "spinlock released by a thread that does not hold it");
}
unsigned long nest_port_spin_lock_irqsave(struct nest_spinlock* lock) {
    unsigned long flags = nest_port_irq_save();
    nest_port_spin_lock(lock);
    return flags;
}
void nest_port_spin_unlock_irqrestore(struct nest_spinlock* lock, unsigned long flags) {
    nest_port_spin_unlock(lock);
    nest_port_irq_restore(flags);
}
bool nest_port_spin_trylock_quiet(struct nest_spinlock* lock) {
    if (pthread_mutex_trylock(pthread_of(lock)))
        return false;
    thread_context().spinlocks++;
    return true;
}
void nest_port_spin_unlock_quiet(struct nest_spinlock* lock) { nest_port_spin_unlock(lock); }
bool nest_port_spin_needbreak(struct nest_spinlock*) { return port().spin_needbreak; }

void nest_port_mutex_init(struct nest_mutex* lock) { init_checked(lock->storage); }
void nest_port_mutex_lock(struct nest_mutex* lock) {
    might_sleep(__func__);
    must(pthread_mutex_lock(pthread_of(lock)), "mutex taken twice by one thread, or not initialised");
}
bool nest_port_mutex_trylock(struct nest_mutex* lock) { return pthread_mutex_trylock(pthread_of(lock)) == 0; }
int nest_port_mutex_lock_killable(struct nest_mutex* lock) {
    nest_port_mutex_lock(lock);
    return 0;
}
void nest_port_mutex_unlock(struct nest_mutex* lock) {
    must(pthread_mutex_unlock(pthread_of(lock)), "mutex released by a thread that does not hold it");
}
void nest_port_rwsem_init(struct nest_rwsem* lock) {
    pthread_rwlock_init(::new (static_cast<void*>(lock->storage)) pthread_rwlock_t, nullptr);
}
void nest_port_rwsem_read_lock(struct nest_rwsem* lock) {
    might_sleep(__func__);
    must(pthread_rwlock_rdlock(pthread_of(lock)), "rwsem read lock");
}
void nest_port_rwsem_read_unlock(struct nest_rwsem* lock) { pthread_rwlock_unlock(pthread_of(lock)); }
void nest_port_rwsem_write_lock(struct nest_rwsem* lock) {
    might_sleep(__func__);
    must(pthread_rwlock_wrlock(pthread_of(lock)), "rwsem taken twice by one thread");
}
void nest_port_rwsem_write_unlock(struct nest_rwsem* lock) { pthread_rwlock_unlock(pthread_of(lock)); }

}  // extern "C"
