// SPDX-License-Identifier: GPL-2.0-only
// The architectural state of a vCPU, apart from interrupts and timers: all that instruction emulation needs to know.
#pragma once
#include <arch/registers.hpp>
#include <base/types.hpp>
#include <cstddef>
#include <kvm/cpu/debug_state.hpp>
#include <kvm/cpu/sve_state.hpp>
#include <nested/vel2/virtual_el2.hpp>
#include <vhe/guest_context.hpp>
#include <vncr/register_file.hpp>

namespace nest::kvm {

class IdRegisters;  // the VM's ID registers (kvm/cpu/id_registers.hpp)

// Where the guest's EL1 and shared registers are right now.
enum class Residence : u8 { kMemory, kHardware };

// A pending virtual SError: HCR_EL2.VSE and VSESR_EL2.
struct PendingSerror {
    bool pending = false;
    bool sve_loaded = false;  // no SError's: VirtualEl2::sve_loaded, here as well
    u64 syndrome = 0;         // ISS[24:0]

    // What a change of worlds asks first, both by one load.
    bool pending_or_sve_loaded() const {
        u16 both;
        __builtin_memcpy(&both, &pending, sizeof(both));
        return both;
    }
};
static_assert(offsetof(PendingSerror, sve_loaded) == offsetof(PendingSerror, pending) + 1);

// CCSIDR_EL1 for each value of CSSELR_EL1, once the VMM chose its own; before, it is computed from CTR_EL0.
inline constexpr unsigned kCsselrCount = 14;
struct CacheGeometry {
    bool chosen = false;
    u32 ccsidr[kCsselrCount] = {};
};

class CpuState {
public:
    CpuState(IdRegisters& id_registers, u32 vmm_id) : ids(id_registers), id(vmm_id) {}
    CpuState(const CpuState&) = delete;
    CpuState& operator=(const CpuState&) = delete;

    // A system register of the guest, from hardware while it is loaded there, else from the register file. Only for
    // registers whose home is El1, Shared, Debug, Mem or Vncr, and those of a virtual EL2. A name means that very register,
    // whatever E2H would make of the name. SP_EL0 and the pointer-authentication keys are in `context`, where the switch
    // keeps them; keys other than APIAKey may be asked for only while the vCPU is not loaded.
    // Context: the vCPU's thread with preemption off while it runs, or the holder of the vCPU's mutex otherwise.
    u64 read(arch::SysReg reg) const;
    void write(arch::SysReg reg, u64 value);
    // The register that acts where the vCPU is: at virtual EL2, what E2H makes of an EL1 name.
    arch::SysReg here(arch::SysReg el1) const { return vel2.in_vel2() ? vhe::vhe_redirect(el1) : el1; }

    bool has_feature(unsigned bit) const { return features >> bit & 1; }
    arch::SPSR_EL2 pstate() const { return arch::SPSR_EL2::of(context.pstate); }
    bool is_final() const { return !sve.present() || sve.finalised(); }  // KVM_ARM_VCPU_FINALIZE has no more to do
    bool aarch32() const { return pstate().get<arch::SPSR_EL2::M4>() != 0; }
    bool at_el0() const { return (context.pstate & 0xf) == 0; }  // EL0t, or AArch32 User
    u64 gpr(unsigned n) const { return n == 31 ? 0 : context.x[n]; }
    void set_gpr(unsigned n, u64 value) {
        if (n != 31)
            context.x[n] = value;
    }

    vhe::GuestContext context{};
    vhe::FpState fp{};
    vncr::RegisterFile regs;
    nested::VirtualEl2 vel2{context, regs};  // not present() without KVM_ARM_VCPU_HAS_EL2
    IdRegisters& ids;
    const u32 id;  // the VMM's number for the vCPU; MPIDR_EL1 comes from it
    Residence residence = Residence::kMemory;
    u64 features = 0;      // bits of KVM_ARM_VCPU_*, as KVM_ARM_VCPU_INIT set them
    bool initialized = false;
    PendingSerror serror;
    DebugState debug;
    CacheGeometry caches;
    SveState sve;  // not present() without KVM_ARM_VCPU_SVE
};

}  // namespace nest::kvm
