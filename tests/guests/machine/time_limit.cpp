// SPDX-License-Identifier: GPL-2.0-only
#include "time_limit.hpp"

#include <signal.h>
#include <unistd.h>

namespace nest::guests {
namespace {

volatile sig_atomic_t late;     // the alarm came

}  // namespace

void set_time_limit(unsigned seconds) {
    struct sigaction action = {};
    action.sa_handler = [](int) {       // no SA_RESTART: it ends KVM_RUN; once more, should it come just before one
        late = 1;
        alarm(1);
    };
    sigaction(SIGALRM, &action, nullptr);
    late = 0;
    alarm(seconds);
}

bool is_late() { return late; }

}  // namespace nest::guests
