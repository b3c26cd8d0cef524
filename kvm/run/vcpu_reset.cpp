// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/run/vcpu_reset.hpp>

#include <kvm/sysreg/reset.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/fpsimd.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <stage2/cache_maintenance.hpp>
#include <vgic/inject.hpp>

namespace nest::kvm {
namespace {

// A reset needs the vCPU's state in memory: inside KVM_RUN, this takes the registers out of the hardware meanwhile.
class InMemory {
public:
    explicit InMemory(Vcpu& vcpu) : vcpu_(vcpu), attached_(vcpu.residence == Residence::kHardware) {
        release_fpsimd(vcpu);
        if (attached_)
            nest_port_vcpu_detach(vcpu.host);
    }
    ~InMemory() {
        if (attached_)
            nest_port_vcpu_attach(vcpu_.host);
    }
    InMemory(const InMemory&) = delete;
    InMemory& operator=(const InMemory&) = delete;

private:
    Vcpu& vcpu_;
    bool attached_;
};

// NV2 makes virtual EL2's accesses to its guest's timers and to CNTVOFF_EL2 loads and stores in the VNCR page: so the timers
// use the page's cells.
void give_el2_timers(Vcpu& vcpu) {
    using arch::SysReg;
    const auto cell = [&](SysReg reg) { return vcpu.regs.page() + arch::info(reg).vncr / 8; };
    vcpu.timers.init_el2(cell(SysReg::CNTVOFF_EL2));
    vcpu.timers.context(timer::TimerId::kVirtual).bind_storage(cell(SysReg::CNTV_CTL_EL0), cell(SysReg::CNTV_CVAL_EL0));
    vcpu.timers.context(timer::TimerId::kPhysical).bind_storage(cell(SysReg::CNTP_CTL_EL0), cell(SysReg::CNTP_CVAL_EL0));
}

// Drops L2's state (shadow, translations of VNCR_EL2), and makes virtual EL2's timers the direct ones.
void reset_nested(Vcpu& vcpu) {
    if (!vcpu.timers.has_el2())
        give_el2_timers(vcpu);
    vcpu.timers.switch_direct(cpu(), true, {});
    vcpu.nested.served_world = nested::World::kFlat;
    vcpu.vm.nested_mmu.drop_shadow(vcpu);
    vcpu.vm.nested_vncr.forget(vcpu);
    update_maintenance(vcpu);
}

void reset_devices(Vcpu& vcpu) {
    vcpu.mmio.abandon();
    if (vcpu.vel2.present())
        reset_nested(vcpu);
    vcpu.timers.reset();
    if (vcpu.has_gic())
        for (timer::Slot slot : timer::kSlots)
            vgic::reset_hw(vcpu.gic, vcpu.timers.guest_intid(vcpu.timers.direct(slot)));
}

// The VMM may load another kernel over the one that ran. Stale instructions in caches are dropped when a page is mapped, but
// pages that stay mapped are not mapped again.
void forget_instructions() {
    stage2::invalidate_instructions(cpu(), stage2::CacheType::of(machine().stage2.ctr), 0, ~u64{0});
}

}  // namespace

Status initialize(Vcpu& vcpu, const abi::VcpuInit& init) {
    const bool before = vcpu.initialized;
    const bool off = NEST_TRY(init_vcpu(vcpu, init, machine().vcpu_features()));
    if (vcpu.has_feature(abi::KVM_ARM_VCPU_SVE) && !vcpu.sve.finalised())
        vcpu.sve.give(machine().vector_lengths.tell());
    if (vcpu.vel2.present()) {
        if (const Status status = vcpu.vm.nested_mmu.enable(); !status.ok()) {
            vcpu.initialized = before;  // virtual EL2 without shadows must not run: the VMM may not have looked
            return status;
        }
        vcpu.gic.el2 = &vcpu.regs;
    }
    reset_devices(vcpu);
    // Without FEAT_S2FWB the guest starts with its caches off, and reads DRAM: pages that it used before the reset are
    // unmapped, so that they are cleaned when they are mapped again.
    if (vcpu.has_run.load_acquire()) {
        if (vcpu.vm.stage2.tables().fwb())
            forget_instructions();
        else
            vcpu.vm.stage2.unmap_gfns(0, arch::gfn_of(vcpu.vm.stage2.tables().limit()));
    }
    vcpu.track_caches = !vcpu.vm.stage2.tables().fwb();
    // Under the lock a CPU_ON by another vCPU is either over, and forgotten with its request, or finds the new state. If the
    // request were dropped first: a CPU_ON gets in between, the state is overwritten, and a vCPU that is off keeps a request.
    Guard guard(vcpu.power.lock);
    (void)vcpu.take_request(Request::kReset);
    vcpu.power.set(off ? PowerState::kStopped : PowerState::kRunnable);
    return kOk;
}

void reset_for_cpu_on(Vcpu& vcpu) {
    PowerOn on;
    {
        Guard guard(vcpu.power.lock);
        on = vcpu.power.on;
    }
    const InMemory state(vcpu);
    reset_vcpu(vcpu, on);
    reset_devices(vcpu);
    vcpu.track_caches = !vcpu.vm.stage2.tables().fwb();
    vcpu.make_request(Request::kTraps);
}

}  // namespace nest::kvm
