// SPDX-License-Identifier: GPL-2.0-only
// The PACGA instruction of the machine, or the fake one of the host library.
#pragma once
#ifdef NEST_MODULE
#include <nested/cpu/native_pacga.hpp>
namespace nest::kvm {
using Pacga = nested::NativePacga;
}
#else
#include <tests/fake/pacga.hpp>
namespace nest::kvm {
using Pacga = test::FakePacga;
}
#endif
