// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/halt_poll.hpp>

namespace nest::kvm {

void HaltPollWindow::adapt(u64 waited_ns, u64 limit, const nest_halt_polling& parameters) {
    const u64 window = ns(limit);
    ns_ = window;
    if (waited_ns <= window)
        return;
    if (waited_ns > limit) {
        const u64 less = parameters.shrink ? window / parameters.shrink : 0;
        ns_ = less < parameters.grow_start ? 0 : less;
    } else if (window < limit && parameters.grow) {
        // Both are 32-bit numbers at most: the product does not wrap.
        const u64 more = window * parameters.grow;
        ns_ = more < parameters.grow_start ? parameters.grow_start : more;
    }
}

}  // namespace nest::kvm
