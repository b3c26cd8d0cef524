// SPDX-License-Identifier: GPL-2.0-only
#include "run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

#include "kvm_abi.hpp"
#include "machine.hpp"

namespace nest::guests {
namespace {

volatile sig_atomic_t late;     // the alarm came

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

// Both vCPUs' exits meet here; the lock is held for one exit at a time.
class Judge {
public:
    Judge(const Machine& machine, const std::function<void(Verdict, const std::string&)>& tell)
        : machine_(machine), tell_(tell) {}

    // Answers the MMIO of an exit. True: the case is over.
    bool mmio(kvm_run& run) {
        const std::lock_guard guard(mutex_);
        if (!run.mmio.is_write) {
            std::memset(run.mmio.data, 0, sizeof run.mmio.data);
            std::memcpy(run.mmio.data, &kNothingValue, sizeof kNothingValue);
            return false;
        }
        const u64 offset = run.mmio.phys_addr - kReport;
        u64 value = 0;
        std::memcpy(&value, run.mmio.data, std::min<size_t>(run.mmio.len, sizeof value));
        if (offset == report::kVerdict)
            return verdict(Verdict(value));
        if (offset % 8 == 0 && offset / 8 < std::size(report_))
            report_[offset / 8] = value;
        return false;
    }

    void failed(const std::string& reason) {
        const std::lock_guard guard(mutex_);
        tell_(Verdict::fail, reason);
    }

    bool reached_end() const { return end_; }

private:
    bool verdict(Verdict verdict) {
        alarm(kSecondsPerVerdict);
        const std::string text = machine_.text(report_[report::kText / 8]);
        switch (verdict) {
        case Verdict::end:
            end_ = true;
            return true;
        case Verdict::pass:
            tell_(verdict, "");
            return false;
        case Verdict::skip:
            tell_(verdict, text);
            return false;
        default:
            tell_(Verdict::fail, text + ": got " + hex(report_[report::kGot / 8]) + ", expected " +
                                     hex(report_[report::kExpected / 8]) + " (line " +
                                     std::to_string(report_[report::kLine / 8]) + ")");
            return true;
        }
    }

    const Machine& machine_;
    const std::function<void(Verdict, const std::string&)>& tell_;
    std::mutex mutex_;
    u64 report_[5] = {};
    bool end_ = false;
};

// Runs a vCPU until the case is over; false: it ended otherwise, and why has been told.
void run_vcpu(Vcpu& vcpu, Judge& judge) {
    for (;;) {
        if (!vcpu.run()) {
            if (!late)
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

bool has_virtual_el2() {
    const File kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    return kvm.call(KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", kCapArmEl2) > 0;
}

void run_case(u64 argument, unsigned vcpus, const std::function<void(Verdict, const std::string&)>& tell) {
    struct sigaction action = {};
    action.sa_handler = [](int) {       // no SA_RESTART: it ends KVM_RUN; once more, should it come just before one
        late = 1;
        alarm(1);
    };
    sigaction(SIGALRM, &action, nullptr);
    try {
        const File kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
        Machine machine(kvm, argument);
        Judge judge(machine, tell);
        alarm(kSecondsPerVerdict);
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
