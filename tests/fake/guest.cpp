// SPDX-License-Identifier: GPL-2.0-only
#include <tests/fake/guest.hpp>

#include <arch/cpu.hpp>
#include <vhe/native.hpp>

namespace nest::test {

FakeGuest& guest() {
    static FakeGuest the_guest;
    return the_guest;
}

void set_syndrome(arch::Ec ec, u64 iss, u64 far, u64 ipa) {
    auto& registers = arch::cpu().registers;
    registers[arch::SysReg::ESR_EL2] = static_cast<u64>(ec) << 26 | u64{1} << 25 | iss;
    registers[arch::SysReg::FAR_EL2] = far;
    registers[arch::SysReg::HPFAR_EL2] = ipa >> 12 << 4;
}

}  // namespace nest::test

extern "C" {

const char nest_guest_vectors[1] = {};

nest::u64 nest_enter_guest(nest::vhe::GuestContext* context, const nest::vhe::HostContext*) {
    auto& g = nest::test::guest();
    g.entries++;
    return static_cast<nest::u64>(g.script ? g.script(*context) : nest::vhe::ExitKind::kIrq);
}

void nest_fpsimd_save(nest::vhe::FpState*) {}
void nest_fpsimd_load(const nest::vhe::FpState*) {}

}
