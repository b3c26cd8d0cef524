// SPDX-License-Identifier: GPL-2.0-only
#include <nested/cpu/el2_short_ways.hpp>

#include <nested/cpu/step_over.hpp>

namespace nest::nested {

using namespace arch;

bool answer_at_once(Cpu& cpu, VirtualEl2& v, SysRegIss iss) {
    const auto rt = static_cast<unsigned>(iss.get<SysRegIss::Rt>());
    const bool is_read = iss.get<SysRegIss::Read>();
    const bool e2h = v.e2h();
    const RegisterMasks& masks = v.config().masks;
    u64 value = rt == 31 ? 0 : v.context.x[rt];
    switch (iss.encoding().raw) {
    case encoding_of(SysReg::CPACR_EL1).raw:  // which means CPTR_EL2
        if (is_read || !e2h)
            return false;
        value = masks.apply(CPTR_EL2::of(value)).raw;
        v.file.set(SysReg::CPTR_EL2, value);
        cpu.write(CPACR_EL12::of(value));
        break;
    case encoding_of(SysReg::MDCR_EL2).raw:
        if (is_read)
            value = masks.get<MDCR_EL2>(v.file).raw;
        else
            v.file.set(masks.apply(MDCR_EL2::of(value)));
        break;
    case encoding_of(SysReg::CNTHCTL_EL2).raw:
        if (e2h)
            return false;
        if (is_read)
            value = masks.cnthctl_without_e2h(v.file.get<CNTHCTL_EL2>()).raw;
        else
            v.file.set(masks.cnthctl_without_e2h(CNTHCTL_EL2::of(value)));
        break;
    case encoding_of(SysReg::CPTR_EL2).raw:
        if (is_read || e2h)
            return false;
        value = masks.cptr_without_e2h(value);
        v.file.set(SysReg::CPTR_EL2, value);
        cpu.write(CPACR_EL12::of(vhe::cptr_with_e2h(value)));
        break;
    case encoding_of(SysReg::VBAR_EL2).raw:
        if (is_read || e2h)
            return false;
        v.file.set(SysReg::VBAR_EL2, value);
        cpu.write(VBAR_EL12::of(value));
        break;
    default:
        return false;
    }
    if (is_read && rt != 31)
        v.context.x[rt] = value;
    step_over(v);
    return true;
}

}  // namespace nest::nested
