// SPDX-License-Identifier: GPL-2.0-only
#include <tests/fake/guest.hpp>

#include <arch/cpu.hpp>
#include <cstring>
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

// V registers are the low parts of Z registers; a write of one zeroes the rest.
void nest_fpsimd_save(nest::vhe::FpState* to) {
    for (unsigned n = 0; n < 32; n++)
        std::memcpy(to->v[n], nest::test::guest().sve.z[n], sizeof(to->v[n]));
}
void nest_fpsimd_load(const nest::vhe::FpState* from) {
    for (unsigned n = 0; n < 32; n++) {
        std::memset(nest::test::guest().sve.z[n], 0, sizeof(nest::test::guest().sve.z[n]));
        std::memcpy(nest::test::guest().sve.z[n], from->v[n], sizeof(from->v[n]));
    }
}
void nest_sve_save(nest::u8* to) { nest::test::guest().sve.save(to); }
void nest_sve_load(const nest::u8* from) { nest::test::guest().sve.load(from); }
unsigned long nest_sve_vector_bytes() { return nest::test::guest().sve.vector_bytes(); }

}
