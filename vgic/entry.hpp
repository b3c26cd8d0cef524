// SPDX-License-Identifier: GPL-2.0-only
// The hardware side of a vCPU's CPU interface: load/put at each switch of the vCPU, flush/sync around each run of the
// guest.
//
//   load   preemption off             VMCR, active priorities; the guest is kept from ICC_SRE_EL1
//   flush  interrupts off             list registers and ICH_HCR_EL2, the last thing before the world switch
//   sync   interrupts still off       takes them back; ICH_HCR_EL2 is 0 afterwards. Once after each flush, even when
//                                     the entry was called off: state has moved into the list registers
//   put    preemption off             the reverse of load
//
// None issues the context synchronisation that its writes need before a guest runs: the world switch's ERET is one.
// Everything goes by the CpuInterface that is passed: which one a nested guest runs on is the caller's choice.
#pragma once
#include <arch/cpu.hpp>
#include <vgic/distributor.hpp>
#include <vgic/list_registers.hpp>

namespace nest::vgic {

namespace detail {

// Calls f for list register i; the register's name is part of the instruction.
template <typename F>
[[gnu::always_inline]] inline void with_list_register(unsigned i, F&& f) {
    using namespace arch;
    switch (i) {
#define NEST_LR(n) \
    case n: f(ICH_LR##n##_EL2{}); break;
        NEST_LR(0) NEST_LR(1) NEST_LR(2) NEST_LR(3) NEST_LR(4) NEST_LR(5) NEST_LR(6) NEST_LR(7)
        NEST_LR(8) NEST_LR(9) NEST_LR(10) NEST_LR(11) NEST_LR(12) NEST_LR(13) NEST_LR(14) NEST_LR(15)
#undef NEST_LR
    }
}
template <arch::Cpu C>
[[gnu::always_inline]] inline void write_list_register(C& cpu, unsigned i, u64 value) {
    with_list_register(i, [&]<typename R>(R) { cpu.write(R::of(value)); });
}
template <arch::Cpu C>
[[gnu::always_inline]] inline u64 read_list_register(C& cpu, unsigned i) {
    u64 value = 0;
    with_list_register(i, [&]<typename R>(R) { value = cpu.template read<R>().raw; });
    return value;
}

// Calls f(register, saved value) for each active-priority register that exists.
template <typename F>
inline void for_each_active_priorities(HardwareState& hw, unsigned count, F&& f) {
    using namespace arch;
    if (count > 2) {
        f(ICH_AP0R3_EL2{}, hw.ap0r[3]);
        f(ICH_AP0R2_EL2{}, hw.ap0r[2]);
        f(ICH_AP1R3_EL2{}, hw.ap1r[3]);
        f(ICH_AP1R2_EL2{}, hw.ap1r[2]);
    }
    if (count > 1) {
        f(ICH_AP0R1_EL2{}, hw.ap0r[1]);
        f(ICH_AP1R1_EL2{}, hw.ap1r[1]);
    }
    f(ICH_AP0R0_EL2{}, hw.ap0r[0]);
    f(ICH_AP1R0_EL2{}, hw.ap1r[0]);
}

}  // namespace detail

inline constexpr u64 kSreEnable = 8;  // ICC_SRE_EL2.Enable: EL1 may write ICC_SRE_EL1

// Once per physical CPU, before any guest runs there: list registers come up unknown, and flush writes only those that
// it uses.
template <arch::Cpu C>
void init_cpu(C& cpu, const HostGic& gic) {
    for (unsigned i = 0; i < gic.list_registers(); i++)
        detail::write_list_register(cpu, i, 0);
    cpu.write(arch::ICH_HCR_EL2{});
    cpu.isb();
}

template <arch::Cpu C>
void load(C& cpu, CpuInterface& state) {
    const HostGic& gic = state.distributor->gic();
    if (gic.v2_compat)
        cpu.write(arch::ICC_SRE_EL2::of(cpu.template read<arch::ICC_SRE_EL2>().raw & ~kSreEnable));
    cpu.write(arch::ICH_VMCR_EL2::of(state.hw.vmcr));
    state.hw.vmcr_dirty = false;
    detail::for_each_active_priorities(state.hw, gic.active_priority_registers(),
                                       [&]<typename R>(R, u32& saved) { cpu.write(R::of(saved)); });
}

// Only the active priorities, for the emulation of ICC_RPR_EL1 while the vCPU stays loaded.
template <arch::Cpu C>
void save_active_priorities(C& cpu, CpuInterface& state) {
    detail::for_each_active_priorities(
        state.hw, state.distributor->gic().active_priority_registers(),
        [&]<typename R>(R, u32& saved) { saved = static_cast<u32>(cpu.template read<R>().raw); });
}

template <arch::Cpu C>
void put(C& cpu, CpuInterface& state) {
    if (!state.hw.vmcr_dirty)
        state.hw.vmcr = cpu.template read<arch::ICH_VMCR_EL2>().raw;
    save_active_priorities(cpu, state);
    if (state.distributor->gic().v2_compat)
        cpu.write(arch::ICC_SRE_EL2::of(cpu.template read<arch::ICC_SRE_EL2>().raw | kSreEnable));
}

template <arch::Cpu C>
inline void flush(C& cpu, CpuInterface& state) {
    HardwareState& hw = state.hw;
    if (hw.vmcr_dirty) [[unlikely]] {
        cpu.write(arch::ICH_VMCR_EL2::of(hw.vmcr));
        hw.vmcr_dirty = false;
    }
    // Whoever adds work after this look kicks: see Callbacks::kick().
    if (!state.work.load_relaxed()) [[likely]] {
        hw.hcr = arch::ICH_HCR_EL2::En::kMask;
        if (state.split_eoi.load_relaxed()) [[unlikely]] {
            const bool trap = state.distributor->held_spis() != 0;
            hw.hcr |= trap ? state.distributor->gic().dir_trap() : 0;
            state.dir_trapped.store_relaxed(trap);
        }
        cpu.write(arch::ICH_HCR_EL2::of(hw.hcr));
        return;
    }
    fill_list_registers(state);
    cpu.write(arch::ICH_HCR_EL2::of(hw.hcr));
    for (unsigned i = 0; i < hw.used; i++)
        detail::write_list_register(cpu, i, hw.lr[i]);
}

template <arch::Cpu C>
inline void sync(C& cpu, CpuInterface& state) {
    HardwareState& hw = state.hw;
    u64 now[kMaxListRegisters];
    if (hw.used) {
        const u64 empty = cpu.template read<arch::ICH_ELRSR_EL2>().raw;
        for (unsigned i = 0; i < hw.used; i++) {
            now[i] = empty >> i & 1 ? hw.lr[i] & ~arch::ListRegister::State::kMask : detail::read_list_register(cpu, i);
            detail::write_list_register(cpu, i, 0);
        }
    }
    hw.vmcr = cpu.template read<arch::ICH_VMCR_EL2>().raw;
    unsigned eois = 0;
    if (state.lr_lacks_active) [[unlikely]]
        eois = static_cast<unsigned>(
            cpu.template read<arch::ICH_HCR_EL2>().template get<arch::ICH_HCR_EL2::EOIcount>());
    cpu.write(arch::ICH_HCR_EL2{});

    const bool split = hw.vmcr & arch::ICH_VMCR_EL2::VEOIM::kMask;
    if (split != state.split_eoi.load_relaxed()) [[unlikely]]
        state.distributor->note_split_eoi(state, split);
    if (hw.used)
        fold_list_registers(state, now, eois);
}

}  // namespace nest::vgic
