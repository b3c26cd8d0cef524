// SPDX-License-Identifier: GPL-2.0-only
// The attribute groups that are registers: the distributor's, a redistributor's, a CPU interface's, the line levels.
#pragma once
#include <vgic/device/device_abi.hpp>
#include <vgic/device/device_attr.hpp>

namespace nest::vgic {

// As set_attr(), get_attr() and has_attr() (device_abi.hpp), for these groups.
Status access_registers(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr, bool write);
Status has_register(Distributor& distributor, const DeviceAttr& attr);

}  // namespace nest::vgic
