// SPDX-License-Identifier: GPL-2.0-only
// A partition's memory as its start wants it, whatever the one before has left in memory and caches.
#pragma once

#include "../layout.hpp"

namespace nest::partition {

void place(const Image& image);

}  // namespace nest::partition
