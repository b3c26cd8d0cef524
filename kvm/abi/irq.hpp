// SPDX-License-Identifier: GPL-2.0-only
// Interrupts in the KVM ABI: lines, irqfds, ioeventfds, GSI routing, MSIs.
#pragma once
#include <kvm/abi/numbers.hpp>

namespace nest::kvm::abi {

struct IrqLevel {
    u32 irq;  // KVM_ARM_IRQ_*
    u32 level;
};

struct Irqfd {
    u32 fd;
    u32 gsi;
    u32 flags;
    u32 resamplefd;
    u8 pad[16];
};

struct Ioeventfd {
    u64 datamatch;
    u64 addr;
    u32 len;  // 1, 2, 4, 8; 0: any length
    s32 fd;
    u32 flags;
    u8 pad[36];
};

struct IrqRoutingIrqchip {
    u32 irqchip;
    u32 pin;
};
struct IrqRoutingMsi {
    u32 address_lo;
    u32 address_hi;
    u32 data;
    u32 devid;
};
struct IrqRoutingEntry {
    u32 gsi;
    u32 type;
    u32 flags;
    u32 pad;
    union {
        IrqRoutingIrqchip irqchip;
        IrqRoutingMsi msi;
        u32 pad[8];
    } u;
};
struct IrqRouting {
    u32 nr;  // of the IrqRoutingEntry that follow
    u32 flags;
};

struct Msi {
    u32 address_lo;
    u32 address_hi;
    u32 data;
    u32 flags;
    u32 devid;
    u8 pad[12];
};

}  // namespace nest::kvm::abi
