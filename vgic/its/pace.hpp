// SPDX-License-Identifier: GPL-2.0-only
// Pace: long work in a thread that may sleep. Other threads get their turn every so many steps.
#pragma once
#include <port/port.h>

namespace nest::vgic {

class Pace {
public:
    void step() {
        if (++steps_ % kSteps == 0)
            nest_port_relax();
    }
    unsigned steps() const { return steps_; }

private:
    static constexpr unsigned kSteps = 64;
    unsigned steps_ = 0;
};

}  // namespace nest::vgic
