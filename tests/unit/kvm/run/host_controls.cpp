// SPDX-License-Identifier: GPL-2.0-only
// State of the host that acts on guests: what is ours to write, and what the firmware keeps.
#include <kvm/vm/machine.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::SysReg;
using HostControls = VmTest;

TEST_F(HostControls, ProfilingAndTraceOfTheFirmwareAreLeftAlone) {
    constexpr u64 kSpe = u64{1} << 32, kTraceFilter = u64{1} << 40, kTraceBuffer = u64{1} << 44, kOwned = 1 << 4;
    auto& r = cpu().registers;
    r[SysReg::ID_AA64DFR0_EL1] |= kSpe | kTraceFilter | kTraceBuffer;
    r[SysReg::PMBIDR_EL1] = r[SysReg::TRBIDR_EL1] = kOwned;
    cpu().log.clear();
    nest_cpu_online();
    EXPECT_EQ(cpu().position_of_write(SysReg::PMSCR_EL12), -1);
    EXPECT_EQ(cpu().position_of_write(SysReg::TRFCR_EL12), -1);
    r[SysReg::PMBIDR_EL1] = r[SysReg::TRBIDR_EL1] = 0;
    nest_cpu_online();
    EXPECT_NE(cpu().position_of_write(SysReg::PMSCR_EL12), -1);
    EXPECT_NE(cpu().position_of_write(SysReg::TRFCR_EL12), -1);
    cpu().log.clear();
    r[SysReg::ID_AA64DFR0_EL1] &= ~(kSpe | kTraceBuffer);
    nest_cpu_online();
    EXPECT_EQ(cpu().position_of_write(SysReg::PMSCR_EL12), -1);
    EXPECT_EQ(cpu().position_of_write(SysReg::TRFCR_EL12), -1) << "nobody can be asked whose the filter is";
}

}  // namespace
}  // namespace nest::kvm
