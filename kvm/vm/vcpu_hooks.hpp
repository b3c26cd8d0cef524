// SPDX-License-Identifier: GPL-2.0-only
// What emulation asks of a vCPU beyond its architectural state: system registers of timers and GIC, and firmware calls.
#pragma once
#include <kvm/firmware/smccc_vcpu.hpp>
#include <kvm/sysreg/sysreg_hooks.hpp>
#include <vhe/next.hpp>

namespace nest::kvm {

class Vcpu;

class VcpuHooks final : public SysregHooks, public SmcccVcpu {
public:
    explicit VcpuHooks(Vcpu& vcpu) : vcpu_(vcpu) {}

    // Where the caller is. In tier 0, a function that would sleep or needs the vGIC synced answers kTier1.
    vhe::Tier tier = vhe::Tier::k1;

    // SysregHooks
    Emulation timer(arch::SysReg reg, bool is_read, u64& value) override;
    Emulation send_sgi(arch::SysReg reg, u64 value) override;
    Emulation gic(arch::SysReg reg, bool is_read, u64& value) override;
    Emulation set_way() override;
    Emulation caches_switched(bool enabled) override;
    Emulation debug_write() override;

    // SmcccVcpu
    u64 reg(unsigned n) const override;
    void set_reg(unsigned n, u64 value) override;
    SmcccCaller caller() const override;
    bool big_endian() const override;
    void power_off() override;
    void wait_for_interrupt() override;
    bool clock_snapshot(u64& realtime_ns, u64& counter) override;
    u64 virtual_offset() const override;
    u64 physical_offset() const override;
    u64 start_stolen_time() override;
    void exit_hypercall(u64 number, u64 flags) override;
    void exit_system_event(u32 type, u32 ndata, u64 flags) override;

private:
    Emulation gic_of_l2(arch::SysReg reg, bool is_read, u64& value);

    Vcpu& vcpu_;
};

}  // namespace nest::kvm
