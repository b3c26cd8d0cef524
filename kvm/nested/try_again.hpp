// SPDX-License-Identifier: GPL-2.0-only
// What reads L1's tables, and brings in one page after the other until it gets through.
#pragma once
#include <optional>
#include <port/port.h>

namespace nest::kvm {

// once() until it has an answer. L1 may go on changing its tables, and a page that came in may be gone again: after `tries`
// attempts, or when there is work (a signal; a poisoned page comes no sooner either), the answer is `later`, by which the
// guest executes its instruction again. No lock held.
template <typename Answer, typename Once>
Answer try_again(unsigned tries, Answer later, Once once) {
    for (; tries; tries--) {
        if (const std::optional<Answer> answer = once())
            return *answer;
        if (nest_port_vcpu_work_pending())
            break;
    }
    return later;
}

}  // namespace nest::kvm
