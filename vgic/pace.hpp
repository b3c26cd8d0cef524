// SPDX-License-Identifier: GPL-2.0-only
// Pace: long work in a thread that may sleep. Other threads get their turn every so many steps.
#pragma once
#include <base/result.hpp>
#include <port/port.h>

namespace nest::vgic {

class Pace {
public:
    void step() {
        if (++steps_ % kSteps == 0)
            nest_port_relax();
    }
    // The same in work of a VMM that can be given up. EINTR: a signal ends the VMM, which nobody answers any more; without it
    // a guest whose tables take hours to read would keep a killed VMM, and its memory, for as long.
    Status step_unless_killed() {
        step();
        return steps_ % kSteps == 0 && nest_port_killed() ? Status(Errno::kIntr) : kOk;
    }
    unsigned steps() const { return steps_; }

private:
    static constexpr unsigned kSteps = 64;
    unsigned steps_ = 0;
};

}  // namespace nest::vgic
