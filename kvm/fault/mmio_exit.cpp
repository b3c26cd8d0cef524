// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/fault/mmio_exit.hpp>

#include <kvm/cpu/inject.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

Next handle_mmio(Vcpu& vcpu, arch::Ipa ipa, bool in_slot) {
    const Mmio::Abort abort{vcpu.context.esr, ipa, vcpu.read(vcpu.here(arch::SysReg::SCTLR_EL1)), in_slot, vcpu.vm.nisv_to_user};
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

}  // namespace nest::kvm
