// SPDX-License-Identifier: GPL-2.0-only
// GSI routing: what a global interrupt number of an irqfd means to the vGIC.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>
#include <kvm/abi/irq.hpp>

namespace nest::kvm {

struct IrqRoute {
    enum class Kind : u8 { kNone, kSpi, kMsi };
    Kind kind = Kind::kNone;
    u32 intid = 0;  // kSpi
    abi::Msi msi{};  // kMsi
};

class IrqRouting {
public:
    static constexpr u32 kMaxRoutes = 4096;     // KVM_CAP_IRQ_ROUTING
    static constexpr u32 kPins = 1020 - 32;     // of the one irqchip: pin n is SPI 32 + n

    // `msis`: is there an ITS that could take MSIs? Otherwise a route for MSIs is refused, as they would be lost.
    explicit IrqRouting(bool msis) : msis_(msis) {}
    // There is an ITS now. Any context.
    void allow_msis() { msis_.store_relaxed(true); }
    IrqRouting(const IrqRouting&) = delete;
    IrqRouting& operator=(const IrqRouting&) = delete;

    // KVM_SET_GSI_ROUTING with its header read from user space; the entries follow it at user_entries. Replaces all
    // routes or, on an error, none: EINVAL, EFAULT, ENOMEM.
    Status set(const abi::IrqRouting& header, u64 user_entries);
    // The same with entries in the kernel's memory.
    Status set(const abi::IrqRoutingEntry* entries, u32 count);
    // GSI n to SPI 32 + n, as the vGIC's initialisation does it. ENOMEM.
    Status set_default(u32 spis);

    // Atomic; also in hard interrupts.
    IrqRoute route(u32 gsi);
    // The GSI that leads to this SPI, or -1. Atomic.
    int gsi_of_spi(u32 intid);

private:
    struct Route {
        u32 type = 0;  // KVM_IRQ_ROUTING_*, 0: none
        u32 flags = 0;
        union {
            u32 pin;
            abi::IrqRoutingMsi msi;
        };
    };
    Status check(const abi::IrqRoutingEntry& entry) const;
    void install(Buffer<Route>& routes, Buffer<s16>& gsi_of_pin);

    Atomic<bool> msis_;
    RawSpinLock lock_{NEST_LOCK_IRQ_ROUTING};
    Buffer<Route> routes_;     // by GSI
    Buffer<s16> gsi_of_pin_;   // -1: none; empty before the first set()
};

}  // namespace nest::kvm
