// SPDX-License-Identifier: GPL-2.0-only
// What the tests' checker makes of classes of locks, and of contexts where locks may not be taken; in the kernel lockdep and
// PREEMPT_RT do the same.
#include <base/lock.hpp>
#include <gtest/gtest.h>
#include <tests/fake/lock_order.hpp>
#include <thread>

using namespace nest;

namespace {

TEST(LockOrder, KnowsLocksByTheirClass) {
    Mutex vm{NEST_LOCK_VM}, vgic{NEST_LOCK_VGIC_CONFIG}, other_vm{NEST_LOCK_VM}, other_vgic{NEST_LOCK_VGIC_CONFIG};
    {
        Guard outer(vm);
        Guard inner(vgic);
    }
    // Never seen before, and yet the wrong way round: some other thread may be between its two.
    EXPECT_DEATH(
        {
            Guard outer(other_vgic);
            Guard inner(other_vm);
        },
        "a lock vm taken with a lock vgic_config held: elsewhere it is the other way round");
}

TEST(LockOrder, FollowsChains) {
    Mutex vms{NEST_LOCK_VMS}, vm{NEST_LOCK_VM}, ids{NEST_LOCK_ID_REGISTERS};
    {
        Guard outer(vms);
        Guard inner(vm);
    }
    {
        Guard outer(vm);
        Guard inner(ids);
    }
    EXPECT_DEATH(
        {
            Guard outer(ids);
            Guard inner(vms);
        },
        "a lock vms taken with a lock id_registers held: elsewhere it is the other way round");
}

TEST(LockOrder, RefusesTwoOfOneClass) {
    Mutex one{NEST_LOCK_VM}, two{NEST_LOCK_VM};
    EXPECT_DEATH(
        {
            Guard outer(one);
            Guard inner(two);
        },
        "two of one class");
}

// As KVM's ioctls that need every vCPU out of KVM_RUN take their mutexes.
TEST(LockOrder, LetsManyOfOneClassBeTriedUnderOneLock) {
    Mutex vcpu{NEST_LOCK_VCPU}, vm{NEST_LOCK_VM}, more[3] = {Mutex{NEST_LOCK_VCPU}, Mutex{NEST_LOCK_VCPU}, Mutex{NEST_LOCK_VCPU}};
    Guard inner(vcpu);
    Guard outer(vm);
    for (Mutex& one : more)
        ASSERT_TRUE(one.try_lock_under(vm));
    EXPECT_FALSE(more[0].try_lock_under(vm));
    for (Mutex& one : more)
        one.unlock();
}

TEST(LockOrder, MissesTheLockThatOthersAreTriedUnder) {
    Mutex vm{NEST_LOCK_VM}, vcpu{NEST_LOCK_VCPU};
    EXPECT_DEATH((void)vcpu.try_lock_under(vm), "is not held");
}

TEST(LockContext, RefusesASpinlockWherePreemptRtMustNotSleep) {
    SpinLock mmu{NEST_LOCK_MMU}, ring{NEST_LOCK_COALESCED_RING};
    RawSpinLock vgic{NEST_LOCK_VGIC_SHARED};
    {
        Guard outer(mmu);
        Guard inner(ring);
    }
    EXPECT_DEATH(
        {
            IrqGuard outer(vgic);
            Guard inner(mmu);
        },
        "may sleep on PREEMPT_RT");
    nest_port_preempt_disable();
    EXPECT_DEATH(mmu.lock(), "may sleep on PREEMPT_RT");
    nest_port_preempt_enable();
    const unsigned long flags = nest_port_irq_save();
    EXPECT_DEATH(mmu.lock(), "may sleep on PREEMPT_RT");
    nest_port_irq_restore(flags);
}

TEST(LockContext, RefusesARawSpinlockWithInterruptsOn) {
    RawSpinLock vgic{NEST_LOCK_VGIC_SHARED};
    EXPECT_DEATH(vgic.lock(), "interrupts on");
}

TEST(AssertHeld, KnowsTheThreadThatHasTheLock) {
    SpinLock spin(NEST_LOCK_MMU);
    Mutex mutex(NEST_LOCK_VM);
    RwSemaphore slots(NEST_LOCK_SLOTS);
    EXPECT_DEATH(spin.assert_held(), "spinlock that this needs is not held");
    EXPECT_DEATH(mutex.assert_held(), "mutex that this needs is not held");
    EXPECT_DEATH(slots.assert_held_for_writing(), "rwsem that this needs is not held");
    EXPECT_DEATH(assert_either_held(slots, spin), "rwsem or spinlock that this needs is not held");
    {
        Guard one(mutex);
        ReadGuard two(slots);
        mutex.assert_held();
        assert_either_held(slots, spin);
        EXPECT_DEATH(slots.assert_held_for_writing(), "held for reading");
        EXPECT_DEATH(spin.assert_held(), "not held");
    }
    {
        WriteGuard one(slots);
        slots.assert_held_for_writing();
        assert_either_held(slots, spin);
    }
    Guard one(spin);
    spin.assert_held();
    assert_either_held(slots, spin);
    EXPECT_DEATH(mutex.assert_held(), "not held");
    EXPECT_TRUE(test::lock_held(&spin));
    std::thread([&] {
        EXPECT_FALSE(spin.try_lock_in_tier0());
        EXPECT_FALSE(test::lock_held(&spin)) << "another thread's hold is nobody else's";
    }).join();
}

TEST(AssertHeld, KnowsRawSpinlocks) {
    RawSpinLock raw(NEST_LOCK_VGIC_SHARED);
    EXPECT_DEATH(raw.assert_held(), "raw spinlock that this needs is not held");
    IrqGuard guard(raw);
    raw.assert_held();
}

TEST(AssertHeld, KnowsTierZerosHold) {
    SpinLock spin(NEST_LOCK_MMU);
    ASSERT_TRUE(spin.try_lock_in_tier0());
    spin.assert_held();
    spin.unlock_in_tier0();
    EXPECT_DEATH(spin.assert_held(), "not held");
}

}  // namespace
