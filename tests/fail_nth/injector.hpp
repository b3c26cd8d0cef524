// SPDX-License-Identifier: GPL-2.0-only
// Faults in one thread's system calls, on a kernel with CONFIG_FAULT_INJECTION: the N-th allocation or copy fails.
#pragma once

#include <sys/ioctl.h>

#include <cerrno>

#include "../guests/machine/machine.hpp"

namespace nest::fail_nth {

class Injector {
public:
    // Lets every kind of allocation fail, those that may sleep included, without a word in the log. False: this kernel has
    // no fault injection.
    static bool prepare();

    Injector();

    // The `nth` allocation or copy from now on fails, counting those inside call() alone; 0: none.
    void arm(unsigned nth);
    bool hit() const { return hit_; }

    // What system_call returns, or -errno. Faults come inside alone.
    template <typename SystemCall>
    long call(SystemCall system_call) {
        if (left_)
            start();
        const long result = system_call();
        const long outcome = result < 0 ? -errno : result;
        if (left_)
            stop();
        return outcome;
    }
    long ioctl(int file, unsigned long request, unsigned long argument = 0) {
        return call([&] { return ::ioctl(file, request, argument); });
    }
    long ioctl(int file, unsigned long request, const void* argument) {
        return ioctl(file, request, reinterpret_cast<unsigned long>(argument));
    }

private:
    void start();
    void stop();

    guests::File counter_;  // the calling thread's own
    unsigned left_ = 0;
    bool hit_ = false;
};

// The process's one.
Injector& injector();

}  // namespace nest::fail_nth
