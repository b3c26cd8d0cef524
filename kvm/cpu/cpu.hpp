// SPDX-License-Identifier: GPL-2.0-only
// Which hardware kvm/ runs on: the machine in the module, the fake one in the host library.
#pragma once
#ifdef NEST_MODULE
#include <arch/native_cpu.hpp>
namespace nest::kvm {
using Cpu = arch::NativeCpu;
}
#else
#include <tests/fake/cpu.hpp>
namespace nest::kvm {
using Cpu = test::FakeCpu;
}
#endif

namespace nest::kvm {
// The one object of it; stateless in the module.
#ifdef NEST_MODULE
extern Cpu the_cpu;
inline Cpu& cpu() { return the_cpu; }
#else
Cpu& cpu();
#endif
}  // namespace nest::kvm
