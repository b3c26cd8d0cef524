// SPDX-License-Identifier: GPL-2.0-only
#include <arch/cpu.hpp>

namespace nest::arch {

constinit Cpu the_cpu;

}  // namespace nest::arch
