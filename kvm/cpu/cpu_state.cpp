// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/cpu_state.hpp>
#include <vhe/loaded_registers.hpp>

namespace nest::kvm {
namespace {

using arch::SysReg;

// The keys follow each other in the table, in the order of their encodings.
constexpr unsigned key_index(SysReg reg) {
    return static_cast<unsigned>(reg) - static_cast<unsigned>(SysReg::APIAKeyLo_EL1);
}
static_assert(key_index(SysReg::APGAKeyHi_EL1) == 9 && key_index(SysReg::APIBKeyLo_EL1) == 2);

// The place of a register that vhe/enter.S or the switch keeps in GuestContext; nullptr for all others.
template <typename Context>
auto in_context(Context& context, SysReg reg) -> decltype(&context.sp_el0) {
    if (reg == SysReg::SP_EL0)
        return &context.sp_el0;
    unsigned key = key_index(reg);
    if (key < 2)
        return &context.keys.ia[key];
    return key < 10 ? &context.keys.other[key - 2] : nullptr;
}

}  // namespace

u64 CpuState::read(SysReg reg) const {
    if (auto* value = in_context(context, reg))
        return *value;
    u64 value = 0;
    const bool loaded = residence == Residence::kHardware &&
                        (vel2.in_vel2() ? vhe::read_loaded_vel2_register(regs, reg, value, vel2.form())
                                        : vhe::read_loaded_register(reg, value));
    return loaded ? value : regs.get(reg);
}

void CpuState::write(SysReg reg, u64 value) {
    if (auto* place = in_context(context, reg)) {
        *place = value;
        return;
    }
    const bool loaded = residence == Residence::kHardware &&
                        (vel2.in_vel2() ? vhe::write_loaded_vel2_register(regs, reg, value, vel2.form())
                                        : vhe::write_loaded_register(reg, value));
    if (!loaded)
        regs.set(reg, value);
}

}  // namespace nest::kvm
