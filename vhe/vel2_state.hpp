// SPDX-License-Identifier: GPL-2.0-only
// Virtual EL2's own register set between the register file and hardware's EL1 registers, which the EL1 of L2 (el1_state.hpp)
// uses as well. A switch of worlds leaves the registers that both share (SHARED_REGISTER) in hardware.
#pragma once
#include <arch/cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vhe/el2_layouts.hpp>
#include <vhe/register_banks.hpp>
#include <vncr/register_file.hpp>

namespace nest::vhe {

// The part of CNTHCTL_EL2 that virtual EL2 reaches untrapped by its VHE name CNTKCTL_EL1: EVNTIS and bits 9:0.
inline constexpr u64 kCntkctlShare = arch::CNTHCTL_EL2::EVNTIS::kMask | 0x3ff;

// How hardware serves virtual EL2.
struct Vel2Form {
    bool e2h = true;  // HCR_EL2.E2H as L1 chose it: EL1 names mean virtual EL2's registers. Else HCR_EL2.NV1 is set.
    bool nv2 = true;  // HCR_EL2.NV2 is set; else every access to an EL2 register traps

    constexpr bool operator==(const Vel2Form&) const = default;
    // An exception that virtual EL2 takes to itself leaves M[3:2] = EL1 in SPSR_EL1, with NV, NV1 and without NV2, and EL2 in all
    // other forms ([DDI0487] AArch64.TakeException). SPSR_EL1 can then hold an EL1 that hardware wrote, which means EL2, and one
    // that L1 wrote as the mode to return to. To tell them apart the register has the two exchanged.
    constexpr bool swaps_spsr() const { return !e2h && !nv2; }
};

// SPSR_EL2 as L1 knows it, from the value in hardware, and the other way round.
constexpr u64 swap_spsr(u64 spsr) {
    const u64 el = spsr & 0x1c;
    return el == arch::kModeEL1t || el == arch::kModeEL2t ? spsr ^ (arch::kModeEL1t | arch::kModeEL2t) : spsr;
}
static_assert(swap_spsr(arch::kModeEL1h) == arch::kModeEL2h && swap_spsr(arch::kModeEL2t) == arch::kModeEL1t &&
              swap_spsr(arch::kModeEL0t) == arch::kModeEL0t && swap_spsr(0xd) == 0xd);
constexpr u64 spsr_in(Vel2Form form, u64 spsr) { return form.swaps_spsr() ? swap_spsr(spsr) : spsr; }

// Hardware := file, without the shared registers, with E2H. Under E2H CPTR_EL2 has the layout of CPACR_EL1, whose hardware ignores the
// bits that it lacks (TCPAC, TAM). Context: as load_el1(), or at EL2 with TGE clear after the DSB that ends the walks of the
// regime that was loaded before ([DDI0487] D8.1.2).
inline void load_vel2_banked(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
    for_each_row<kVel2Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr Vel2Register r = kVel2Registers[i];
        cpu.write(arch::Named<r.hardware>::of(view.get(r.el2_name)));
    });
    cpu.write(CPACR_EL12::of(view.get(SysReg::CPTR_EL2)));
    cpu.write(CNTKCTL_EL12::of(view.get(SysReg::CNTHCTL_EL2) & kCntkctlShare));
}

// File := hardware. CPTR_EL2 needs no saving: every write to it traps.
inline void save_vel2_banked(arch::Cpu& cpu, vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
    for_each_row<kVel2Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr Vel2Register r = kVel2Registers[i];
        view.set(r.el2_name, cpu.read<arch::Named<r.hardware>>().raw);
    });
    view.set(SysReg::CNTHCTL_EL2, (view.get(SysReg::CNTHCTL_EL2) & ~kCntkctlShare) |
                                      (cpu.read<CNTKCTL_EL12>().raw & kCntkctlShare));
}

// The guest's EL1 set without what it shares with virtual EL2.
inline void load_el1_banked(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    const vncr::RegisterFile::View view = file.view();
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kBanked)
            cpu.write(arch::Named<r.hardware>::of(view.get(r.guest)));
    });
}
inline void save_el1_banked(arch::Cpu& cpu, vncr::RegisterFile& file) {
    const vncr::RegisterFile::View view = file.view();
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kBanked)
            view.set(r.guest, cpu.read<arch::Named<r.hardware>>().raw);
    });
}

// The same two without E2H. The system registers are converted; L1 writes them by their EL2 names alone, which trap, so that the
// file has their truth and only what hardware writes itself is saved. CNTKCTL_EL1 is L2's register, which virtual EL2 reaches
// without a trap.
void load_vel2_banked_without_e2h(arch::Cpu& cpu, const vncr::RegisterFile& file, Vel2Form form);
void save_vel2_banked_without_e2h(arch::Cpu& cpu, vncr::RegisterFile& file, Vel2Form form);

// load_el1() and save_el1() for a vCPU that is at virtual EL2: its banked set and the shared registers.
void load_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, Vel2Form form = {});
void save_vel2(arch::Cpu& cpu, vncr::RegisterFile& file, Vel2Form form = {});

// The EL2 register that virtual EL2 means, under E2H, by an EL1 name; the name itself where E2H does not redirect.
constexpr arch::SysReg vhe_redirect(arch::SysReg name) {
    using arch::SysReg;
    switch (name) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    case SysReg::vhe_name: return SysReg::el2_name;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
    case SysReg::CPACR_EL1: return SysReg::CPTR_EL2;
    case SysReg::CNTKCTL_EL1: return SysReg::CNTHCTL_EL2;
    default: return name;
    }
}

// One register of a vCPU at virtual EL2 whose set is in hardware; false: it is never there, ask the register file.
bool read_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, arch::SysReg reg, u64& value, Vel2Form form = {});

// False: the register has no copy in hardware, and the caller writes the file. Registers of which hardware has a part, or a
// conversion, are written to hardware and to the file.
bool write_vel2(arch::Cpu& cpu, vncr::RegisterFile& file, arch::SysReg reg, u64 value, Vel2Form form = {});

}  // namespace nest::vhe
