// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <new>

namespace nest::fuzz_kvm {
namespace {

Report& make_report() {
    void* at = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *new (at) Report{};
}

int module_references() {
    std::ifstream file("/sys/module/nestvisor/refcnt");
    int count = -1;
    file >> count;
    return count;
}

// True: it has ended.
bool wait_for(int process, int milliseconds) {
    pollfd wanted{process, POLLIN, 0};
    return poll(&wanted, 1, milliseconds) > 0;
}

// What each thread of it did last, for whoever reads the log.
void describe_threads(const Report& report) {
    for (unsigned i = 0; i < kThreads; i++) {
        if (const char* doing = report.doing[i].load(); doing && *doing)
            std::printf("  thread %u: step %u, in %s\n", i, report.step[i].load(), doing);
        if (const u64 pc = report.fault_pc[i].load())
            std::printf("  thread %u: its last fault was at PC 0x%llx, of 0x%llx\n", i, static_cast<unsigned long long>(pc),
                        static_cast<unsigned long long>(report.fault_address[i].load()));
    }
}

void describe_hang(pid_t child, const Report& report) {
    describe_threads(report);
    std::error_code error;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child) + "/task", error))
        for (const char* name : {"wchan", "stack"}) {
            std::ifstream file(task.path() / name);
            for (std::string line; std::getline(file, line);)
                std::printf("  %s: %s\n", task.path().filename().c_str(), line.c_str());
        }
}

}  // namespace

Supervisor::Supervisor() : report_(make_report()), references_(module_references()) {}

std::optional<std::string> Supervisor::run(const Sequence& sequence, const std::vector<size_t>& kept, bool verbose) {
    report_.failed = false;
    for (auto& doing : report_.doing)
        doing = nullptr;
    for (auto& pc : report_.fault_pc)
        pc = 0;
    const pid_t child = fork();
    if (child < 0)
        return "fork";
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_sequence(sequence, kept, report_, verbose);
    }
    const int process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    std::optional<std::string> failure;
    if (sequence.kill_after && !wait_for(process, static_cast<int>(sequence.kill_after / 1000)))
        kill(child, SIGKILL);
    if (!wait_for(process, kWatchdogSeconds * 1000)) {
        describe_hang(child, report_);
        kill(child, SIGKILL);
        failure = wait_for(process, kWatchdogSeconds * 1000) ? "a hang that SIGKILL ends" : "a hang that SIGKILL does not end";
    }
    int status = 0;
    if (!failure || failure->ends_with("ends"))
        waitpid(child, &status, 0);
    close(process);
    if (!failure && report_.failed)
        failure = report_.text;
    if (!failure && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        describe_threads(report_);
        failure = "the process died by signal " + std::to_string(WTERMSIG(status));
    }
    if (!failure && references_ >= 0) {
        for (int i = 0; i < 500 && module_references() != references_; i++)
            usleep(10'000);
        if (const int now = module_references(); now != references_)
            failure = std::to_string(now - references_) + " references to the module are left";
    }
    if (const auto alarm = log_.alarm())
        failure = "kernel log: " + *alarm;
    return failure;
}

}  // namespace nest::fuzz_kvm
