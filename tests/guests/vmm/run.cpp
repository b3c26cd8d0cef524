// SPDX-License-Identifier: GPL-2.0-only
#include "run.hpp"

#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "../machine/kvm_abi.hpp"
#include "../machine/mmio.hpp"
#include "../machine/time_limit.hpp"
#include "memory_requests.hpp"

namespace nest::guests {
namespace {

// Both vCPUs' exits meet here; the lock is held for one exit at a time.
class Judge {
public:
    Judge(const Machine& machine, const std::function<void(Verdict, const std::string&)>& tell)
        : tell_(tell), report_(machine), requests_(machine) {}

    // Answers the MMIO of an exit. True: the case is over.
    bool mmio(kvm_run& run) {
        const std::lock_guard guard(mutex_);
        if (!run.mmio.is_write) {
            answer_read(run);
            return false;
        }
        const u64 value = value_written(run);
        if (run.mmio.phys_addr == kReport + report::kVerdict)
            return verdict(Verdict(value));
        if (!requests_.take(run.mmio.phys_addr, value))
            report_.take(run.mmio.phys_addr, value);
        return false;
    }

    void failed(const std::string& reason) {
        const std::lock_guard guard(mutex_);
        tell_(Verdict::fail, reason);
    }

    bool reached_end() const { return end_; }

private:
    bool verdict(Verdict verdict) {
        set_time_limit(kSecondsPerVerdict);
        switch (verdict) {
        case Verdict::end:
            end_ = true;
            return true;
        case Verdict::pass:
            tell_(verdict, "");
            return false;
        case Verdict::skip:
            tell_(verdict, report_.text());
            return false;
        default:
            tell_(Verdict::fail, report_.failure());
            return true;
        }
    }

    const std::function<void(Verdict, const std::string&)>& tell_;
    std::mutex mutex_;
    Report report_;
    MemoryRequests requests_;
    bool end_ = false;
};

// Runs a vCPU until the case is over; false: it ended otherwise, and why has been told.
void run_vcpu(Vcpu& vcpu, Judge& judge) {
    for (;;) {
        if (!vcpu.run()) {
            if (!is_late())
                continue;
            judge.failed("no answer in " + std::to_string(kSecondsPerVerdict) + " s (vCPU 0: PC " + hex(vcpu.get(kPc)) +
                         ", PSTATE " + hex(vcpu.get(kPstate)) + ")");
            return;
        }
        kvm_run& run = vcpu.state();
        if (run.exit_reason != KVM_EXIT_MMIO) {
            judge.failed("exit " + std::to_string(run.exit_reason) + " to the VMM, PC " + hex(vcpu.get(kPc)));
            return;
        }
        if (judge.mmio(run))
            return;
    }
}

// A vCPU thread's end is the end of the process: exit() takes the other vCPU's thread down wherever it is.
[[noreturn]] void finish(const Judge& judge) { _exit(judge.reached_end() ? 0 : 1); }

void guarded(Vcpu& vcpu, Judge& judge) {
    try {
        run_vcpu(vcpu, judge);
    } catch (const std::exception& error) {
        judge.failed(error.what());
    }
    finish(judge);
}

}  // namespace

void run_case(u64 argument, unsigned vcpus, const std::function<void(Verdict, const std::string&)>& tell) {
    try {
        Machine machine(open_kvm(), argument);
        Judge judge(machine, tell);
        set_time_limit(kSecondsPerVerdict);
        if (vcpus > 1) {
            sigset_t alarm_only;
            sigemptyset(&alarm_only);
            sigaddset(&alarm_only, SIGALRM);
            pthread_sigmask(SIG_BLOCK, &alarm_only, nullptr);       // the new thread inherits it: the alarm is vCPU 0's
            std::thread(guarded, std::ref(machine.vcpus()[1]), std::ref(judge)).detach();
            pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
        }
        guarded(machine.vcpus()[0], judge);
    } catch (const std::exception& error) {
        tell(Verdict::fail, error.what());
    }
    _exit(1);
}

}  // namespace nest::guests
