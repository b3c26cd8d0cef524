// SPDX-License-Identifier: GPL-2.0-only
// An exception taken from EL2 itself while a guest's context was loaded, which only a bug of the module can cause. Called by
// vhe/enter.S.
#include <kvm/vm/machine.hpp>

extern "C" [[noreturn]] void nest_hyp_exception(nest::u64 slot, nest::u64 esr, nest::u64 elr, nest::u64 far) {
    using namespace nest;
    kvm::Cpu& c = kvm::cpu();
    const vhe::HostContext& host = kvm::this_cpu().context;
    c.write(host.hcr);
    c.write(host.vbar);
    c.write(host.cptr);
    c.write(arch::SP_EL0::of(host.sp_el0));
    c.isb();
    nest_port_panic(slot, esr, elr, far);
}
