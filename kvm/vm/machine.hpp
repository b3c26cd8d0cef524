// SPDX-License-Identifier: GPL-2.0-only
// The machine as the module found it: probed once at load, constant until unload.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <kvm/cpu/cpu.hpp>
#include <kvm/firmware/smccc_config.hpp>
#include <kvm/sysreg/common_features.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/sysreg/trap_config.hpp>
#include <kvm/sysreg/vector_lengths.hpp>
#include <port/entry.h>
#include <stage2/host_features.hpp>
#include <stage2/vmid.hpp>
#include <timer/vm_timers.hpp>
#include <vgic/host_gic.hpp>
#include <vhe/host_context.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

class Vm;
class Vcpu;

struct Machine {
    nest_host_config config{};
    vhe::SwitchFeatures features{};
    stage2::HostFeatures stage2{};
    vgic::HostGic gic{};
    timer::HostTimers timers{};
    stage2::VmidAllocator vmids{cpu()};
    unsigned ipa_limit = 40;   // the largest IPA size that a VM may have, in bits
    bool pmr_masking = false;  // the kernel masks interrupts by ICC_PMR_EL1 (pseudo-NMI)
    TrapHost traps{};
    CommonFeatures common{};
    Atomic<bool> mixed_ctr;    // a CPU has come up whose CTR_EL0 is not the system-wide one: guests' reads of it have to trap
    VectorLengths vector_lengths;
    Mitigations mitigations{};
    bool nv = false;           // FEAT_NV: guests may have EL2
    bool nv2 = false;          // FEAT_NV2 is there and not switched off
    bool nv1 = false;          // HCR_EL2.NV1 exists: virtual EL2 may do without E2H
    bool streaming = false;    // FEAT_SME, and the kernel uses it: a process may have left the CPU in streaming mode
    bool recursion = false;    // L1 may give NV2 to its guests; needs NV without NV2, too (nested/cpu/world_switch.hpp)
    Mutex vms_lock{NEST_LOCK_VMS};  // outside of a VM's own locks
    // Bits of KVM_ARM_VCPU_*. Without NV2 no vCPU with EL2 can have SVE (docs/architecture.md), and no other is offered it then.
    u64 vcpu_features() { return supported_vcpu_features(nv, nv1, (nv2 || !nv) && vector_lengths.tell()); }
    Vm* vms = nullptr;         // all VMs, linked by Vm::next_listed, for statistics; vms_lock
};

// NULL, or why this machine cannot run guests. At any EL.
const char* refusal();
// At load and unload of the module. ENOMEM, ENOSPC. Sleeps.
Status init_machine(const nest_host_config& config);
void exit_machine();
// On each CPU that comes up, preemption off. NULL, or the name of what this CPU lacks and the others have: then it must run no
// guest.
const char* init_this_cpu();
// Once before, with FP/SIMD borrowed of the kernel (port/entry.h). The same answers.
const char* try_vector_lengths();

// Valid after init_machine(). Inline, as tier 0 calls it often.
extern Machine* the_machine;
inline Machine& machine() { return *the_machine; }

// What one physical CPU knows. Preemption off.
struct PerCpu {
    vhe::HostContext context;
    Vcpu* loaded;   // the vCPU whose state is in this CPU's registers
    u64 vttbr;      // the VTTBR_EL2 that is loaded, 0: unknown
    u64 vttbr_before;  // the VTTBR_EL2 before that one, since the vCPU was loaded; 0: none
    unsigned id;    // nest_port_cpu_id()
    bool disabled;  // going down: no guest may be entered
};
static_assert(sizeof(PerCpu) <= sizeof(nest_percpu));

inline PerCpu& this_cpu() { return *reinterpret_cast<PerCpu*>(nest_port_this_cpu()); }

}  // namespace nest::kvm
