// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault/mmio_exit.hpp>

#include <kvm/cpu/inject.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

namespace {

// The SCTLR_ELx of where the guest is. Without EL2 a loaded vCPU's is in the CPU: put and load of preemption keep it there, on
// whichever CPU this thread is.
u64 sctlr(const Vcpu& vcpu) {
    if (!vcpu.vel2.present() && vcpu.residence == Residence::kHardware) [[likely]]
        return cpu().read<arch::SCTLR_EL12>().raw;
    return vcpu.read(vcpu.here(arch::SysReg::SCTLR_EL1));
}

}  // namespace

Next handle_mmio(Vcpu& vcpu, arch::Ipa ipa, bool in_slot) {
    const Mmio::Abort abort{vcpu.context.esr, ipa, sctlr(vcpu), in_slot, vcpu.vm.nisv_to_user};
    VcpuDevices devices(vcpu);
    switch (vcpu.mmio.handle(vcpu, abort, devices, vcpu.vm.mmio_bus, *vcpu.run, vcpu.stats)) {
    case Mmio::Outcome::kDone:
        return report_emulated_step(vcpu, *vcpu.run) ? Next::kUser : Next::kResume;
    case Mmio::Outcome::kAgain:
        return Next::kResume;
    case Mmio::Outcome::kUser:
        return Next::kUser;
    case Mmio::Outcome::kExternalAbort:
        inject_data_abort(vcpu, vcpu.context.far, AbortKind::kExternal);
        return Next::kResume;
    case Mmio::Outcome::kNoSyndrome:
        break;
    }
    vcpu.error = Errno::kNoSys;
    return Next::kError;
}

bool ring_doorbell(Vcpu& vcpu) {
    if (vhe::exception_class(vcpu.context.esr) != arch::Ec::kDataAbortLower || vhe::fault_type(vcpu.context.esr) != arch::kFscTranslation)
        return false;
    const arch::Ipa ipa = vhe::fault_ipa(vcpu.context);
    if (!vcpu.mmio.repeats_bus_page(ipa) || !vcpu.vm.slots.is_hole(gfn_of(ipa), vcpu.slot_hint) || VcpuDevices(vcpu).may_have(ipa))
        return false;
    return vcpu.mmio.ring(vcpu, {vcpu.context.esr, ipa, sctlr(vcpu), false, false}, vcpu.vm.mmio_bus, vcpu.stats);
}

}  // namespace nest::kvm
