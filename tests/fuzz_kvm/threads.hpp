// SPDX-License-Identifier: GPL-2.0-only
// The threads of a sequence as far as signals go: what ends KVM_RUN, and what an access to memory that another thread has
// taken away does.
#pragma once

#include <setjmp.h>

#include "world.hpp"

namespace nest::fuzz_kvm {

// For the process, before its first thread.
void install_handlers();
// For each thread, in it.
void register_thread();

// Ends this thread's KVM_RUN after so many milliseconds of its CPU's time, or of the clock's if it sleeps, and again and
// again until it is destroyed: by a signal, and by immediate_exit, should the signal come just before the call. `page`:
// kvm_run, or nullptr.
class RunTimer {
public:
    RunTimer(char* page, u64 busy, u64 at_most);
    ~RunTimer();
    RunTimer(const RunTimer&) = delete;
    static bool is_over();
};

void signal_another(Random& r);
// After a landing, too, where no destructor ran.
void end_step();

// Where a thread goes on after SIGSEGV or SIGBUS: `if (sigsetjmp(*landing(), 1) == 0) …`.
sigjmp_buf* landing();

}  // namespace nest::fuzz_kvm
