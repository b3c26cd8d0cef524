// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace nest::fuzz_kvm {
namespace {

// As tools/nestlab/tests/judge.py has them, and what a kernel for debugging adds.
constexpr std::string_view kAlarms[] = {
    "BUG", "WARNING", "lockup", "refcount", "Unable to handle", "Internal error", "KASAN", "UBSAN", "KCSAN", "Oops",
    "possible circular locking", "possible recursive locking", "inconsistent lock state", "bad unlock balance", "lock held when",
    "suspicious RCU usage", "scheduling while atomic", "sleeping function called", "corruption", "stalls on", "blocked for more than",
    "unreferenced object", "Bad page", "ODEBUG", "bad: scheduling",
};

}  // namespace

KernelLog::KernelLog() : file_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) { lseek(file_, 0, SEEK_END); }
KernelLog::~KernelLog() { close(file_); }

std::optional<std::string> KernelLog::alarm() {
    std::optional<std::string> found;
    char record[2048];
    for (;;) {
        const ssize_t got = read(file_, record, sizeof record);
        if (got < 0 && errno == EPIPE)
            continue;       // records were lost; the next one is there
        if (got <= 0)
            return found;
        std::string_view line(record, static_cast<size_t>(got));
        line.remove_prefix(std::min(line.find(';') + 1, line.size()));
        line = line.substr(0, line.find('\n'));
        for (const std::string_view alarm : kAlarms)
            if (!found && line.find(alarm) != line.npos)
                found = line;
    }
}

void KernelLog::rearm() {
    const int file = open("/sys/kernel/debug/clear_warn_once", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    [[maybe_unused]] const ssize_t written = write(file, "1", 1);
    close(file);
}

}  // namespace nest::fuzz_kvm
