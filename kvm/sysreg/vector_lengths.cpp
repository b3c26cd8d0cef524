// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/sysreg/vector_lengths.hpp>

#include <base/preemption.hpp>
#include <port/port.h>
#include <vhe/native.hpp>

namespace nest::kvm {

using namespace arch;

u32 vector_lengths_of(Cpu& c) {
    const auto pfr0 = ID_AA64PFR0_EL1::of(nest_port_feature_register(encoding_of(SysReg::ID_AA64PFR0_EL1).raw));
    // A kernel that is built without SVE leaves it trapped, whatever the ID register says.
    if (!pfr0.get<ID_AA64PFR0_EL1::SVE>() || !(c.read<CPTR_EL2>().get<CPTR_EL2::ZEN>() & 1))
        return 0;
    const IrqsOff off;  // an interrupt's handler may use the host's length
    const auto before = c.read<ZCR_EL2>();
    u32 lengths = 0;
    for (u64 len = 0; len < vhe::kSveMaxVq; len++) {
        c.write(ZCR_EL2{}.with<ZCR_EL2::LEN>(len));
        c.isb();
        lengths |= u32{1} << (nest_sve_vector_bytes() / vhe::kSveQuadword - 1);
    }
    c.write(before);
    c.isb();
    return lengths;
}

}  // namespace nest::kvm
