// SPDX-License-Identifier: GPL-2.0-only
// The PPI that is L1's maintenance interrupt.
#include <vgic/inject.hpp>

namespace nest::vgic {

Status Distributor::set_maintenance_ppi(unsigned intid) {
    Guard guard(config_);
    if (initialized())
        return Errno::kBusy;
    if (!is_ppi(intid))
        return Errno::kInval;
    maintenance_ppi_.store_relaxed(intid);
    return kOk;
}

Status Distributor::claim_maintenance_ppi(CpuInterface& cpu) {
    Guard guard(config_);
    if (!maintenance_ppi())
        maintenance_ppi_.store_relaxed(kDefaultMaintenancePpi);
    return set_owner(cpu, maintenance_ppi(), &cpu);
}

void set_maintenance(CpuInterface& cpu, bool level) {
    (void)inject_ppi(cpu, cpu.distributor->maintenance_ppi(), level, &cpu);
}

}  // namespace nest::vgic
