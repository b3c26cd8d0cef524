// SPDX-License-Identifier: GPL-2.0-only
// What one sequence works on: descriptors, memory, and how it says that an invariant is broken. All threads of a sequence
// share it without a lock, as racing threads of a VMM would: each slot is an atomic, and what another thread closes or
// unmaps in between is an error of the call, not of ours.
#pragma once

#include <atomic>
#include <cstdarg>

#include "layout.hpp"

namespace nest::fuzz_kvm {

enum class Kind : u8 { system, vm, vcpu, device, event, other };
inline constexpr size_t kKinds = 6, kSlots = 4, kThreads = 4;

// Written by the child, read by the supervisor: memory that both share.
struct Report {
    std::atomic<bool> failed;
    char text[400];
    // For a look at a hang or a death: each thread's step, and the call it is in.
    std::atomic<u32> step[kThreads];
    std::atomic<const char*> doing[kThreads];   // a literal, at the same address in both processes
    // For a look at a death by signal: each thread's last fault of its own, which it may have landed from. 0: none.
    std::atomic<u64> fault_pc[kThreads], fault_address[kThreads];
};

class World {
public:
    World(Report& report, bool verbose);

    // A live descriptor, or one that is none (-1, or of another kind) now and then.
    int pick(Random& r, Kind kind) const;
    int pick_live(Random& r, Kind kind) const;      // -1: there is none
    // Takes over a descriptor; the slot's older one is closed.
    size_t keep(Random& r, Kind kind, int descriptor);
    void close_one(Random& r, Kind kind);
    void close_all();

    // kvm_run of the vCPU in the same slot; nullptr: none.
    std::atomic<char*>& run_page(size_t slot) { return runs_[slot]; }
    int vcpu_in(size_t slot) const { return slots_[size_t(Kind::vcpu)][slot]; }
    // Maps what KVM_GET_VCPU_MMAP_SIZE says of it.
    void map_run(size_t slot);
    void unmap_run(size_t slot);
    size_t run_size() const { return run_size_; }

    char* ram() const { return ram_; }
    char* read_only() const { return read_only_; }
    char* shared() const { return shared_; }
    // An address of this process for an ioctl to work on: mapped, half mapped, not mapped, the kernel's.
    void* user_address(Random& r);

    bool verbose() const { return verbose_; }
    void say(const char* format, ...) __attribute__((format(printf, 2, 3)));
    // The sequence is over: an invariant does not hold.
    [[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));

    // True while a single thread runs: descriptors may be counted.
    std::atomic<bool> alone{true};

private:
    Report& report_;
    const bool verbose_;
    std::atomic<int> slots_[kKinds][kSlots];
    std::atomic<char*> runs_[kSlots] = {};
    size_t run_size_ = 0;
    char *ram_, *read_only_, *shared_;
    int memfd_;
};

// The thread's own part.
struct Here {
    unsigned number = 0;
    Report* report = nullptr;
    char* scratch = nullptr;                // kScratch bytes, and behind them a page that is not mapped
    std::atomic<char*> running{nullptr};    // kvm_run of the vCPU that the thread runs, for the signal handler
};
inline constexpr size_t kScratch = 4 * kPage;
Here& here();
void enter_thread(unsigned number, Report& report);
// What the supervisor says of a thread that hangs.
inline void doing(const char* what) { here().report->doing[here().number].store(what); }

}  // namespace nest::fuzz_kvm
