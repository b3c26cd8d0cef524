// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_ARM_ITS_SAVE_TABLES: what is mapped goes into the guest's tables.
//
// A guest can break its own tables without telling the ITS, and a VMM must be able to save all the same: a device that the device
// table has no entry for any more, a collection beyond the collection table, and an event of such a collection are left out.
#include <vgic/its/its.hpp>
#include <vgic/its/saved_tables.hpp>
#include <vgic/pace.hpp>

namespace nest::vgic {
namespace {

u64 nearer(u64 distance, u64 most) { return distance < most ? distance : most; }

Status write_entry(Callbacks& memory, u64 address, u64 entry) { return memory.write_guest(address, &entry, sizeof(entry)); }

Status write_device(Callbacks& memory, const GuestTable& table, const Device& device, u32 distance) {
    const u64 address = NEST_TRY(table.entry_address(memory, device.id));
    const auto entry = DeviceEntry{}
                           .with<DeviceEntry::Valid>(1)
                           .with<DeviceEntry::Next>(nearer(distance, DeviceEntry::Next::kMax))
                           .with<DeviceEntry::Itt>(device.itt >> 8)
                           .with<DeviceEntry::Size>(device.event_bits - 1u);
    return write_entry(memory, address, entry.raw);
}

}  // namespace

Status Its::save_tables() {
    if (!initialized())
        return Errno::kNxIo;
    Guard guard(lock_);
    tables_written_ = true;
    NEST_TRY(save_devices());
    return save_collections();
}

bool Its::has_room_for_collection(u32 id) const {
    const GuestTable table(collections_);
    return !table.valid() || id < table.first_level_entries();
}

const Event* Its::first_to_save(const Device& device, const Event* event) const {
    while (event && !has_room_for_collection(event->collection_id))
        event = device.events.next(*event);
    return event;
}

// An earlier save may have left entries for events that this one leaves out.
Status Its::clear_left_out(const Device& device) {
    Pace pace;
    for (const Event* event = device.events.first(); event; event = device.events.next(*event)) {
        NEST_TRY(pace.step_unless_killed());
        if (!has_room_for_collection(event->collection_id))
            NEST_TRY(write_entry(memory(), device.itt + event->event_id * kTableEntrySize, 0));
    }
    return kOk;
}

Status Its::save_events(Device& device) {
    NEST_TRY(clear_left_out(device));
    device.events.sort();
    Pace pace;
    const Event* next = nullptr;
    for (const Event* event = first_to_save(device, device.events.first()); event; event = next) {
        next = first_to_save(device, device.events.next(*event));
        const auto entry = EventEntry{}
                               .with<EventEntry::Next>(next ? next->event_id - event->event_id : 0)
                               .with<EventEntry::Lpi>(event->lpi)
                               .with<EventEntry::CollectionId>(event->collection_id);
        NEST_TRY(write_entry(memory(), device.itt + event->event_id * kTableEntrySize, entry.raw));
        NEST_TRY(pace.step_unless_killed());
    }
    return kOk;
}

Status Its::save_devices() {
    const GuestTable table(devices_);
    const Device* previous = nullptr;
    Status status = kOk;
    Pace pace;
    mappings_.for_each_device([&](Device& device) {
        status = pace.step_unless_killed();
        if (!status.ok() || !table.has_entry(memory(), device.id))
            return status.ok();
        status = save_events(device);
        if (status.ok() && previous)
            status = write_device(memory(), table, *previous, u32{device.id} - previous->id);
        previous = &device;
        return status.ok();
    });
    NEST_TRY(status);
    return previous ? write_device(memory(), table, *previous, 0) : kOk;
}

// Those, too, that only events name: a restore wants to know all.
Status Its::save_collections() {
    const GuestTable table(collections_);
    if (!table.valid())
        return kOk;
    u32 count = 0;
    Status status = kOk;
    Pace pace;
    mappings_.for_each_collection([&](u32 id, const Collection& collection) {
        if (!has_room_for_collection(id))
            return true;
        const auto entry =
            CollectionEntry{}
                .with<CollectionEntry::Valid>(1)
                .with<CollectionEntry::Target>(collection.mapped ? distributor_.cpu(collection.vcpu).id : kNoProcessor)
                .with<CollectionEntry::CollectionId>(id);
        // Of distinct numbers below the limit there are no more than the table has entries.
        const u64 address = table.address() + count++ * kTableEntrySize;
        status = write_entry(memory(), address, entry.raw);
        if (status.ok())
            status = pace.step_unless_killed();
        return status.ok();
    });
    NEST_TRY(status);
    return count < table.first_level_entries() ? write_entry(memory(), table.address() + count * kTableEntrySize, 0) : kOk;
}

}  // namespace nest::vgic
