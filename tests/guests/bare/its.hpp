// SPDX-License-Identifier: GPL-2.0-only
// A guest's own ITS, as far as messages of one device to two vCPUs need it, and LPIs. [IHI0069] 5, 12.18
#pragma once

#include "regs.hpp"

namespace nest::guests {

// The tables lie here; the guest's memory is zero at first.
inline constexpr u64 kItsTables = kRam + (8 << 20), kItsTablesSize = 1 << 20;
inline constexpr u32 kFirstLpi = 8192;

// Tables for the ITS, which is enabled, and for the LPIs of all vCPUs, each of which is enabled in its property. Once, before
// any vCPU takes LPIs. A VM without an ITS: external abort.
void its_init();
// The calling vCPU takes LPIs from now on; its collection is its number.
void its_take_lpis();
// The event of kMessageDevice comes as this LPI to the vCPU of that number, which takes LPIs.
void its_map(u32 event, u32 lpi, u32 vcpu);
// INT: the ITS sends the event by itself. `its_told` waits until the command is done.
void its_interrupt(u32 event);
void its_told();
// The LPI's property: enabled or not, and INV, done when this returns.
void its_set_enabled(u32 event, u32 lpi, bool on);

}  // namespace nest::guests
