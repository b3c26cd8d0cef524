// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/its/mappings.hpp>

#include <utility>
#include <vgic/lpi.hpp>
#include <vgic/pace.hpp>

namespace nest::vgic {

// ---- devices

Device* Mappings::find_device(u32 id) const {
    Device* const* device = id < 65536 ? devices_.find(id) : nullptr;
    return device ? *device : nullptr;
}

Result<unsigned> Mappings::map_device(u32 id, u64 itt, unsigned event_bits) {
    unsigned dropped = 0;
    Device* device = find_device(id);
    if (device) {
        dropped = drop_events(*device);
    } else {
        Device** const slot = devices_.find_or_make(id);
        if (!slot || !(device = *slot = make<Device>()))
            return Errno::kNoMem;
    }
    device->id = static_cast<u16>(id);
    device->itt = itt;
    device->event_bits = static_cast<u8>(event_bits);
    return dropped;
}

unsigned Mappings::unmap_device(u32 id) {
    Device* const device = find_device(id);
    if (!device)
        return 0;
    const unsigned dropped = drop_events(*device);
    *devices_.find(id) = nullptr;
    destroy(device);
    return dropped;
}

void Mappings::clear_devices() {
    Pace pace;
    devices_.for_each([&](u32, Device*& device) {
        pace.step();
        if (device)
            (void)unmap_device(device->id);
        return true;
    });
    devices_.free_all();
}

// ---- collections

Result<unsigned> Mappings::map_collection(u32 id, unsigned vcpu) {
    Collection* const collection = collections_.find_or_make(id);
    if (!collection)
        return Errno::kNoMem;
    collection->mapped = true;
    collection->vcpu = static_cast<u16>(vcpu);
    return set_targets(*collection);
}

unsigned Mappings::unmap_collection(u32 id) {
    Collection* const collection = collections_.find(id);
    if (!collection || !collection->mapped)
        return 0;
    collection->mapped = false;
    return set_targets(*collection);
}

Status Mappings::list_collection(u32 id) {
    Collection* const collection = collections_.find_or_make(id);
    if (!collection)
        return Errno::kNoMem;
    if (collection->listed)
        return Errno::kExist;
    collection->listed = true;
    return kOk;
}

// Events go on naming theirs.
void Mappings::clear_collections() {
    bool named = false;
    Pace pace;
    collections_.for_each([&](u32, Collection& collection) {
        pace.step();
        collection.listed = false;
        if (std::exchange(collection.mapped, false))
            (void)set_targets(collection);
        named |= !collection.events.empty();
        return true;
    });
    if (!named)
        collections_.free_all();
}

unsigned Mappings::set_targets(Collection& collection) {
    Pace pace;
    for (Event* event = collection.events.first(); event; event = collection.events.next(*event)) {
        set_target(*event, collection.target());
        pace.step();
    }
    return pace.steps();
}

// ---- events

void Mappings::set_target(Event& event, unsigned vcpu) {
    event.target = static_cast<u16>(vcpu);
    set_lpi_target(distributor_, event.lpi, vcpu);
}

Status Mappings::map_event(Device& device, u32 event_id, u32 lpi, u32 collection_id) {
    if (translations_.full())
        return Errno::kNoSpc;
    Collection* const collection = collections_.find_or_make(collection_id);
    Owned<Event> made(make<Event>());
    if (!collection || !made)
        return Errno::kNoMem;
    NEST_TRY(map_lpi(distributor_, lpi));
    Event& event = *made.release();
    event.device_id = device.id;
    event.event_id = static_cast<u16>(event_id);
    event.lpi = static_cast<u16>(lpi);
    event.collection_id = static_cast<u16>(collection_id);
    device.events.add(event);
    collection->events.add(event);
    refresh(event);
    set_target(event, collection->target());
    translations_.add(event);
    take_pending(event);
    return kOk;
}

// Left by the guest, or by the VMM's KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES.
void Mappings::take_pending(const Event& event) {
    // Of a redistributor that takes no LPIs yet, the table is not the GIC's: enabling takes what is there.
    if (event.target == kNobody || !distributor_.cpu(event.target).lpis_enabled.load_acquire())
        return;
    const auto pending = take_lpi_pending(distributor_, distributor_.cpu(event.target), event.lpi);
    if (!pending.value_or(false))
        return;
    Kicks kicks;
    (void)pend_lpi(distributor_, event.lpi, kicks);
    kicks.deliver(distributor_);
}

void Mappings::drop_event(Device& device, Event& event) {
    translations_.remove(event);
    device.events.remove(event);
    collections_.find(event.collection_id)->events.remove(event);
    unmap_lpi(distributor_, event.lpi);
    destroy(&event);
}

void Mappings::unmap_event(Event& event) { drop_event(*find_device(event.device_id), event); }

unsigned Mappings::drop_events(Device& device) {
    Pace pace;
    while (Event* const event = device.events.first()) {
        drop_event(device, *event);
        pace.step();
    }
    return pace.steps();
}

void Mappings::move_event(Event& event, u32 collection_id) {
    Collection& to = *collections_.find(collection_id);
    collections_.find(event.collection_id)->events.remove(event);
    event.collection_id = static_cast<u16>(collection_id);
    to.events.add(event);
    set_target(event, to.target());
}

void Mappings::refresh(const Event& event) {
    refresh_lpi_property(distributor_, event.lpi);
}

unsigned Mappings::refresh_collection(u32 id) {
    const Collection* const collection = collections_.find(id);
    if (!collection || !collection->mapped)
        return 0;
    Pace pace;
    for (const Event* event = collection->events.first(); event; event = collection->events.next(*event)) {
        refresh(*event);
        pace.step();
    }
    return pace.steps();
}

unsigned Mappings::move_all(unsigned from, unsigned to) {
    Pace pace;
    for_each_device([&](Device& device) {
        pace.step();
        for (Event* event = device.events.first(); event; event = device.events.next(*event)) {
            if (event->target == from)
                set_target(*event, to);
            pace.step();
        }
        return true;
    });
    return pace.steps();
}

}  // namespace nest::vgic
