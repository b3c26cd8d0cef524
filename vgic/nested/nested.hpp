// SPDX-License-Identifier: GPL-2.0-only
// The hardware side of L2's CPU interface, which L1 has built in its ICH_* registers. These are in the register file, where L1
// writes them without an exit. For a vCPU in L2 whose L1 takes physical interrupts itself (HCR_EL2.IMO or FMO).
//
// The four moments are those of entry.hpp. A vCPU calls either its four functions or these: hardware holds one interface.
//   load_nested   preemption off         put() of L1's own has been called, or it was not loaded
//   flush_nested  interrupts off         the last thing before the world switch
//   sync_nested   interrupts still off   once after each flush_nested(), even when the entry was called off
//   put_nested    preemption off         before load() of L1's own
// A switch of worlds puts the one interface and loads the other, after sync and before flush. L1's maintenance interrupt
// follows nested_maintenance(): to be asked after each sync_nested(), and before an entry, as L1 may have written.
//
// Meanwhile L1's own interrupts are in no list register; the caller asks signalled_over_running() whether one of them must preempt
// L2. left_group.hpp has those that L1 leaves to L2.
// L1's list registers with HW set name interrupts of `l1`: when L2 deactivates its one, L1's is deactivated as well.
#pragma once
#include <base/tier0.hpp>
#include <vgic/hw/entry.hpp>
#include <vgic/nested/left_group.hpp>
#include <vgic/nested/nested_view.hpp>

namespace nest::vgic {

// What hardware was given of L1's list registers. Only the vCPU's own thread.
struct NestedInterface {
    u64 lr[kMaxListRegisters] = {};   // as written
    u8 from[kMaxListRegisters] = {};  // which of L1's list registers is behind it
    u8 used = 0;                      // list registers in use since the last flush
    bool loaded = false;
    bool empty = false;               // L1's list registers are known to be 0 since it has entered L2
};

// Fills nested.lr, .from and .used from L1's list registers. Interrupts off, no lock held.
void fill_nested(CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file);

// Brings what sync_nested() read back into L1's list registers, and deactivates in `l1` what L2 has deactivated. Kicks
// and notifies. Interrupts off, on the vCPU's CPU, no lock held.
void fold_nested(CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file,
                 const u64 (&now)[kMaxListRegisters]);

namespace detail {

constexpr u64 kVmcrKnown =
    arch::ICH_VMCR_EL2::mask<arch::ICH_VMCR_EL2::VPMR, arch::ICH_VMCR_EL2::VBPR0, arch::ICH_VMCR_EL2::VBPR1,
                             arch::ICH_VMCR_EL2::VEOIM, arch::ICH_VMCR_EL2::VCBPR, arch::ICH_VMCR_EL2::VFIQEn,
                             arch::ICH_VMCR_EL2::VENG1, arch::ICH_VMCR_EL2::VENG0>();

NEST_TIER0 [[gnu::always_inline]] inline void write_l2_vmcr(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    cpu.write(arch::ICH_VMCR_EL2::of(file.get<arch::ICH_VMCR_EL2>().raw & kVmcrKnown));
}

// What L2 changes without an exit, besides list registers and active priorities: ICH_VMCR_EL2 and EOIcount.
NEST_TIER0 [[gnu::always_inline]] inline void read_l2_controls(arch::Cpu& cpu, vncr::RegisterFile& file) {
    using arch::ICH_HCR_EL2;
    file.set(cpu.read<arch::ICH_VMCR_EL2>());
    const u64 eois = cpu.read<ICH_HCR_EL2>().get<ICH_HCR_EL2::EOIcount>();
    file.set(file.get<ICH_HCR_EL2>().with<ICH_HCR_EL2::EOIcount>(eois));
}

// The enables in ICH_HCR_EL2 whose cause is there already in the list registers that hardware was given. Hardware may have
// fewer than L1 has filled (not those of a group that L1 does not virtualise, nor a second one with the same INTID): then it
// finds few valid, or none pending, where L1's own ICH_MISR_EL2 does not.
inline u64 met_as_loaded(const NestedInterface& nested) {
    using arch::ICH_HCR_EL2;
    bool pending = false;
    for (unsigned i = 0; i < nested.used; i++)
        pending |= arch::ListRegister::of(nested.lr[i]).get<arch::ListRegister::State>() == arch::kLrPending;
    return (nested.used <= 1 ? ICH_HCR_EL2::UIE::kMask : 0) | (pending ? 0 : ICH_HCR_EL2::NPIE::kMask);
}

}  // namespace detail

void load_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file);

// Need not save ICH_VMCR_EL2: the last sync_nested() has put it into the file.
void put_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file);

inline void flush_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file) {
    fill_nested(l1, nested, file);
    // A maintenance interrupt that is high before L2's first instruction would end L2's time there, again and again. L1's level
    // is looked at when L2 exits for another reason.
    const u64 hcr = nested_hcr(file, l1.distributor->gic()) & ~detail::met_as_loaded(nested);
    cpu.write(arch::ICH_HCR_EL2::of(hcr | left_group_traps(file)));
    for (unsigned i = 0; i < nested.used; i++)
        detail::write_list_register(cpu, i, nested.lr[i]);
}

inline void sync_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file) {
    NEST_UNINITIALIZED u64 now[kMaxListRegisters];
    if (nested.used)
        detail::take_list_registers(cpu, nested.lr, nested.used, now);
    detail::read_l2_controls(cpu, file);
    cpu.write(arch::ICH_HCR_EL2{});
    if (nested.used)
        fold_nested(l1, nested, file, now);
}

// The switch of worlds in tier 0. For a vCPU whose L1 has no list register in use and no work for flush(), and whose L2 has no
// list register for a physical interrupt. The same as sync, put, load and flush, without what cancels out; takes no lock.
// Interrupts off.
struct NestedEntry {
    bool filled;  // L1 has filled list registers
    bool empty;   // they are all 0
    bool high;    // nested_maintenance()
};
inline void enter_nested_in_tier0(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file,
                                  NestedEntry how) {
    const HostGic& gic = l1.distributor->gic();
    const vncr::RegisterFile::View view = file.view();
    l1.hw.vmcr = cpu.read<arch::ICH_VMCR_EL2>().raw;
    note_eoi_mode(l1);
    cpu.write(arch::ICH_VMCR_EL2::of(view.get(arch::SysReg::ICH_VMCR_EL2) & detail::kVmcrKnown));
    detail::for_each_active_priorities(gic.active_priority_registers(), [&]<typename R>(R, unsigned group, unsigned n) {
        (group ? l1.hw.ap1r : l1.hw.ap0r)[n] = static_cast<u32>(cpu.read<R>().raw);
        cpu.write(R::of(static_cast<u32>(view.get(R::kReg))));
    });
    if (how.filled) [[unlikely]]
        flush_nested(cpu, l1, nested, file);
    else
        cpu.write(arch::ICH_HCR_EL2::of(nested_hcr(file, gic, how.high)));
    nested.loaded = true;
    nested.empty = how.empty;
}
inline void leave_nested_in_tier0(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file) {
    if (nested.used) [[unlikely]]
        sync_nested(cpu, l1, nested, file);
    else
        detail::read_l2_controls(cpu, file);
    const vncr::RegisterFile::View view = file.view();
    cpu.write(arch::ICH_VMCR_EL2::of(l1.hw.vmcr));
    detail::for_each_active_priorities(
        l1.distributor->gic().active_priority_registers(), [&]<typename R>(R, unsigned group, unsigned n) {
            view.set(R::kReg, cpu.read<R>().raw);
            cpu.write(R::of(group ? l1.hw.ap1r[n] : l1.hw.ap0r[n]));
        });
    // An interrupt for L1 that has come up meanwhile came with a kick, whose IPI ends the guest's time before it begins.
    detail::flush_idle(cpu, l1);
    nested.loaded = false;
}

}  // namespace nest::vgic
