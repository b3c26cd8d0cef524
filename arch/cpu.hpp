// SPDX-License-Identifier: GPL-2.0-only
// The seam to the hardware: every privileged access of the core goes through arch::Cpu. In the module that is the machine; in
// the host library a register map with an ordered log, so that the order of a sequence is tested on any PC.
#pragma once
#ifdef NEST_MODULE
#include <arch/native_cpu.hpp>
namespace nest::arch {
using Cpu = NativeCpu;
}
#else
#include <tests/fake/cpu.hpp>
namespace nest::arch {
using Cpu = test::FakeCpu;
}
#endif

namespace nest::arch {

// The CPU that runs the caller, for code that is not handed one. In the module the object has no state.
#ifdef NEST_MODULE
extern Cpu the_cpu;
inline Cpu& cpu() { return the_cpu; }
#else
Cpu& cpu();
#endif

}  // namespace nest::arch
