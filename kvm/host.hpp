// SPDX-License-Identifier: GPL-2.0-only
// The machine as the module found it: probed once at load, constant until unload.
#pragma once
#include <arch/memory.hpp>
#include <kvm/cpu.hpp>
#include <linux/entry.h>
#include <stage2/host_features.hpp>
#include <stage2/vmid.hpp>
#include <timer/vm_timers.hpp>
#include <vgic/host_gic.hpp>
#include <vhe/host_context.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

class Vcpu;

struct Host {
    nest_host_config config{};
    vhe::SwitchFeatures features{};
    stage2::HostFeatures stage2{};
    vgic::HostGic gic{};
    timer::HostTimers timers{};
    stage2::VmidAllocator<Cpu> vmids{cpu()};
    unsigned ipa_limit = 40;   // the largest IPA size that a VM may have, in bits
    bool pmr_masking = false;  // the kernel masks interrupts by ICC_PMR_EL1 (pseudo-NMI)
    bool fgt = false;
    bool ecv = false;
    bool nv2 = false;          // FEAT_NV2 is there and not switched off
};

// Set by nest_core_init(), before anything else can ask.
Host& host();

// What one physical CPU knows. Preemption off.
struct PerCpu {
    vhe::HostContext context;
    Vcpu* loaded;   // the vCPU whose state is in this CPU's registers
    u64 vttbr;      // the VTTBR_EL2 that is loaded, 0: unknown
    bool disabled;  // going down: no guest may be entered
};
static_assert(sizeof(PerCpu) <= sizeof(nest_percpu));

inline PerCpu& this_cpu() { return *reinterpret_cast<PerCpu*>(nest_port_this_cpu()); }

}  // namespace nest::kvm
