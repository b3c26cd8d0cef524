// SPDX-License-Identifier: GPL-2.0-only
// The steps of a sequence. Each has a seed of its own, so that it does the same when others are left out.
#pragma once

#include "world.hpp"

namespace nest::fuzz_kvm {

enum class Step : u8 {
#define STEP(name, weight) name,
#include "steps.def"
#undef STEP
};

const char* name_of(Step step);
Step random_step(Random& r);

namespace step {
#define STEP(name, weight) void name(World& world, Random& r);
#include "steps.def"
#undef STEP
}  // namespace step

void perform(World& world, Step what, u64 seed);

}  // namespace nest::fuzz_kvm
