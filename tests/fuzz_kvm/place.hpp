// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's registers, set so that it runs random code at a chosen level.
#pragma once

#include "world.hpp"

namespace nest::fuzz_kvm {

void put_in_place(World& world, Random& r, int vcpu);

}  // namespace nest::fuzz_kvm
