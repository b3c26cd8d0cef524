// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/hw/icc.hpp>

#include <base/preemption.hpp>
#include <vgic/hw/list_registers.hpp>
#include <vgic/priorities.hpp>
#include <vgic/inject.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_VMCR_EL2;
using arch::SysReg;

// [IHI0069] 12.2.6
struct IccControl : arch::Layout<IccControl> {
    using A3V = Bit<15>;
    using SEIS = Bit<14>;
    using IDbits = Field<13, 11>;
    using PRIbits = Field<10, 8>;
    using EOImode = Bit<1>;
    using CBPR = Bit<0>;
};

IccControl control_of(const CpuInterface& cpu) {
    const auto vmcr = ICH_VMCR_EL2::of(cpu.hw.vmcr);
    const auto vtr = cpu.distributor->gic().vtr;
    return IccControl{}
        .with<IccControl::A3V>(vtr.get<arch::ICH_VTR_EL2::A3V>())
        .with<IccControl::SEIS>(vtr.get<arch::ICH_VTR_EL2::SEIS>())
        .with<IccControl::IDbits>(cpu.id_bits)
        .with<IccControl::PRIbits>(cpu.priority_bits - 1u)
        .with<IccControl::EOImode>(vmcr.get<ICH_VMCR_EL2::VEOIM>())
        .with<IccControl::CBPR>(vmcr.get<ICH_VMCR_EL2::VCBPR>());
}

template <typename F>
void set_vmcr(CpuInterface& cpu, u64 value) {
    // With system registers in use VFIQEn is one and VAckCtl zero.
    auto vmcr = ICH_VMCR_EL2::of(cpu.hw.vmcr).with<F>(value);
    cpu.hw.vmcr = vmcr.template with<ICH_VMCR_EL2::VFIQEn>(1).template with<ICH_VMCR_EL2::VAckCtl>(0).raw;
}

void set_eoi_mode(CpuInterface& cpu, bool split) {
    set_vmcr<ICH_VMCR_EL2::VEOIM>(cpu, split);
    if (split != cpu.split_eoi.load_relaxed())
        cpu.distributor->note_split_eoi(cpu, split);
}

Status set_control(CpuInterface& cpu, IccControl value) {
    const IccControl here = control_of(cpu);
    if (value.get<IccControl::PRIbits>() > here.get<IccControl::PRIbits>())
        return Errno::kInval;
    if (value.get<IccControl::IDbits>() > here.get<IccControl::IDbits>())
        return Errno::kInval;
    if (((value.raw ^ here.raw) & IccControl::mask<IccControl::A3V, IccControl::SEIS>()))
        return Errno::kInval;
    cpu.priority_bits = static_cast<u8>(value.get<IccControl::PRIbits>() + 1);
    cpu.id_bits = static_cast<u8>(value.get<IccControl::IDbits>());
    set_vmcr<ICH_VMCR_EL2::VCBPR>(cpu, value.get<IccControl::CBPR>());
    set_eoi_mode(cpu, value.get<IccControl::EOImode>());
    return kOk;
}

// The active-priority register, or null when there is none of that number with so many priority bits.
template <typename Cpu>
auto active_priorities(Cpu& cpu, SysReg reg) -> decltype(&cpu.hw.ap0r[0]) {
    const unsigned n = arch::encoding_of(reg).op2() & 3;
    if (n >= cpu.active_priority_registers())
        return nullptr;
    return reg <= SysReg::ICC_AP0R3_EL1 ? &cpu.hw.ap0r[n] : &cpu.hw.ap1r[n];
}

bool is_active_priorities(SysReg reg) {
    return (reg >= SysReg::ICC_AP0R0_EL1 && reg <= SysReg::ICC_AP0R3_EL1) ||
           (reg >= SysReg::ICC_AP1R0_EL1 && reg <= SysReg::ICC_AP1R3_EL1);
}

u64 binary_point_1(ICH_VMCR_EL2 vmcr) {
    if (!vmcr.get<ICH_VMCR_EL2::VCBPR>())
        return vmcr.get<ICH_VMCR_EL2::VBPR1>();
    const u64 common = vmcr.get<ICH_VMCR_EL2::VBPR0>() + 1;
    return common > 7 ? 7 : common;
}

}  // namespace

bool user_has_register(SysReg reg) {
    switch (reg) {
    case SysReg::ICC_PMR_EL1:
    case SysReg::ICC_BPR0_EL1:
    case SysReg::ICC_BPR1_EL1:
    case SysReg::ICC_CTLR_EL1:
    case SysReg::ICC_SRE_EL1:
    case SysReg::ICC_IGRPEN0_EL1:
    case SysReg::ICC_IGRPEN1_EL1:
        return true;
    default:
        return is_active_priorities(reg);
    }
}

Result<u64> user_get_register(const CpuInterface& cpu, SysReg reg) {
    const auto vmcr = ICH_VMCR_EL2::of(cpu.hw.vmcr);
    if (is_active_priorities(reg)) {
        const u32* value = active_priorities(cpu, reg);
        return value ? Result<u64>(*value) : Errno::kInval;
    }
    switch (reg) {
    case SysReg::ICC_PMR_EL1:     return vmcr.get<ICH_VMCR_EL2::VPMR>();
    case SysReg::ICC_BPR0_EL1:    return vmcr.get<ICH_VMCR_EL2::VBPR0>();
    case SysReg::ICC_BPR1_EL1:    return binary_point_1(vmcr);
    case SysReg::ICC_CTLR_EL1:    return control_of(cpu).raw;
    case SysReg::ICC_SRE_EL1:     return kSreValue;
    case SysReg::ICC_IGRPEN0_EL1: return vmcr.get<ICH_VMCR_EL2::VENG0>();
    case SysReg::ICC_IGRPEN1_EL1: return vmcr.get<ICH_VMCR_EL2::VENG1>();
    default:                      return Errno::kNoEnt;
    }
}

Status user_set_register(CpuInterface& cpu, SysReg reg, u64 value) {
    if (is_active_priorities(reg)) {
        u32* saved = active_priorities(cpu, reg);
        if (!saved)
            return Errno::kInval;
        *saved = static_cast<u32>(value);
        return kOk;
    }
    switch (reg) {
    case SysReg::ICC_PMR_EL1:     set_vmcr<ICH_VMCR_EL2::VPMR>(cpu, value); return kOk;
    case SysReg::ICC_BPR0_EL1:    set_vmcr<ICH_VMCR_EL2::VBPR0>(cpu, value); return kOk;
    case SysReg::ICC_BPR1_EL1:
        if (!ICH_VMCR_EL2::of(cpu.hw.vmcr).get<ICH_VMCR_EL2::VCBPR>())
            set_vmcr<ICH_VMCR_EL2::VBPR1>(cpu, value);
        return kOk;
    case SysReg::ICC_CTLR_EL1:    return set_control(cpu, IccControl::of(value));
    case SysReg::ICC_SRE_EL1:     return value & 1 ? kOk : Status(Errno::kInval);
    case SysReg::ICC_IGRPEN0_EL1: set_vmcr<ICH_VMCR_EL2::VENG0>(cpu, value); return kOk;
    case SysReg::ICC_IGRPEN1_EL1: set_vmcr<ICH_VMCR_EL2::VENG1>(cpu, value); return kOk;
    default:                      return Errno::kNoEnt;
    }
}

bool trapped_read(const CpuInterface& cpu, SysReg reg, u64& value) {
    switch (reg) {
    case SysReg::ICC_PMR_EL1:  value = ICH_VMCR_EL2::of(cpu.hw.vmcr).get<ICH_VMCR_EL2::VPMR>(); return true;
    case SysReg::ICC_CTLR_EL1: value = control_of(cpu).raw; return true;
    case SysReg::ICC_RPR_EL1:  value = running_priority(cpu); return true;
    case SysReg::ICC_SRE_EL1:  value = kSreValue; return true;
    default:                   return false;
    }
}

bool trapped_write(CpuInterface& cpu, SysReg reg, u64 value) {
    switch (reg) {
    case SysReg::ICC_SGI0R_EL1:
    case SysReg::ICC_SGI1R_EL1:
    case SysReg::ICC_ASGI1R_EL1:
        send_sgi(cpu, reg, value);
        return true;
    case SysReg::ICC_DIR_EL1:
        // With EOImode 0 a write of DIR has no effect: the EOI has deactivated the interrupt.
        if (ICH_VMCR_EL2::of(cpu.hw.vmcr).get<ICH_VMCR_EL2::VEOIM>())
            deactivate(cpu, static_cast<unsigned>(value & 0xffffff));
        return true;
    case SysReg::ICC_PMR_EL1: {
        // Unimplemented low bits read as zero.
        const u64 mask = 0xff & ~((u64{1} << (8 - cpu.priority_bits)) - 1);
        const PreemptionOff here;  // a switch of threads before vmcr_dirty is set reads hardware's value over the new one
        set_vmcr<ICH_VMCR_EL2::VPMR>(cpu, value & mask);
        cpu.hw.vmcr_dirty = true;
        return true;
    }
    case SysReg::ICC_CTLR_EL1: {
        const PreemptionOff here;
        set_vmcr<ICH_VMCR_EL2::VCBPR>(cpu, IccControl::of(value).get<IccControl::CBPR>());
        set_eoi_mode(cpu, IccControl::of(value).get<IccControl::EOImode>());
        cpu.hw.vmcr_dirty = true;
        return true;
    }
    case SysReg::ICC_SRE_EL1:
        return true;
    default:
        return false;
    }
}

}  // namespace nest::vgic
