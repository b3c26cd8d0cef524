// SPDX-License-Identifier: GPL-2.0-only
#include "threads.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstddef>

#include <kvm/abi/run.hpp>

namespace nest::fuzz_kvm {
namespace {

thread_local sigjmp_buf the_landing;
thread_local volatile sig_atomic_t over;
thread_local timer_t busy_timer, clock_timer;
std::atomic<pid_t> threads[kThreads];

// The first alarm nearly always ends what it is for. The next ones come slowly: on an emulated CPU a kernel that checks takes
// milliseconds to deliver a signal, and with an alarm every five the thread did nothing else.
constexpr long kAgain = 100'000'000;  // ns

void set_timer(timer_t timer, u64 milliseconds) {
    const long nanoseconds = static_cast<long>(milliseconds) * 1'000'000;
    const itimerspec time{{0, milliseconds ? kAgain : 0}, {0, nanoseconds}};
    timer_settime(timer, 0, &time, nullptr);
}

void on_alarm(int) {
    over = 1;
    if (char* page = here().running)
        page[offsetof(kvm::abi::Run, immediate_exit)] = 1;
}

// The last of a thread is told if the process dies of it.
void on_fault(int, siginfo_t* info, void* context) {
    if (Report* report = here().report) {
        report->fault_address[here().number] = reinterpret_cast<u64>(info->si_addr);
        report->fault_pc[here().number] = static_cast<ucontext_t*>(context)->uc_mcontext.pc;
    }
    siglongjmp(the_landing, 1);
}

}  // namespace

sigjmp_buf* landing() { return &the_landing; }

void install_handlers() {
    struct sigaction action = {};
    action.sa_handler = on_alarm;       // no SA_RESTART: the call ends
    sigaction(SIGALRM, &action, nullptr);
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_NODEFER | SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
}

void register_thread() {
    const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGALRM;
    event._sigev_un._tid = self;
    timer_create(CLOCK_MONOTONIC, &event, &clock_timer);
    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &busy_timer);
    threads[here().number] = self;
}

RunTimer::RunTimer(char* page, u64 busy, u64 at_most) {
    over = 0;
    here().running = page;
    set_timer(busy_timer, busy);
    set_timer(clock_timer, at_most);
}

RunTimer::~RunTimer() { end_step(); }

void end_step() {
    set_timer(busy_timer, 0);
    set_timer(clock_timer, 0);
    here().running = nullptr;
    doing("");
}

bool RunTimer::is_over() { return over; }

void signal_another(Random& r) {
    if (const pid_t other = threads[r.below(kThreads)])
        syscall(SYS_tgkill, getpid(), other, SIGUSR1);
}

}  // namespace nest::fuzz_kvm
