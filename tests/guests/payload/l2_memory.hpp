// SPDX-License-Identifier: GPL-2.0-only
// What L2 finds at an address.
#pragma once

#include "../bare/check.hpp"
#include "../bare/stubs.hpp"

namespace nest::guests {

inline Frame load(u64 address) { return run_l2(l2_load, {.x3 = address}); }

inline void sees(u64 address, u64 value) {
    const Frame f = load(address);
    IS_HVC(f, kDone);
    EQUAL("value", f.x[0], value);
}

}  // namespace nest::guests
