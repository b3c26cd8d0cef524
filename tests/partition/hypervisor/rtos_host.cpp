// SPDX-License-Identifier: GPL-2.0-only
#include "rtos_host.hpp"

#include "../../guests/bare/world.hpp"
#include "../mailbox.hpp"
#include "images.hpp"
#include "tables.hpp"

namespace nest::partition {

using namespace guests;

void host_rtos() {
    for (;;) {
        place(kRtosImage);
        mailbox().crash_tick = memory64(kCrashTick);
        use_partition(Owner::kRtos);
        Frame f = {};
        f.elr = kRtosRam;
        f.spsr = kEl1h;
        f = go_on(f);
        rtos_life.ticks = rtos_life.ticks + mailbox().ticks;
        rtos_life.esr = f.esr;
        rtos_life.address = fault_ipa(f);
        if (f.vector != kVectorLower)
            rtos_life.interrupted = rtos_life.interrupted + 1;
        rtos_life.crashes = rtos_life.crashes + 1;
    }
}

}  // namespace nest::partition
