// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vcpu_hooks.hpp>

#include <kvm/exits/wait.hpp>
#include <kvm/fault/stolen_time.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/hw/entry.hpp>
#include <vgic/hw/icc.hpp>
#include <vgic/inject.hpp>
#include <vgic/nested/left_group.hpp>

namespace nest::kvm {

using arch::SysReg;

// ---- system registers

Emulation VcpuHooks::timer(SysReg reg, bool is_read, u64& value) {
    const nested::VirtualEl2& v = vcpu_.vel2;
    const auto access = timer::timer_access(reg, v.in_vel2(), v.in_vel2() && v.e2h());
    if (!access)
        return Emulation::kUndefined;
    const PreemptionOff here;
    if (is_read)
        value = vcpu_.timers.read_register(cpu(), *access);
    else
        vcpu_.timers.write_register(cpu(), *access, value);
    return Emulation::kDone;
}

Emulation VcpuHooks::send_sgi(SysReg reg, u64 value) {
    if (!vcpu_.has_gic())
        return Emulation::kUndefined;
    // Sending takes spinlocks and may wake a thread, neither of which tier 0 may do.
    if (tier == Tier::k0)
        return Emulation::kTier1;
    vgic::send_sgi(vcpu_.gic, reg, value);
    return Emulation::kDone;
}

Emulation VcpuHooks::gic(SysReg reg, bool is_read, u64& value) {
    if (!vcpu_.has_gic())
        return Emulation::kUndefined;
    if (tier == Tier::k0)
        return Emulation::kTier1;
    if (vcpu_.nested.gic.loaded)
        return gic_of_l2(reg, is_read, value);
    if (is_read) {
        const PreemptionOff here;
        vgic::save_active_priorities(cpu(), vcpu_.gic);
        return vgic::trapped_read(vcpu_.gic, reg, value) ? Emulation::kDone : Emulation::kUndefined;
    }
    return vgic::trapped_write(vcpu_.gic, reg, value) ? Emulation::kDone : Emulation::kUndefined;
}

// Hardware holds L2's CPU interface: its registers but ICC_SRE_EL1 are used without a trap, or trap to L1, or are of the group that L1
// leaves to L2. L1's interface is saved in memory: the active priorities in hardware are L2's.
Emulation VcpuHooks::gic_of_l2(SysReg reg, bool is_read, u64& value) {
    if (reg == SysReg::ICC_SRE_EL1) {
        value = is_read ? vgic::kSreValue : value;
        return Emulation::kDone;
    }
    const unsigned group = vgic::left_group(vcpu_.vel2.hcr());
    if (group == vgic::kNoGroup)
        return Emulation::kUndefined;
    const bool known = is_read ? vgic::left_group_read(vcpu_.gic, group, reg, value) : vgic::left_group_write(vcpu_.gic, group, reg, value);
    return known ? Emulation::kDone : Emulation::kUndefined;
}

// A guest that cleans its caches by set and way wants all it wrote to be in memory: clean what stage 2 maps, and watch
// for the moment when it turns its caches on or off, to do it again.
Emulation VcpuHooks::set_way() {
    if (tier == Tier::k0)
        return Emulation::kTier1;
    if (vcpu_.vm.stage2.tables().fwb())
        return Emulation::kDone;
    if (!vcpu_.track_caches) {
        vcpu_.vm.stage2.clean_all();
        vcpu_.track_caches = true;
        vcpu_.make_request(Request::kTraps);
    }
    return Emulation::kDone;
}

Emulation VcpuHooks::caches_switched(bool enabled) {
    if (tier == Tier::k0)
        return Emulation::kTier1;
    vcpu_.vm.stage2.clean_all();
    if (enabled) {
        vcpu_.track_caches = false;
        vcpu_.make_request(Request::kTraps);
    }
    return Emulation::kDone;
}

Emulation VcpuHooks::debug_write() {
    if (tier == Tier::k0)
        return Emulation::kTier1;
    // Which of virtual EL2's debug registers must trap depends on the breakpoints that are armed.
    if (vcpu_.vel2.present())
        vcpu_.make_request(Request::kTraps);
    return Emulation::kDone;
}

// ---- firmware calls

u64 VcpuHooks::reg(unsigned n) const { return vcpu_.gpr(n); }
void VcpuHooks::set_reg(unsigned n, u64 value) { vcpu_.set_gpr(n, value); }

SmcccCaller VcpuHooks::caller() const {
    return {vcpu_.aarch32(), vcpu_.has_feature(abi::KVM_ARM_VCPU_PSCI_0_2), vcpu_.pvtime.configured()};
}

bool VcpuHooks::big_endian() const {
    return arch::SCTLR_EL1::of(vcpu_.read(vcpu_.here(SysReg::SCTLR_EL1))).get<arch::SCTLR_EL1::EE>();
}

void VcpuHooks::power_off() { vcpu_.power.set(PowerState::kStopped); }

void VcpuHooks::wait_for_interrupt() { block(vcpu_, {}); }

bool VcpuHooks::clock_snapshot(u64& realtime_ns, u64& counter) {
    return nest_port_clock_snapshot(&realtime_ns, &counter);
}

u64 VcpuHooks::virtual_offset() const { return vcpu_.vm.timers.virtual_offset().load_relaxed(); }
u64 VcpuHooks::physical_offset() const { return vcpu_.vm.timers.physical_offset().load_relaxed(); }

u64 VcpuHooks::start_stolen_time() {
    return nest::kvm::start_stolen_time(vcpu_);
}

void VcpuHooks::exit_hypercall(u64 number, u64 flags) {
    vcpu_.run->exit_reason = abi::KVM_EXIT_HYPERCALL;
    vcpu_.run->hypercall = {};
    vcpu_.run->hypercall.nr = number;
    vcpu_.run->hypercall.flags = flags;
}

void VcpuHooks::exit_system_event(u32 type, u32 ndata, u64 flags) {
    vcpu_.run->exit_reason = abi::KVM_EXIT_SYSTEM_EVENT;
    vcpu_.run->system_event = {};
    vcpu_.run->system_event.type = type;
    vcpu_.run->system_event.ndata = ndata;
    vcpu_.run->system_event.data[0] = flags;
}

}  // namespace nest::kvm
