// SPDX-License-Identifier: GPL-2.0-only
#include "host.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace nest::fail_nth {
namespace {

constexpr unsigned kTries = 100, kPauseUs = 100'000;    // RCU and delayed work take their time
// What stays with the group though nobody has lost it: the rests of pages that objects share, the kernel's caches of names, and
// what KASAN keeps from being used again for a while. What a failed call leaves behind is more once the call is repeated.
constexpr unsigned long kRest = 16 * 4096;
constexpr const char* kAlarms[] = {"BUG", "WARNING", "KASAN", "UBSAN", "ODEBUG", "Unable to handle", "Internal error",
                                   "refcount", "suspicious RCU", "sleeping function", "INFO: "};

void write_word(const std::string& file, const char* word) {
    const guests::File target(open(file.c_str(), O_WRONLY | O_CLOEXEC), file);
    if (write(target.number(), word, std::strlen(word)) < 0)
        throw guests::SystemError(file);
}

unsigned long read_number(const std::string& file) {
    const guests::File source(open(file.c_str(), O_RDONLY | O_CLOEXEC), file);
    char text[32] = {};
    if (read(source.number(), text, sizeof text - 1) < 0)
        throw guests::SystemError(file);
    return std::strtoul(text, nullptr, 10);
}

}  // namespace

MemoryGroup::MemoryGroup(const std::string& name) : folder_("/sys/fs/cgroup/fail-nth-" + name) {
    if (mkdir(folder_.c_str(), 0755) && errno != EEXIST)
        throw guests::SystemError(folder_);
}

MemoryGroup::~MemoryGroup() { rmdir(folder_.c_str()); }

void MemoryGroup::enter() const { write_word(folder_ + "/cgroup.procs", "0"); }

// A limit of nothing takes back what the CPUs keep charged in advance, and the cache of files.
unsigned long MemoryGroup::bytes_left() const {
    unsigned long left = 0;
    for (unsigned i = 0; i < kTries; i++) {
        write_word(folder_ + "/memory.max", "0");
        left = read_number(folder_ + "/memory.current");
        if (left <= kRest)
            return 0;
        usleep(kPauseUs);
    }
    return left;
}

KernelLog::KernelLog() : file_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), "/dev/kmsg") {
    lseek(file_.number(), 0, SEEK_END);
}

std::string KernelLog::alarm() const {
    char record[8192];
    for (;;) {
        const ssize_t got = read(file_.number(), record, sizeof record - 1);
        if (got < 0 && errno == EPIPE)
            continue;       // overtaken by the log: the next read is of its oldest record
        if (got <= 0)
            return {};
        record[got] = 0;
        const char* text = std::strchr(record, ';');
        for (const char* word : kAlarms)
            if (text && std::strstr(text, word))
                return std::string(text + 1, std::strcspn(text + 1, "\n"));
    }
}

}  // namespace nest::fail_nth
