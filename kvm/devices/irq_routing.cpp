// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/devices/irq_line.hpp>
#include <kvm/devices/irq_routing.hpp>
#include <port/port.h>
#include <utility>

namespace nest::kvm {

Status IrqRouting::check(const abi::IrqRoutingEntry& entry) const {
    if (entry.gsi >= kMaxRoutes)
        return Errno::kInval;
    switch (entry.type) {
    case abi::KVM_IRQ_ROUTING_IRQCHIP:
        if (entry.flags || entry.u.irqchip.irqchip >= abi::KVM_NR_IRQCHIPS || entry.u.irqchip.pin >= kPins)
            return Errno::kInval;
        return kOk;
    case abi::KVM_IRQ_ROUTING_MSI:
        return !msis_.load_relaxed() || entry.flags & ~abi::KVM_MSI_VALID_DEVID ? Status(Errno::kInval) : kOk;
    default:
        return Errno::kInval;
    }
}

Status IrqRouting::set(const abi::IrqRouting& header, u64 user_entries) {
    if (header.nr > kMaxRoutes || header.flags)
        return Errno::kInval;
    if (header.nr == 0)
        return set(nullptr, 0);
    Buffer<abi::IrqRoutingEntry> entries(header.nr);
    if (!entries)
        return Errno::kNoMem;
    if (nest_port_copy_from_user(entries.data(), user_entries, header.nr * sizeof(abi::IrqRoutingEntry)))
        return Errno::kFault;
    return set(entries.data(), header.nr);
}

Status IrqRouting::set(const abi::IrqRoutingEntry* entries, u32 count) {
    u32 limit = 1;
    for (u32 i = 0; i < count; i++) {
        NEST_TRY(check(entries[i]));
        limit = entries[i].gsi + 1 > limit ? entries[i].gsi + 1 : limit;
    }
    Buffer<Route> routes(limit);
    Buffer<s16> gsi_of_pin(kPins);
    if (!routes || !gsi_of_pin)
        return Errno::kNoMem;
    for (s16& gsi : gsi_of_pin)
        gsi = -1;
    for (u32 i = 0; i < count; i++) {
        const abi::IrqRoutingEntry& entry = entries[i];
        Route& route = routes[entry.gsi];
        if (route.type)  // a second route of one GSI would be for a second irqchip, which there is not
            return Errno::kInval;
        route.type = entry.type;
        route.flags = entry.flags;
        if (entry.type == abi::KVM_IRQ_ROUTING_IRQCHIP) {
            route.pin = entry.u.irqchip.pin;
            gsi_of_pin[route.pin] = static_cast<s16>(entry.gsi);
        } else {
            route.msi = entry.u.msi;
        }
    }
    install(routes, gsi_of_pin);
    return kOk;
}

Status IrqRouting::set_default(u32 spis) {
    NEST_BUG_ON(spis > kPins);
    Buffer<Route> routes(spis ? spis : 1);
    Buffer<s16> gsi_of_pin(kPins);
    if (!routes || !gsi_of_pin)
        return Errno::kNoMem;
    for (u32 pin = 0; pin < kPins; pin++)
        gsi_of_pin[pin] = pin < spis ? static_cast<s16>(pin) : s16{-1};
    for (u32 pin = 0; pin < spis; pin++) {
        routes[pin].type = abi::KVM_IRQ_ROUTING_IRQCHIP;
        routes[pin].pin = pin;
    }
    install(routes, gsi_of_pin);
    return kOk;
}

// On return the arguments hold the old tables: the caller frees them, where sleeping is allowed.
void IrqRouting::install(Buffer<Route>& routes, Buffer<s16>& gsi_of_pin) {
    IrqGuard guard(lock_);
    std::swap(routes_, routes);
    std::swap(gsi_of_pin_, gsi_of_pin);
}

IrqRoute IrqRouting::route(u32 gsi) {
    IrqGuard guard(lock_);
    IrqRoute result;
    if (gsi >= routes_.size())
        return result;
    const Route& route = routes_[gsi];
    if (route.type == abi::KVM_IRQ_ROUTING_IRQCHIP) {
        result.kind = IrqRoute::Kind::kSpi;
        result.intid = kPrivateIrqs + route.pin;
    } else if (route.type == abi::KVM_IRQ_ROUTING_MSI) {
        result.kind = IrqRoute::Kind::kMsi;
        result.msi.address_lo = route.msi.address_lo;
        result.msi.address_hi = route.msi.address_hi;
        result.msi.data = route.msi.data;
        result.msi.devid = route.msi.devid;
        result.msi.flags = route.flags;
    }
    return result;
}

int IrqRouting::gsi_of_spi(u32 intid) {
    u32 pin = intid - kPrivateIrqs;
    IrqGuard guard(lock_);
    return pin < gsi_of_pin_.size() ? gsi_of_pin_[pin] : -1;
}

}  // namespace nest::kvm
