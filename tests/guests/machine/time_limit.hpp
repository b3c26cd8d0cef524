// SPDX-License-Identifier: GPL-2.0-only
// How long the payload may take. One limit for the process; KVM_RUN of the thread that gets the alarm ends with it.
#pragma once

namespace nest::guests {

// From now on; 0: no limit. Not late yet.
void set_time_limit(unsigned seconds);
bool is_late();

}  // namespace nest::guests
