// SPDX-License-Identifier: GPL-2.0-only
// A guest's access to an address without memory: decoded from the syndrome, offered to the devices in the kernel, then
// to the VMM; a load is finished when its value is there.
#pragma once
#include <arch/address.hpp>
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <kvm/abi/run.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/devices/io_bus.hpp>
#include <kvm/stats/stats.hpp>

namespace nest::kvm {

// One access of one general-purpose register. `value` is what a little-endian bus carries, in its low bytes.
struct MmioAccess {
    arch::Ipa ipa;
    u64 value = 0;      // of a store
    u8 bytes = 0;       // 1, 2, 4, 8
    u8 gpr = 0;         // 31: XZR
    bool write = false;
    bool sign_extend = false;
    bool sixty_four = false;  // the register is written as X, else as W
    bool big_endian = false;
};

// Does the current instruction access data in big-endian order? `sctlr`: SCTLR_ELx of the translation regime in force.
bool data_big_endian(const CpuState& state, u64 sctlr);
// The syndrome must be valid (ISV).
MmioAccess decode_mmio(arch::AbortIss iss, arch::Ipa ipa, const CpuState& state, u64 sctlr);
// What the access leaves in its register, from what the bus answered.
u64 loaded_value(const MmioAccess& access, u64 bus_value);

// Once the bus has answered: a load's register, and the instruction is stepped over. Any tier.
NEST_TIER0 inline void finish_mmio(CpuState& state, const MmioAccess& access, u64 bus_value) {
    if (!access.write)
        state.set_gpr(access.gpr, loaded_value(access, bus_value));
    skip_instruction(state);
}

// The in-kernel devices that a vCPU reaches by MMIO (its vGIC). False: no device at that address. Sleepable context.
// Virtual for the tests of this room, which has no VM (kvm/vm/vgic_wiring.hpp).
class MmioDevices {
public:
    virtual bool mmio_read(arch::Ipa ipa, unsigned bytes, u64& value) = 0;
    // kAgain: the device is there, and has more to do than one visit should take; the guest executes the same store again.
    enum class Written : u8 { kNobody, kDone, kAgain };
    virtual Written mmio_write(arch::Ipa ipa, unsigned bytes, u64 value) = 0;

protected:
    ~MmioDevices() = default;
};

// Per vCPU; used by its own thread, or under the vCPU's mutex while it does not run.
class Mmio {
public:
    enum class Outcome : u8 {
        kDone,           // emulated or ignored, and stepped over: resume
        kAgain,          // resume, at the same instruction
        kUser,           // kvm_run is filled in
        kExternalAbort,  // a stage-1 table lies there: the guest gets a synchronous external abort, data, with FAR_EL2
        kNoSyndrome,     // ENOSYS to the VMM: nobody can tell what the instruction does
    };
    struct Abort {
        u64 esr;        // ESR_EL2 of a data abort
        arch::Ipa ipa;  // all of its bits; behind nested paging, L1's
        u64 sctlr;      // as for data_big_endian()
        bool in_slot;   // the address is in a (read-only) memory slot
        bool nisv_to_user;  // KVM_CAP_ARM_NISV_TO_USER
    };

    // A data abort that is no RAM access: no slot, or a write to a read-only one. At most slots_lock held, for reading; sleeps.
    Outcome handle(CpuState& state, const Abort& abort, MmioDevices& devices, IoBus& bus, abi::Run& run,
                   VcpuStats& stats);

    // A store to the page in which the bus took this vCPU's last one, as a guest's stores to doorbells are: decoded and offered to
    // the bus only. False, and nothing done: handle() has to look. The caller knows that neither a slot nor a device has the page.
    bool repeats_bus_page(arch::Ipa ipa) const { return ipa.align_down(arch::kPageSize) == bus_page_; }
    bool ring(CpuState& state, const Abort& abort, IoBus& bus, VcpuStats& stats);

    // At the start of KVM_RUN: takes the VMM's answer to a load, and steps over the instruction. Does nothing when no
    // access waits.
    void complete(CpuState& state, const abi::Run& run);
    // The instruction will not be finished: the vCPU was reset, or the VMM injects an exception instead of an answer.
    void abandon() { pending_ = false; }
    bool pending() const { return pending_; }

private:
    MmioAccess access_;
    arch::Ipa bus_page_{~u64{0}};
    bool pending_ = false;  // the VMM has access_
};

}  // namespace nest::kvm
