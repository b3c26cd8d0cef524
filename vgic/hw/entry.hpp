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
// None of the four issues the context synchronisation that its writes need before a guest runs: the ERET into the guest is one.
// nested.hpp has the same four for an L2 whose CPU interface L1 has built.
#pragma once
#include <arch/cpu.hpp>
#include <vgic/distributor.hpp>
#include <vgic/hw/list_registers.hpp>

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
[[gnu::always_inline]] inline void write_list_register(arch::Cpu& cpu, unsigned i, u64 value) {
    with_list_register(i, [&]<typename R>(R) { cpu.write(R::of(value)); });
}
[[gnu::always_inline]] inline u64 read_list_register(arch::Cpu& cpu, unsigned i) {
    u64 value = 0;
    with_list_register(i, [&]<typename R>(R) { value = cpu.read<R>().raw; });
    return value;
}

// Calls f(register, group, number) for each active-priority register that exists.
template <typename F>
[[gnu::always_inline]] inline void for_each_active_priorities(unsigned count, F&& f) {
    using namespace arch;
    if (count > 2) {
        f(ICH_AP0R3_EL2{}, 0, 3);
        f(ICH_AP0R2_EL2{}, 0, 2);
        f(ICH_AP1R3_EL2{}, 1, 3);
        f(ICH_AP1R2_EL2{}, 1, 2);
    }
    if (count > 1) {
        f(ICH_AP0R1_EL2{}, 0, 1);
        f(ICH_AP1R1_EL2{}, 1, 1);
    }
    f(ICH_AP0R0_EL2{}, 0, 0);
    f(ICH_AP1R0_EL2{}, 1, 0);
}

inline constexpr u64 kSreEnable = 8;  // ICC_SRE_EL2.Enable: EL1 may write ICC_SRE_EL1

// Where GICv2 compatibility exists, the guest must not fall back to it.
[[gnu::always_inline]] inline void trap_sre(arch::Cpu& cpu, const HostGic& gic) {
    if (gic.v2_compat)
        cpu.write(arch::ICC_SRE_EL2::of(cpu.read<arch::ICC_SRE_EL2>().raw & ~kSreEnable));
}
[[gnu::always_inline]] inline void release_sre(arch::Cpu& cpu, const HostGic& gic) {
    if (gic.v2_compat)
        cpu.write(arch::ICC_SRE_EL2::of(cpu.read<arch::ICC_SRE_EL2>().raw | kSreEnable));
}

// Reads the first `used` list registers, which were written as `written`, into `now`, and clears them. A list register that
// ICH_ELRSR_EL2 calls empty need not be read.
[[gnu::always_inline]] inline void take_list_registers(arch::Cpu& cpu, const u64 (&written)[kMaxListRegisters], unsigned used,
                                                       u64 (&now)[kMaxListRegisters]) {
    const u64 empty = cpu.read<arch::ICH_ELRSR_EL2>().raw;
    for (unsigned i = 0; i < used; i++) {
        now[i] = empty >> i & 1 ? written[i] & ~arch::ListRegister::State::kMask : read_list_register(cpu, i);
        write_list_register(cpu, i, 0);
    }
}

}  // namespace detail

// Once per physical CPU, before any guest runs there: list registers have UNKNOWN values after reset, and flush() writes only
// those that it uses. Preemption off.
void init_cpu(arch::Cpu& cpu, const HostGic& gic);

void load(arch::Cpu& cpu, CpuInterface& state);

// Only the active priorities, for the emulation of ICC_RPR_EL1 while the vCPU stays loaded.
void save_active_priorities(arch::Cpu& cpu, CpuInterface& state);

inline void put(arch::Cpu& cpu, CpuInterface& state) {
    if (!state.hw.vmcr_dirty)
        state.hw.vmcr = cpu.read<arch::ICH_VMCR_EL2>().raw;
    save_active_priorities(cpu, state);
    detail::release_sre(cpu, state.distributor->gic());
}

namespace detail {

// What flush() does where no interrupt wants a list register.
[[gnu::always_inline]] inline void flush_idle(arch::Cpu& cpu, CpuInterface& state) {
    state.hw.hcr = arch::ICH_HCR_EL2::En::kMask | choose_dir_trap(state, 0, false);
    cpu.write(arch::ICH_HCR_EL2::of(state.hw.hcr));
}

}  // namespace detail

inline void flush(arch::Cpu& cpu, CpuInterface& state) {
    HardwareState& hw = state.hw;
    if (hw.vmcr_dirty) [[unlikely]] {
        cpu.write(arch::ICH_VMCR_EL2::of(hw.vmcr));
        hw.vmcr_dirty = false;
    }
    // Who adds work after this look kicks the vCPU, which is announced as in the guest by now: see Callbacks::kick().
    if (!state.work.load_relaxed()) [[likely]] {
        detail::flush_idle(cpu, state);
        return;
    }
    fill_list_registers(state);
    cpu.write(arch::ICH_HCR_EL2::of(hw.hcr));
    for (unsigned i = 0; i < hw.used; i++)
        detail::write_list_register(cpu, i, hw.lr[i]);
}

// The guest may have changed EOImode without an exit.
inline void note_eoi_mode(CpuInterface& state) {
    const bool split = state.hw.vmcr & arch::ICH_VMCR_EL2::VEOIM::kMask;
    if (split != state.split_eoi.load_relaxed()) [[unlikely]]
        state.distributor->note_split_eoi(state, split);
}

inline void sync(arch::Cpu& cpu, CpuInterface& state) {
    HardwareState& hw = state.hw;
    NEST_UNINITIALIZED u64 now[kMaxListRegisters];
    if (hw.used)
        detail::take_list_registers(cpu, hw.lr, hw.used, now);
    hw.vmcr = cpu.read<arch::ICH_VMCR_EL2>().raw;
    unsigned eois = 0;
    if (state.lr_lacks_active) [[unlikely]]
        eois = static_cast<unsigned>(
            cpu.read<arch::ICH_HCR_EL2>().get<arch::ICH_HCR_EL2::EOIcount>());
    cpu.write(arch::ICH_HCR_EL2{});

    note_eoi_mode(state);
    if (hw.used)
        fold_list_registers(state, now, eois);
}

// Tier 0: takes back the list registers, if all their interrupts have ended, as they mostly have after a guest's handlers.
// False, with nothing done: one has not ended, or fold_ended_list_registers() needs more than tier 0; sync() is due then.
inline bool sync_ended(arch::Cpu& cpu, CpuInterface& state) {
    const unsigned used = state.hw.used;
    const u64 empty = cpu.read<arch::ICH_ELRSR_EL2>().raw;
    if ((~empty & ((u64{1} << used) - 1)) || !fold_ended_list_registers(state))
        return false;
    for (unsigned i = 0; i < used; i++)
        detail::write_list_register(cpu, i, 0);
    return true;
}

}  // namespace nest::vgic
