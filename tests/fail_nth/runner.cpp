// SPDX-License-Identifier: GPL-2.0-only
#include "runner.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "host.hpp"
#include "injector.hpp"

namespace nest::fail_nth {
namespace {

constexpr unsigned kMostFaults = 5000;      // of one call: a counter that never comes to its end is a fault itself
constexpr unsigned kSeconds = 900;          // for a step

std::string name_of(long result) { return result < 0 ? std::strerror(static_cast<int>(-result)) : "success"; }

struct Count {
    unsigned faults = 0, tolerated = 0;
    std::map<int, unsigned> errors;
};

bool as_expected(const Step& step, long result) { return step.expected < 0 ? result == step.expected : result >= step.expected; }

void finish(const Trial& trial, long result) {
    if (result >= 0)
        trial.after(result);
}

// False: the call came to its end before the nth fault.
bool one_fault(const Step& step, unsigned nth, Count& count) {
    const Trial trial = step.make();
    injector().arm(nth);
    const long result = trial.call();
    const bool hit = injector().hit();
    injector().arm(0);
    if (as_expected(step, result)) {
        count.faults += hit;
        count.tolerated += hit;
        finish(trial, result);
        return hit;
    }
    if (!hit)
        throw Failure("undisturbed: " + name_of(result));
    if (result >= 0 || std::find(step.errors.begin(), step.errors.end(), -result) == step.errors.end())
        throw Failure("fault " + std::to_string(nth) + " ends in: " + name_of(result));
    count.faults++;
    count.errors[static_cast<int>(-result)]++;
    const long again = trial.call();
    if (!as_expected(step, again))
        throw Failure("after fault " + std::to_string(nth) + " (" + name_of(result) + ") the same call says: " + name_of(again));
    finish(trial, again);
    return true;
}

// False: the call came to its end before the nth fault at least once.
bool repeated_fault(const Step& step, unsigned nth, unsigned times, Count& count) {
    for (unsigned i = 0; i < times; i++)
        if (!one_fault(step, nth, count))
            return false;
    return true;
}

// The child's part. 0: passed.
int run_in_child(const Step& step, const Faults& faults) {
    unsigned nth = 1;
    try {
        injector();
        Count count;
        while (repeated_fault(step, nth, faults.times, count))
            if ((nth += faults.stride) > kMostFaults)
                throw Failure("no end after so many faults");
        std::printf("PASS %s %u faults, %u of them without effect", step.name, count.faults, count.tolerated);
        for (const auto& [error, times] : count.errors)
            std::printf(", %s %u times", strerrorname_np(error), times);
        std::printf("\n");
        return 0;
    } catch (const std::exception& error) {
        std::printf("FAIL %s %s\n", step.name, error.what());
        return 1;
    }
}

}  // namespace

bool run_step(const Step& step, const Faults& faults) {
    MemoryGroup group(step.name);
    KernelLog log;
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0)
        throw guests::SystemError("fork");
    if (pid == 0) {
        group.enter();
        alarm(kSeconds);
        const int status = run_in_child(step, faults);
        std::fflush(stdout);
        _exit(status);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    bool good = status == 0;
    const auto fail = [&](const std::string& why) {
        std::printf("FAIL %s %s\n", step.name, why.c_str());
        good = false;
    };
    if (WIFSIGNALED(status))
        fail(WTERMSIG(status) == SIGALRM ? "no end in " + std::to_string(kSeconds) + " s" : std::string("ended by ") + strsignal(WTERMSIG(status)));
    if (const std::string line = log.alarm(); !line.empty())
        fail("kernel log: " + line);
    if (const unsigned long left = group.bytes_left())
        fail(std::to_string(left) + " bytes of memory have not come back");
    std::fflush(stdout);
    return good;
}

}  // namespace nest::fail_nth
