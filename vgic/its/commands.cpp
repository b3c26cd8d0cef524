// SPDX-License-Identifier: GPL-2.0-only
// The command queue. [IHI0069] 5.3
//
// As with Linux's KVM the queue never stalls: a command that makes no sense, or for which there is no memory, is skipped.
#include <vgic/its/its.hpp>
#include <vgic/lpi.hpp>

namespace nest::vgic {
namespace {

// What one store may cost: a command is 1, and 1 more for each so many events that it concerned.
constexpr unsigned kBudget = 512, kEventsPerUnit = 16;

// The dirty log has room for what so many commands write, as long as the vCPU may run (KVM_DIRTY_RING_RESERVED).
constexpr unsigned kCommandsPerLook = 16;

constexpr unsigned kMaxEventBits = 16;
constexpr u32 kMaxDevices = 65536;

unsigned events_of(const Result<unsigned>& result) { return result.value_or(0); }

}  // namespace

Its::Written Its::process_commands() {
    lock_.assert_held();
    unsigned spent = 0, executed = 0;
    while (mappings_.translations().open() && !queue_.empty()) {
        if (spent >= kBudget || (executed && executed % kCommandsPerLook == 0 && !memory().can_log_writes()))
            return Written::kAgain;
        executed++;
        Command command;
        unsigned events = 0;
        if (memory().read_guest(queue_.address() + queue_.read, &command, sizeof(command)).ok())
            events = execute(command);
        queue_.read = (queue_.read + kCommandSize) % queue_.bytes();
        spent += 1 + events / kEventsPerUnit;
    }
    return Written::kDone;
}

// How many events it concerned, if many.
unsigned Its::execute(const Command& command) {
    switch (command.number()) {
    case CommandNumber::kMapd:
        return map_device(command);
    case CommandNumber::kMapc:
        return map_collection(command);
    case CommandNumber::kMapi:
        map_event(command, command.event_id());
        return 0;
    case CommandNumber::kMapti:
        map_event(command, command.intid());
        return 0;
    case CommandNumber::kInvall:
        return mappings_.refresh_collection(command.collection_id());
    case CommandNumber::kMovall:
        return move_all(command);
    case CommandNumber::kInt:
        (void)send(command.device_id(), command.event_id());
        return 0;
    default:
        break;
    }
    // What is left is about an event that there is, or (SYNC) nothing to wait for.
    Event* const event = mappings_.find_event(command.device_id(), command.event_id());
    if (!event)
        return 0;
    switch (command.number()) {
    case CommandNumber::kMovi: {
        const Collection* const to = mappings_.find_collection(command.collection_id());
        if (to && to->mapped)
            mappings_.move_event(*event, command.collection_id());
        break;
    }
    case CommandNumber::kInv:
        mappings_.refresh(*event);
        break;
    case CommandNumber::kClear:
        clear_lpi(distributor_, event->lpi);
        break;
    case CommandNumber::kDiscard:
        discard(*event);
        break;
    default:
        break;
    }
    return 0;
}

const CpuInterface* Its::find_processor(u64 number) const {
    for (unsigned i = 0; i < distributor_.cpu_count(); i++)
        if (distributor_.cpu(i).id == number)
            return &distributor_.cpu(i);
    return nullptr;
}

void Its::clear_entry(Result<u64> address) {
    const u64 nothing = 0;
    if (tables_written_ && address.ok())
        (void)memory().write_guest(address.value(), &nothing, sizeof(nothing));
}

unsigned Its::map_device(const Command& command) {
    const u32 id = command.device_id();
    const unsigned event_bits = static_cast<unsigned>(command.word1.get<Command::Word1::Size>()) + 1;
    const GuestTable table(devices_);
    if (id >= kMaxDevices || !table.has_entry(memory(), id))
        return 0;
    if (command.valid()) {
        const u64 itt = command.word2.raw & Command::Word2::Itt::kMask;
        return event_bits <= kMaxEventBits ? events_of(mappings_.map_device(id, itt, event_bits)) : 0;
    }
    if (mappings_.find_device(id))
        clear_entry(table.entry_address(memory(), id));
    return mappings_.unmap_device(id);
}

unsigned Its::map_collection(const Command& command) {
    const u32 id = command.collection_id();
    if (!command.valid())
        return mappings_.unmap_collection(id);
    const CpuInterface* const cpu = find_processor(command.word2.get<Command::Word2::Target>());
    if (!cpu || !GuestTable(collections_).has_entry(memory(), id))
        return 0;
    return events_of(mappings_.map_collection(id, cpu->index));
}

void Its::map_event(const Command& command, u32 intid) {
    Device* const device = mappings_.find_device(command.device_id());
    const u32 event_id = command.event_id();
    if (!device || event_id >= device->event_limit() || mappings_.find_event(device->id, event_id))
        return;
    if (!is_lpi(intid) || intid >= lpi_intid_limit(distributor_))
        return;
    if (GuestTable(collections_).has_entry(memory(), command.collection_id()))
        (void)mappings_.map_event(*device, event_id, intid, command.collection_id());
}

unsigned Its::move_all(const Command& command) {
    const CpuInterface* const from = find_processor(command.word2.get<Command::Word2::Target>());
    const CpuInterface* const to = find_processor(command.word3.get<Command::Word3::Target>());
    return from && to && from != to ? mappings_.move_all(from->index, to->index) : 0;
}

void Its::discard(Event& event) {
    clear_entry(mappings_.find_device(event.device_id)->itt + event.event_id * kTableEntrySize);
    mappings_.unmap_event(event);
}

}  // namespace nest::vgic
