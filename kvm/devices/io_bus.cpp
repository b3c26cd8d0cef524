// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/devices/io_bus.hpp>
#include <port/port.h>

namespace nest::kvm {
namespace {

// The part of zone's [start, start + size) that addresses can have.
u64 zone_end(const abi::CoalescedMmioZone& zone) {
    u64 end = zone.addr + zone.size;
    return end < zone.addr ? ~u64{0} : end;
}

template <typename T>
Status make_room(IntervalIndex<T>& index) {
    if (!index.full())
        return kOk;
    auto storage = index.larger();
    if (!storage)
        return Errno::kNoMem;
    index.adopt(storage);
    return kOk;
}

}  // namespace

IoBus::~IoBus() {
    while (Ioevent* event = events_) {
        events_ = event->next;
        nest_port_eventfd_put(event->eventfd);
        destroy(event);
    }
    while (Zone* zone = zones_) {
        zones_ = zone->next;
        destroy(zone);
    }
}

IoBus::Bus IoBus::bus_of(u32 flags) {
    if (flags & abi::KVM_IOEVENTFD_FLAG_PIO)
        return Bus::kPio;
    return flags & abi::KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY ? Bus::kCcw : Bus::kMmio;
}

Status IoBus::ioeventfd(const abi::Ioeventfd& args) {
    return args.flags & abi::KVM_IOEVENTFD_FLAG_DEASSIGN ? deassign(args) : assign(args);
}

// Would one write signal both?
bool IoBus::collides(const Ioevent& event) const {
    for (const Ioevent* other = events_; other; other = other->next) {
        if (other->bus != event.bus || other->address != event.address)
            continue;
        bool same_value = other->wildcard || event.wildcard || other->match == event.match;
        if (!other->bytes || !event.bytes || (other->bytes == event.bytes && same_value))
            return true;
    }
    return false;
}

Status IoBus::assign(const abi::Ioeventfd& args) {
    bool any_length = args.len == 0;
    if (!any_length && args.len != 1 && args.len != 2 && args.len != 4 && args.len != 8)
        return Errno::kInval;
    if (args.addr + args.len < args.addr)
        return Errno::kInval;
    if (args.flags & ~abi::KVM_IOEVENTFD_VALID_FLAG_MASK)
        return Errno::kInval;
    bool matches = args.flags & abi::KVM_IOEVENTFD_FLAG_DATAMATCH;
    if (any_length && matches)
        return Errno::kInval;

    nest_eventfd* eventfd;
    if (const int error = nest_port_eventfd_get(args.fd, &eventfd))
        return static_cast<Errno>(-error);
    const Bus bus = bus_of(args.flags);
    auto* event = make<Ioevent>(Ioevent{eventfd, args.addr, args.datamatch, args.len, !matches, bus, nullptr});
    Status status = event ? kOk : Status(Errno::kNoMem);
    if (status.ok()) {
        WriteGuard guard(lock_);
        status = collides(*event) ? Status(Errno::kExist) : make_room(by_address_);
        if (status.ok()) {
            event->next = events_;
            events_ = event;
            if (bus == Bus::kMmio)
                by_address_.insert(event->address, event->address + 1, event);
            return kOk;
        }
    }
    destroy(event);
    nest_port_eventfd_put(eventfd);
    return status;
}

Status IoBus::deassign(const abi::Ioeventfd& args) {
    nest_eventfd* eventfd;
    if (const int error = nest_port_eventfd_get(args.fd, &eventfd))
        return static_cast<Errno>(-error);
    const Bus bus = bus_of(args.flags);
    bool wildcard = !(args.flags & abi::KVM_IOEVENTFD_FLAG_DATAMATCH);
    auto is_it = [&](const Ioevent& e) {
        return e.eventfd == eventfd && e.bus == bus && e.address == args.addr && e.bytes == args.len &&
               e.wildcard == wildcard && (wildcard || e.match == args.datamatch);
    };
    Ioevent* found = nullptr;
    {
        WriteGuard guard(lock_);
        Ioevent** link = &events_;
        while (*link && !is_it(**link))
            link = &(*link)->next;
        found = *link;
        if (found) {
            *link = found->next;
            if (bus == Bus::kMmio)
                by_address_.erase(found->address, found);
        }
    }
    nest_port_eventfd_put(eventfd);
    if (!found)
        return Errno::kNoEnt;
    nest_port_eventfd_put(found->eventfd);
    destroy(found);
    return kOk;
}

Status IoBus::register_zone(const abi::CoalescedMmioZone& zone) {
    if (zone.pio > 1)
        return Errno::kInval;
    auto* added = make<Zone>(Zone{zone, nullptr});
    if (!added)
        return Errno::kNoMem;
    Status status = kOk;
    {
        WriteGuard guard(lock_);
        status = zone_count_ >= kMaxZones ? Status(Errno::kNoSpc) : make_room(by_range_);
        if (status.ok()) {
            added->next = zones_;
            zones_ = added;
            zone_count_++;
            if (!zone.pio)
                by_range_.insert(zone.addr, zone_end(zone), added);
            return kOk;
        }
    }
    destroy(added);
    return status;
}

Status IoBus::unregister_zone(const abi::CoalescedMmioZone& zone) {
    if (zone.pio > 1)
        return Errno::kInval;
    u64 end = zone.addr + zone.size;
    if (end < zone.addr)
        return kOk;  // lies in no zone
    WriteGuard guard(lock_);
    for (Zone** link = &zones_; *link;) {
        Zone* candidate = *link;
        const abi::CoalescedMmioZone& outer = candidate->zone;
        if (outer.pio != zone.pio || zone.addr < outer.addr || end > zone_end(outer)) {
            link = &candidate->next;
            continue;
        }
        *link = candidate->next;
        zone_count_--;
        if (!outer.pio)
            by_range_.erase(outer.addr, candidate);
        destroy(candidate);
    }
    return kOk;
}

bool IoBus::write(arch::Ipa ipa, unsigned bytes, u64 value) {
    u64 mask = bytes >= 8 ? ~u64{0} : (u64{1} << (8 * bytes)) - 1;
    value &= mask;
    ReadGuard guard(lock_);
    bool signalled = by_address_.for_each_overlap(ipa.raw, ipa.raw + 1, [&](const auto& entry) {
        const Ioevent& event = *entry.item;
        if (event.bytes && (event.bytes != bytes || !(event.wildcard || event.match == value)))
            return false;
        nest_port_eventfd_signal(event.eventfd);
        return true;
    });
    if (signalled)
        return true;
    u64 end = ipa.raw + bytes;
    return by_range_.for_each_overlap(ipa.raw, end, [&](const auto& entry) {
        return entry.start <= ipa.raw && end <= entry.end && ring_.push(ipa, bytes, value, false);
    });
}

}  // namespace nest::kvm
