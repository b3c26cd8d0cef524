// SPDX-License-Identifier: GPL-2.0-only
#include "injector.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace nest::fail_nth {
namespace {

constexpr const char* kCounter = "/proc/thread-self/fail-nth";

bool set(const char* file, const char* value) {
    const int fd = open((std::string("/sys/kernel/debug/") + file).c_str(), O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, value, std::strlen(value)) > 0;
    if (fd >= 0)
        close(fd);
    return done;
}

}  // namespace

// By itself failslab spares what may sleep, and fail_page_alloc that, single pages and user memory.
bool Injector::prepare() {
    return set("failslab/ignore-gfp-wait", "N") && set("failslab/verbose", "0") &&
           set("fail_page_alloc/ignore-gfp-wait", "N") && set("fail_page_alloc/ignore-gfp-highmem", "N") &&
           set("fail_page_alloc/min-order", "0") && set("fail_page_alloc/verbose", "0") &&
           set("fail_usercopy/verbose", "0") && access(kCounter, W_OK) == 0;
}

Injector::Injector() : counter_(open(kCounter, O_RDWR | O_CLOEXEC), kCounter) {}

void Injector::arm(unsigned nth) {
    left_ = nth;
    hit_ = false;
}

void Injector::start() {
    const std::string text = std::to_string(left_);
    if (pwrite(counter_.number(), text.data(), text.size(), 0) < 0)
        throw guests::SystemError("arming fail-nth");
}

// Reading and writing the counter copies as well, and so counts down: a read that fails was the fault still to come, when
// the counter stood at 1; and the write that stops the counter may be the fault.
void Injector::stop() {
    char text[16] = {};
    const ssize_t got = pread(counter_.number(), text, sizeof text - 1, 0);
    const unsigned left = got < 0 ? 1 : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    hit_ = left == 0;
    left_ = left;
    if (left && pwrite(counter_.number(), "0", 1, 0) < 0 && errno != EFAULT)
        throw guests::SystemError("disarming fail-nth");
}

Injector& injector() {
    static Injector one;
    return one;
}

}  // namespace nest::fail_nth
