// SPDX-License-Identifier: GPL-2.0-only
// The state of 32 interrupts, sliced by bit: a word per property, bit n being INTID first + n.
//
// The GIC's own registers have the same shape, so that a read of GICD_ISENABLERn is one load, and "is any of 32 interrupts
// deliverable" a few instructions. A vCPU has one bank for its SGIs and PPIs, the distributor one for every 32 SPIs, and one
// for every 32 LPIs of which one was ever in use.
#pragma once
#include <vgic/intid.hpp>

namespace nest::vgic {

struct Bank {
    u32 enabled = 0;
    u32 group = ~u32{0};  // 1: group 1
    u32 edge = 0;         // 0: level-sensitive
    u32 line = 0;         // the input's level
    u32 latch = 0;        // pending by an edge or by a write of ISPENDR; while in a list register, what came since
    u32 active = 0;       // stale while in a list register
    u32 hw = 0;           // backed by a physical interrupt
    u32 on_lr = 0;        // in a list register of the vCPU that holds it: from flush to sync
    u32 lr_latch = 0;     // the list register is pending because of `latch`, not of `line`
    u32 deactivated = 0;  // by a nested guest on another vCPU while in a list register; applied when that is taken back
    u8 priority[32] = {};

    u32 pending() const { return latch | (line & ~edge); }
    // The interrupts that a vCPU must be given: deliverable ones, and active ones, which the vCPU will deactivate.
    u32 relevant() const { return (enabled & pending()) | active; }
    u32 hw_level() const { return hw & ~edge; }
};

struct PrivateBank : Bank {
    u16 host_intid[32] = {};        // of those in `hw`
    const void* owner[32] = {};     // the in-kernel device that alone may drive the line, or null
};

// Of interrupts that any vCPU may take.
struct SharedBank : Bank {
    u16 target[32] = {};  // the vCPU index that it is routed to, or kNobody
    u16 holder[32] = {};  // the index of the vCPU that holds the interrupt, or kNobody
};

struct SpiBank : SharedBank {
    u32 route[32] = {};   // IROUTER's Aff2:Aff1:Aff0
    u32 routed = 0;       // IROUTER was written; until then vCPU 0 is the target, whatever its affinity
};

struct LpiBank : SharedBank {
    u32 mapped = 0;       // those with users
    u32 users[32] = {};   // events that are translated to it
};

}  // namespace nest::vgic
