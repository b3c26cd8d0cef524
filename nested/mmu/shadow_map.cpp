// SPDX-License-Identifier: GPL-2.0-only
#include <nested/mmu/shadow_map.hpp>

#include <vhe/exit.hpp>

namespace nest::nested {

L2Fault decode_l2_fault(u64 esr, u64 far, u64 hpfar, u64 pstate, bool protected_walks) {
    using namespace arch;
    const AbortIss iss = vhe::abort_iss(esr);
    L2Fault f;
    f.ipa = L2Ipa(HPFAR_EL2::of(hpfar).get<HPFAR_EL2::FIPA>() << kPageShift | (far & (kPageSize - 1)));
    f.on_walk = iss.get<AbortIss::S1PTW>();
    f.exec = vhe::exception_class(esr) == Ec::kInstrAbortLower && !f.on_walk;
    f.permission = vhe::fault_type(esr) == kFscPermission;
    // A walk reads, and is only stopped by a permission when it wants to write its updates. Cache maintenance reports
    // itself as a write, which it is only where a permission stops it.
    f.write = f.on_walk ? f.permission : !f.exec && iss.get<AbortIss::WnR>() && (f.permission || !iss.get<AbortIss::CM>());
    f.el0 = (pstate & 0xf) == kModeEL0t;
    f.no_device_walk = protected_walks;
    return f;
}

}  // namespace nest::nested
