// SPDX-License-Identifier: GPL-2.0-only
// Stage 2 of the two partitions: an identity map of what each owns, made once, before either runs.
#pragma once

#include "../layout.hpp"

namespace nest::partition {

enum class Owner { kLinux, kRtos };
inline constexpr int kOwners = 2;

void make_tables();
// This CPU's guest is `owner`'s from now on: its EL1 as from a reset, stage 2 on, all interrupts its own.
void use_partition(Owner owner);

}  // namespace nest::partition
