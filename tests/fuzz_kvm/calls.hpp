// SPDX-License-Identifier: GPL-2.0-only
// One ioctl, with a random or a chosen argument, and what must hold afterwards.
#pragma once

#include "world.hpp"

namespace nest::fuzz_kvm {

// A random row of calls.def on a random descriptor of the right kind, mostly.
void random_call(World& world, Random& r);
// The named row on a descriptor of the kind.
void call_named(World& world, Random& r, const char* name, Kind kind);

// An ioctl whose argument the caller has made. Fails the sequence if the error is none that the row names. What it
// creates is the world's. Returns ioctl()'s result, -1 with errno.
int checked_ioctl(World& world, Random& r, int descriptor, u32 request, u64 argument);

}  // namespace nest::fuzz_kvm
