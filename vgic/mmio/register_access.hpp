// SPDX-License-Identifier: GPL-2.0-only
// One access to one register, and the functions that carry it out by kind of register.
#pragma once
#include <vgic/distributor.hpp>
#include <vgic/mmio/register_map.hpp>

namespace nest::vgic {

struct Access {
    Distributor& distributor;
    CpuInterface* redistributor;  // whose frames, or null for the distributor's
    CpuInterface* accessor;       // the vCPU, or null for user space
    What what;
    u32 offset;    // in the register's range
    unsigned length;
    unsigned intid;  // the first interrupt concerned

    bool user() const { return !accessor; }
    // Reads as zero, ignores writes. Private interrupts are not in the distributor ([IHI0069] 12.9, affinity routing enabled).
    // With 1024 interrupts, the distributor's last registers cover 1020 to 1023, which are no interrupts: one of these INTIDs
    // in a list register would be an interrupt that no guest can handle.
    bool reserved() const {
        return !redistributor && (is_private(intid) || intid >= kFirstSpecial || !distributor.initialized());
    }
    // Of the bank's interrupts, those that exist.
    u32 existing() const { return vgic::existing(intid & ~31u); }
    Bank& bank() const {
        return redistributor ? static_cast<Bank&>(redistributor->private_irqs) : distributor.spi_bank(intid / 32 - 1);
    }
    RawSpinLock& lock() const { return redistributor ? redistributor->lock : distributor.shared_lock(); }
};

// The registers with a bit per interrupt: Group to ClearActive.
u32 read_bits(const Access& access);
void write_bits(const Access& access, u32 value);

// Priority, Config, Router.
u64 read_fields(const Access& access);
void write_fields(const Access& access, u64 value);

// Everything else.
u64 read_plain(const Access& access);
Status write_plain(const Access& access, u64 value);

// To be called after interrupts `which` of access.bank() changed: finds holders and notes whom to kick. The bank's lock held.
void changed(const Access& access, u32 which, Kicks& kicks);

}  // namespace nest::vgic
