// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_ARM_ITS_RESTORE_TABLES: what the guest's tables say is mapped. Nothing in them is to be believed.
//
// A distance to the next entry only ever leads on, so that no table has a circle, and none is longer than what the guest said.
#include <vgic/its/entry_reader.hpp>
#include <vgic/its/its.hpp>
#include <vgic/its/saved_tables.hpp>
#include <vgic/lpi.hpp>
#include <vgic/pace.hpp>

namespace nest::vgic {
namespace {

constexpr u32 kMaxDevices = 65536;
constexpr unsigned kMaxEventBits = 16;

}  // namespace

Status Its::restore_tables() {
    if (!initialized())
        return Errno::kNxIo;
    Guard guard(lock_);
    tables_written_ = true;
    mappings_.clear();
    Status status = restore_collections();
    if (status.ok())
        status = restore_devices();
    if (status.ok())
        return kOk;
    reset_registers();
    mappings_.clear();
    return status;
}

Status Its::restore_collections() {
    const GuestTable table(collections_);
    const u32 count = table.valid() ? table.first_level_entries() : 0;
    EntryReader reader(memory());
    Pace pace;
    for (u32 n = 0; n < count; n++) {
        const u64 entry = NEST_TRY(reader.read(table.address() + n * kTableEntrySize, count - n));
        if (!CollectionEntry::of(entry).get<CollectionEntry::Valid>())
            break;
        NEST_TRY(restore_collection(entry));
        NEST_TRY(pace.step_unless_killed());
    }
    return kOk;
}

Status Its::restore_collection(u64 raw) {
    const auto entry = CollectionEntry::of(raw);
    const u32 id = static_cast<u32>(entry.get<CollectionEntry::CollectionId>());
    const u64 number = entry.get<CollectionEntry::Target>();
    if (entry.get<CollectionEntry::Reserved>() || id >= GuestTable(collections_).first_level_entries())
        return Errno::kInval;
    const Status listed = mappings_.list_collection(id);
    if (!listed.ok())
        return listed.error() == Errno::kExist ? Errno::kInval : listed.error();
    if (number == kNoProcessor)
        return kOk;
    const CpuInterface* const cpu = find_processor(number);
    if (!cpu)
        return Errno::kInval;
    (void)NEST_TRY(mappings_.map_collection(id, cpu->index));
    return kOk;
}

Status Its::restore_devices() {
    const GuestTable table(devices_);
    const u32 limit = table.limit(kMaxDevices);
    if (!table.two_levels()) {
        (void)NEST_TRY(restore_device_run(0, table.address(), limit));
        return kOk;
    }
    for (u32 first = 0; first < limit; first += table.entries_per_page()) {
        const auto page = table.page_address(memory(), first / table.entries_per_page());
        if (!page.ok() && page.error() == Errno::kInval)
            continue;
        const u64 address = NEST_TRY(page);
        const u32 count = limit - first < table.entries_per_page() ? limit - first : table.entries_per_page();
        if (NEST_TRY(restore_device_run(first, address, count)))
            break;
    }
    return kOk;
}

// `count` entries of the device table that lie together. True: the last device of all was among them.
Result<bool> Its::restore_device_run(u32 first, u64 address, u32 count) {
    const u32 limit = GuestTable(devices_).limit(kMaxDevices);
    EntryReader reader(memory());
    Pace pace;
    for (u32 n = 0; n < count;) {
        NEST_TRY(pace.step_unless_killed());
        const auto entry = DeviceEntry::of(NEST_TRY(reader.read(address + n * kTableEntrySize, count - n)));
        if (!entry.get<DeviceEntry::Valid>()) {
            n++;
            continue;
        }
        NEST_TRY(restore_device(first + n, entry.raw));
        const u32 distance = static_cast<u32>(entry.get<DeviceEntry::Next>());
        if (!distance)
            return true;
        if (distance >= limit - (first + n))
            return Errno::kInval;
        n += distance;
    }
    return false;
}

Status Its::restore_device(u32 id, u64 raw) {
    const auto entry = DeviceEntry::of(raw);
    const unsigned event_bits = static_cast<unsigned>(entry.get<DeviceEntry::Size>()) + 1;
    if (event_bits > kMaxEventBits)
        return Errno::kInval;
    (void)NEST_TRY(mappings_.map_device(id, entry.get<DeviceEntry::Itt>() << 8, event_bits));
    return restore_events(*mappings_.find_device(id));
}

Status Its::restore_events(Device& device) {
    const u32 limit = device.event_limit();
    EntryReader reader(memory());
    Pace pace;
    for (u32 id = 0; id < limit;) {
        NEST_TRY(pace.step_unless_killed());
        const auto entry = EventEntry::of(NEST_TRY(reader.read(device.itt + id * kTableEntrySize, limit - id)));
        if (!entry.get<EventEntry::Lpi>()) {
            id++;
            continue;
        }
        NEST_TRY(restore_event(device, id, entry.raw));
        const u32 distance = static_cast<u32>(entry.get<EventEntry::Next>());
        if (!distance)
            break;
        if (distance >= limit - id)
            return Errno::kInval;
        id += distance;
    }
    return kOk;
}

Status Its::restore_event(Device& device, u32 event_id, u64 raw) {
    const auto entry = EventEntry::of(raw);
    const u32 lpi = static_cast<u32>(entry.get<EventEntry::Lpi>());
    const u32 collection_id = static_cast<u32>(entry.get<EventEntry::CollectionId>());
    if (!is_lpi(lpi) || lpi >= lpi_intid_limit(distributor_) || mappings_.translations().full())
        return Errno::kInval;
    // A guest that took its collection table away has no list of them.
    const Collection* const collection = mappings_.find_collection(collection_id);
    if (GuestTable(collections_).valid() && !(collection && collection->listed))
        return Errno::kInval;
    return mappings_.map_event(device, event_id, lpi, collection_id);
}

}  // namespace nest::vgic
