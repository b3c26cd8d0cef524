// SPDX-License-Identifier: GPL-2.0-only
// A step: one call of the interface that is tried with its first allocation failing, its second, and so on.
#pragma once

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace nest::fail_nth {

// What a check found.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// One attempt, with all that it needs: made undisturbed, and dropped after it.
struct Trial {
    std::function<long()> call;                     // by way of injector(); the result, or -errno
    std::function<void(long)> after = [](long) {};  // after the success: takes back what it gave, looks at it
};

struct Step {
    const char* name;
    std::function<Trial()> make;
    std::vector<int> errors = {ENOMEM, EFAULT};  // that a fault may end in
    long expected = 0;                           // undisturbed: at least this, or exactly this -errno
};

using Steps = std::vector<Step>;
Steps system_steps();
Steps memory_steps();
Steps irq_steps();
Steps vcpu_steps();
Steps device_steps();
Steps its_steps();
Steps run_steps();
Steps nested_steps();

}  // namespace nest::fail_nth
