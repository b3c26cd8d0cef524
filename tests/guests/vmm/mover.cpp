// SPDX-License-Identifier: GPL-2.0-only
#include "mover.hpp"

#include <signal.h>
#include <unistd.h>

namespace nest::guests {

void Mover::enter(unsigned vcpu) {
    struct sigaction action = {};
    action.sa_handler = [](int) {};     // no SA_RESTART: it ends KVM_RUN
    sigaction(SIGUSR1, &action, nullptr);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return threads_.size() == vcpu; });
    threads_.push_back(pthread_self());
    changed_.notify_all();
}

void Mover::run() {
    for (unsigned moves = 0; moves < kMoves; moves++) {
        // Not at the same distance from the beginning in each case, which would be at the same place in many.
        usleep(microseconds_ / 2 + moves * 7919 % microseconds_);
        machine_.begin_move();
        stop_all();
        machine_.finish_move(kvm_);
        moved_();
        const std::lock_guard guard(mutex_);
        wanted_ = false;
        changed_.notify_all();
    }
}

// immediate_exit is for the thread that is not in KVM_RUN when the signal comes. It also lets that thread's next KVM_RUN finish
// the MMIO that it has answered, without which the MMIO would be lost.
void Mover::stop_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return threads_.size() == vcpus_ && waiting_ == 0; });
    wanted_ = true;
    for (unsigned i = 0; i < vcpus_; i++) {
        __atomic_store_n(&machine_.vcpus()[i].state().immediate_exit, 1, __ATOMIC_RELAXED);
        pthread_kill(threads_[i], SIGUSR1);
    }
    changed_.wait(lock, [&] { return waiting_ == vcpus_; });
}

bool Mover::wait_for_move() {
    std::unique_lock lock(mutex_);
    if (!wanted_)
        return false;
    waiting_++;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !wanted_; });
    waiting_--;
    changed_.notify_all();
    return true;
}

}  // namespace nest::guests
