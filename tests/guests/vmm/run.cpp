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
#include "mover.hpp"

namespace nest::guests {
namespace {

// Both vCPUs' exits meet here; the lock is held for one exit at a time.
class Judge {
public:
    Judge(Machine& machine, const Teller& tell) : tell_(tell), report_(machine), requests_(machine) {}

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
        tell_.verdict(Verdict::fail, reason);
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
            tell_.verdict(verdict, "");
            return false;
        case Verdict::skip:
            tell_.verdict(verdict, report_.text());
            return false;
        default:
            tell_.verdict(Verdict::fail, report_.failure());
            return true;
        }
    }

    const Teller& tell_;
    std::mutex mutex_;
    Report report_;
    MemoryRequests requests_;
    bool end_ = false;
};

// Runs a vCPU until the case is over, or until something failed, which has been told then.
void run_vcpu(Machine& machine, unsigned number, Mover& mover, Judge& judge) {
    mover.enter(number);
    for (;;) {
        Vcpu& vcpu = machine.vcpus()[number];
        if (!vcpu.run()) {
            if (mover.wait_for_move() || !is_late())
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

void guarded(Judge& judge, const std::function<void()>& work) {
    try {
        work();
    } catch (const std::exception& error) {
        judge.failed(error.what());
        finish(judge);
    }
}

}  // namespace

void run_case(u64 argument, unsigned vcpus, unsigned move_every, const Teller& tell) {
    try {
        const File kvm = open_kvm();
        Machine machine(kvm, argument, Level::el2, HasIts::yes);
        Judge judge(machine, tell);
        Mover mover(kvm, machine, vcpus, move_every, tell.moved);
        set_time_limit(kSecondsPerVerdict);
        sigset_t alarm_only;
        sigemptyset(&alarm_only);
        sigaddset(&alarm_only, SIGALRM);
        pthread_sigmask(SIG_BLOCK, &alarm_only, nullptr);       // new threads inherit it: the alarm is vCPU 0's
        if (vcpus > 1)
            std::thread([&] {
                guarded(judge, [&] { run_vcpu(machine, 1, mover, judge); });
                finish(judge);
            }).detach();
        if (move_every)
            std::thread([&] {
                guarded(judge, [&] { mover.run(); });
            }).detach();
        pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
        guarded(judge, [&] { run_vcpu(machine, 0, mover, judge); });
        finish(judge);
    } catch (const std::exception& error) {
        tell.verdict(Verdict::fail, error.what());
    }
    _exit(1);
}

}  // namespace nest::guests
