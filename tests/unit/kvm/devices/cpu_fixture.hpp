// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's state for instruction emulation; the ID registers behind it are never asked.
#pragma once
#include <kvm/cpu/cpu_state.hpp>
#include <tests/fake/port.hpp>

namespace nest::test {

struct TestCpu {
    alignas(64) unsigned char no_ids[64] = {};
    kvm::CpuState state{reinterpret_cast<kvm::IdRegisters&>(no_ids), 0};
};

}  // namespace nest::test
