// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/vel2_state.hpp>

namespace nest::vhe {
namespace {

using arch::SysReg;

// Without E2H: the registers that hardware has as they are, and writes itself or lets virtual EL2 write.
#define PLAIN_REGISTERS(X)                                                                                             \
    X(ELR_EL2, ELR_EL12)                                                                                               \
    X(ESR_EL2, ESR_EL12)                                                                                               \
    X(FAR_EL2, FAR_EL12)                                                                                               \
    X(AFSR0_EL2, AFSR0_EL12)                                                                                           \
    X(AFSR1_EL2, AFSR1_EL12)                                                                                           \
    X(SP_EL2, SP_EL1)                                                                                                  \
    X(CNTKCTL_EL1, CNTKCTL_EL12)
// Those whose truth is in the file: virtual EL2's name, hardware's, and hardware's value.
#define CONVERTED_REGISTERS(X)                                                                                         \
    X(SCTLR_EL2, SCTLR_EL12, sctlr_el1_of(value))                                                                      \
    X(TCR_EL2, TCR_EL12, tcr_el1_of(value))                                                                            \
    X(TTBR0_EL2, TTBR0_EL12, ttbr0_el1_of(value))                                                                      \
    X(MAIR_EL2, MAIR_EL12, value)                                                                                      \
    X(AMAIR_EL2, AMAIR_EL12, value)                                                                                    \
    X(VBAR_EL2, VBAR_EL12, value)                                                                                      \
    X(CPTR_EL2, CPACR_EL12, cptr_with_e2h(value))

bool read_without_e2h(arch::Cpu& cpu, const vncr::RegisterFile& file, SysReg reg, u64& value, Vel2Form form) {
    using namespace arch;
    switch (reg) {
#define PLAIN(name, hardware) \
    case SysReg::name: value = cpu.read<hardware>().raw; return true;
        PLAIN_REGISTERS(PLAIN)
#undef PLAIN
    case SysReg::SPSR_EL2: value = spsr_in(form, cpu.read<SPSR_EL12>().raw); return true;
    default: value = file.get(reg); return false;
    }
}

bool write_without_e2h(arch::Cpu& cpu, vncr::RegisterFile& file, SysReg reg, u64 value, Vel2Form form) {
    using namespace arch;
    switch (reg) {
#define PLAIN(name, hardware) \
    case SysReg::name: cpu.write(hardware::of(value)); return true;
        PLAIN_REGISTERS(PLAIN)
#undef PLAIN
#define CONVERTED(name, hardware, in_hardware)  \
    case SysReg::name:                          \
        file.set(reg, value);                   \
        cpu.write(hardware::of(in_hardware));   \
        return true;
        CONVERTED_REGISTERS(CONVERTED)
#undef CONVERTED
    case SysReg::SPSR_EL2: cpu.write(SPSR_EL12::of(spsr_in(form, value))); return true;
    default: return false;
    }
}

// Registers that virtual EL2 shares with L2, in hardware while either runs.
bool is_shared(SysReg reg) {
    switch (reg) {
#define EL1_REGISTER(guest, hardware, bank) \
    case SysReg::guest: return Bank::bank == Bank::kShared;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default: return false;
    }
}

}  // namespace

void load_vel2_banked_without_e2h(arch::Cpu& cpu, const vncr::RegisterFile& file, Vel2Form form) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define PLAIN(name, hardware) cpu.write(hardware::of(view.get(SysReg::name)));
    PLAIN_REGISTERS(PLAIN)
#undef PLAIN
    cpu.write(SPSR_EL12::of(spsr_in(form, view.get(SysReg::SPSR_EL2))));
#define CONVERTED(name, hardware, in_hardware)        \
    {                                                 \
        const u64 value = view.get(SysReg::name);     \
        cpu.write(hardware::of(in_hardware));         \
    }
    CONVERTED_REGISTERS(CONVERTED)
#undef CONVERTED
}

void save_vel2_banked_without_e2h(arch::Cpu& cpu, vncr::RegisterFile& file, Vel2Form form) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define PLAIN(name, hardware) view.set(SysReg::name, cpu.read<hardware>().raw);
    PLAIN_REGISTERS(PLAIN)
#undef PLAIN
    view.set(SysReg::SPSR_EL2, spsr_in(form, cpu.read<SPSR_EL12>().raw));
}

void load_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, Vel2Form form) {
    if (form.e2h)
        load_vel2_banked(cpu, file);
    else
        load_vel2_banked_without_e2h(cpu, file, form);
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kShared)
            cpu.write(arch::Named<r.hardware>::of(file.get(r.guest)));
    });
}

void save_vel2(arch::Cpu& cpu, vncr::RegisterFile& file, Vel2Form form) {
    if (form.e2h)
        save_vel2_banked(cpu, file);
    else
        save_vel2_banked_without_e2h(cpu, file, form);
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kShared)
            file.set(r.guest, cpu.read<arch::Named<r.hardware>>().raw);
    });
}

// Switches, as in el1_state.cpp.
bool read_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, arch::SysReg reg, u64& value, Vel2Form form) {
    using namespace arch;
    if (!form.e2h && !is_shared(reg)) [[unlikely]]
        return read_without_e2h(cpu, file, reg, value, form);
    switch (reg) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    case SysReg::el2_name: value = cpu.read<hardware>().raw; return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware, bank)        \
    case SysReg::guest:                            \
        if constexpr (Bank::bank == Bank::kBanked) \
            return false;                          \
        value = cpu.read<hardware>().raw;          \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    case SysReg::CNTHCTL_EL2:
        value = (file.get(reg) & ~kCntkctlShare) | (cpu.read<CNTKCTL_EL12>().raw & kCntkctlShare);
        return true;
    default:
        return false;
    }
}

bool write_vel2(arch::Cpu& cpu, vncr::RegisterFile& file, arch::SysReg reg, u64 value, Vel2Form form) {
    using namespace arch;
    if (!form.e2h && !is_shared(reg)) [[unlikely]]
        return write_without_e2h(cpu, file, reg, value, form);
    switch (reg) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    case SysReg::el2_name: cpu.write(hardware::of(value)); return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware, bank)        \
    case SysReg::guest:                            \
        if constexpr (Bank::bank == Bank::kBanked) \
            return false;                          \
        cpu.write(hardware::of(value));            \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    case SysReg::CPTR_EL2:
        file.set(reg, value);
        cpu.write(CPACR_EL12::of(value));
        return true;
    case SysReg::CNTHCTL_EL2:
        file.set(reg, value);
        cpu.write(CNTKCTL_EL12::of(value & kCntkctlShare));
        return true;
    default:
        return false;
    }
}

}  // namespace nest::vhe
