// SPDX-License-Identifier: GPL-2.0-only
// Moves a machine to another VM again and again, wherever its guest is at that moment.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "../machine/machine.hpp"

namespace nest::guests {

class Mover {
public:
    // A move takes a hundred times as long as the vCPUs run in between, and their clock does not stop. With more of them a case
    // that waits for the other vCPU would run into its own limit.
    static constexpr unsigned kMoves = 12;

    // A move each time that the vCPUs have run for about `microseconds`; `moved` after each.
    Mover(const File& kvm, Machine& machine, unsigned vcpus, unsigned microseconds, std::function<void()> moved)
        : kvm_(kvm), machine_(machine), vcpus_(vcpus), microseconds_(microseconds), moved_(std::move(moved)) {}

    // kMoves times. A thread of its own; throws what a move throws.
    void run();

    // A vCPU's thread, before its first KVM_RUN. From now on a signal may end its calls.
    void enter(unsigned vcpu);
    // A vCPU's thread, when a signal ended KVM_RUN: waits while a move is under way. False: there was none.
    bool wait_for_move();

private:
    void stop_all();

    const File& kvm_;
    Machine& machine_;
    const unsigned vcpus_, microseconds_;
    const std::function<void()> moved_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool wanted_ = false;               // a move
    unsigned waiting_ = 0;              // threads of vCPUs
    std::vector<pthread_t> threads_;    // of the vCPUs, in the order of their numbers
};

}  // namespace nest::guests
