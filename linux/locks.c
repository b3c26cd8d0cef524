// SPDX-License-Identifier: GPL-2.0-only
/* Linux's locks in the core's opaque storage. */
#include <linux/mutex.h>
#include <port/port.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

static_assert(sizeof(spinlock_t) <= sizeof(struct nest_spinlock));
static_assert(sizeof(raw_spinlock_t) <= sizeof(struct nest_raw_spinlock));
static_assert(sizeof(struct mutex) <= sizeof(struct nest_mutex));
static_assert(sizeof(struct rw_semaphore) <= sizeof(struct nest_rwsem));

/* A key for each class, so that lockdep learns the order of the core's locks and not that of their common constructor. */
static struct lock_class_key keys[NEST_LOCK_CLASSES];
static const char *const names[] = {
#define NEST_LOCK_CLASS(enumerator, name) [NEST_LOCK_##enumerator] = "nest_" #name,
#include <port/lock_classes.def>
#undef NEST_LOCK_CLASS
};

static spinlock_t *spin(struct nest_spinlock *lock)
{
	return (spinlock_t *)lock->storage;
}

static raw_spinlock_t *raw_spin(struct nest_raw_spinlock *lock)
{
	return (raw_spinlock_t *)lock->storage;
}

static struct mutex *mutex(struct nest_mutex *lock)
{
	return (struct mutex *)lock->storage;
}

static struct rw_semaphore *rwsem(struct nest_rwsem *lock)
{
	return (struct rw_semaphore *)lock->storage;
}

void nest_port_spin_init(struct nest_spinlock *lock, enum nest_lock_class kind)
{
	spin_lock_init(spin(lock));
	lockdep_set_class_and_name(spin(lock), &keys[kind], names[kind]);
}

void nest_port_spin_lock(struct nest_spinlock *lock)
{
	spin_lock(spin(lock));
}

void nest_port_spin_unlock(struct nest_spinlock *lock)
{
	spin_unlock(spin(lock));
}

/*
 * Takes the lock word alone, without lockdep and tracing. Interrupts are off, so that nothing preempts the holder. PREEMPT_RT's
 * spinlock is an rtmutex, whose owner the scheduler may have to boost: not possible while a guest's context is loaded.
 */
#ifdef CONFIG_PREEMPT_RT
noinstr bool nest_port_spin_trylock_quiet(struct nest_spinlock *lock)
{
	return false;
}

noinstr void nest_port_spin_unlock_quiet(struct nest_spinlock *lock)
{
}
#else
noinstr bool nest_port_spin_trylock_quiet(struct nest_spinlock *lock)
{
	return arch_spin_trylock(&((spinlock_t *)lock->storage)->rlock.raw_lock);
}

noinstr void nest_port_spin_unlock_quiet(struct nest_spinlock *lock)
{
	arch_spin_unlock(&((spinlock_t *)lock->storage)->rlock.raw_lock);
}
#endif

void nest_port_raw_spin_init(struct nest_raw_spinlock *lock, enum nest_lock_class kind)
{
	raw_spin_lock_init(raw_spin(lock));
	lockdep_set_class_and_name(raw_spin(lock), &keys[kind], names[kind]);
}

unsigned long nest_port_raw_spin_lock_irqsave(struct nest_raw_spinlock *lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(raw_spin(lock), flags);
	return flags;
}

void nest_port_raw_spin_unlock_irqrestore(struct nest_raw_spinlock *lock, unsigned long flags)
{
	raw_spin_unlock_irqrestore(raw_spin(lock), flags);
}

void nest_port_raw_spin_lock(struct nest_raw_spinlock *lock)
{
	raw_spin_lock(raw_spin(lock));
}

void nest_port_raw_spin_unlock(struct nest_raw_spinlock *lock)
{
	raw_spin_unlock(raw_spin(lock));
}

noinstr bool nest_port_raw_spin_trylock_quiet(struct nest_raw_spinlock *lock)
{
	return arch_spin_trylock(&((raw_spinlock_t *)lock->storage)->raw_lock);
}

noinstr void nest_port_raw_spin_unlock_quiet(struct nest_raw_spinlock *lock)
{
	arch_spin_unlock(&((raw_spinlock_t *)lock->storage)->raw_lock);
}

bool nest_port_spin_needbreak(struct nest_spinlock *lock)
{
	return need_resched() || spin_needbreak(spin(lock));
}

void nest_port_mutex_init(struct nest_mutex *lock, enum nest_lock_class kind)
{
	mutex_init(mutex(lock));
	lockdep_set_class_and_name(mutex(lock), &keys[kind], names[kind]);
}

void nest_port_mutex_lock(struct nest_mutex *lock)
{
	mutex_lock(mutex(lock));
}

/*
 * Lockdep remembers at most 48 locks of a task (MAX_LOCK_DEPTH), and a VM may have more vCPUs. Locks of one class under one
 * `outer` (nest_lock) count as one, but lockdep knows that for waiting acquisitions only. So the attempt is hidden from
 * lockdep, and a successful one is reported as if it had waited.
 */
bool nest_port_mutex_trylock_under(struct nest_mutex *lock, struct nest_mutex *outer)
{
	bool taken;

	lockdep_off();
	taken = mutex_trylock(mutex(lock));
	lockdep_on();
	if (taken)
		mutex_acquire_nest(&mutex(lock)->dep_map, 0, 1, &mutex(outer)->dep_map, _RET_IP_);
	return taken;
}

int nest_port_mutex_lock_killable(struct nest_mutex *lock)
{
	return mutex_lock_killable(mutex(lock));
}

void nest_port_mutex_unlock(struct nest_mutex *lock)
{
	mutex_unlock(mutex(lock));
}

void nest_port_rwsem_init(struct nest_rwsem *lock, enum nest_lock_class kind)
{
	init_rwsem(rwsem(lock));
	lockdep_set_class_and_name(rwsem(lock), &keys[kind], names[kind]);
}

void nest_port_rwsem_read_lock(struct nest_rwsem *lock)
{
	/*
	 * Mostly nobody writes. down_read() would ask first whether the CPU is wanted otherwise, as the run loop does before each
	 * entry. A lock that is only tried teaches lockdep no order.
	 */
	if (IS_ENABLED(CONFIG_LOCKDEP) || !down_read_trylock(rwsem(lock)))
		down_read(rwsem(lock));
}

void nest_port_rwsem_read_unlock(struct nest_rwsem *lock)
{
	up_read(rwsem(lock));
}

void nest_port_rwsem_write_lock(struct nest_rwsem *lock)
{
	down_write(rwsem(lock));
}

void nest_port_rwsem_write_unlock(struct nest_rwsem *lock)
{
	up_write(rwsem(lock));
}

/*
 * Called on kernels with CONFIG_LOCKDEP only, also in tier 0: so a spinlock is asked by its lock word alone, and without spin()
 * or raw_spin(), which with KASAN are calls of functions that can be traced.
 */
static noinstr bool anybody_has(const struct nest_spinlock *lock)
{
	return spin_is_locked((spinlock_t *)lock->storage);
}

noinstr void nest_port_spin_assert_held(const struct nest_spinlock *lock)
{
	WARN_ON_ONCE(!anybody_has(lock));
}

noinstr void nest_port_raw_spin_assert_held(const struct nest_raw_spinlock *lock)
{
	WARN_ON_ONCE(!raw_spin_is_locked((raw_spinlock_t *)lock->storage));
}

void nest_port_mutex_assert_held(const struct nest_mutex *lock)
{
	lockdep_assert_held(mutex((struct nest_mutex *)lock));
}

void nest_port_rwsem_assert_held_for_writing(const struct nest_rwsem *lock)
{
	lockdep_assert_held_write(rwsem((struct nest_rwsem *)lock));
}

void nest_port_assert_either_held(const struct nest_rwsem *sem, const struct nest_spinlock *lock)
{
	if (!anybody_has(lock))
		lockdep_assert_held(rwsem((struct nest_rwsem *)sem));
}
