// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_ARM_ITS_RESTORE_TABLES of random tables, against a reader of its own that goes by the documentation entry by entry.
// What cannot be restored leaves nothing behind.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <tests/unit/vgic/its/its_machine.hpp>

using namespace nest;
using namespace nest::test;

namespace {

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "its_tables: %s\n", what);
    std::abort();
}

struct Input {
    const uint8_t* data;
    size_t size;
    u8 byte() { return size ? size--, *data++ : u8{0}; }
    u32 word() { return byte() | u32{byte()} << 8; }
};

// All that is looked at lies in one window of the guest's memory, so that tables overlap; some is nowhere.
constexpr u64 kWindow = kRam + kRamSize - 0x2'0000;
u64 place(Input& in) {
    const u8 where = in.byte();
    return (where & 0x1f) < 30 ? kWindow + (where & 0x1f) * u64{0x1000} + (where >> 5) * u64{0x100} : kRam + kRamSize;
}

class Reader {
public:
    struct Event {
        u32 lpi, icid;
    };
    std::map<u32, int> collections;
    std::map<std::pair<u32, u32>, Event> events;
    std::set<u32> devices;

    Reader(ItsMachine& i, u64 device_table, u64 collection_table)
        : i_(i), devices_(device_table), collections_(collection_table) {}

    // False: something is wrong.
    bool read() { return read_collections() && read_devices(); }

private:
    std::optional<u64> entry(u64 address) {
        u64 value;
        if (!i_.m.callbacks.read_guest(address, &value, sizeof(value)).ok())
            return {};
        return value;
    }
    static u32 shift(u64 table) { return (table >> 8 & 3) == 0 ? 12 : (table >> 8 & 3) == 1 ? 14 : 16; }
    static u64 base(u64 table) {
        const u64 low = table >> shift(table) << shift(table) & 0xffff'ffff'ffff;
        return shift(table) == 16 ? low | (table >> 12 & 0xf) << 48 : low;
    }
    static u32 entries(u64 table) { return static_cast<u32>(((table & 0xff) + 1) << (shift(table) - 3)); }

    bool read_collections() {
        for (u32 n = 0; n < entries(collections_); n++) {
            const auto e = entry(base(collections_) + 8 * n);
            if (!e)
                return false;
            if (!(*e >> 63))
                return true;
            const u64 processor = *e >> 16 & 0xf'ffff'ffff;
            const u32 id = *e & 0xffff;
            if (*e >> 52 != 0x800 || id >= entries(collections_) || (processor > 2 && processor != 0xffff'ffff))
                return false;
            if (!collections.insert({id, processor > 2 ? -1 : static_cast<int>(processor)}).second)
                return false;
        }
        return true;
    }
    bool read_devices() {
        const bool indirect = devices_ & kIndirect;
        const u32 per_page = u32{1} << (shift(devices_) - 3);
        const u64 limit = std::min(u64{65536}, u64{entries(devices_)} * (indirect ? per_page : 1));
        for (u64 id = 0; id < limit;) {
            u64 address = base(devices_) + 8 * id;
            if (indirect) {
                const auto first = entry(base(devices_) + id / per_page * 8);
                if (!first)
                    return false;
                if (!(*first >> 63)) {
                    id = (id / per_page + 1) * per_page;
                    continue;
                }
                const u64 page = *first & 0xf'ffff'ffff'f000;
                address = (page >> shift(devices_) << shift(devices_)) + 8 * (id % per_page);
            }
            const auto e = entry(address);
            if (!e)
                return false;
            u64 next = 1;
            if (*e >> 63) {
                if (!read_events(static_cast<u32>(id), *e))
                    return false;
                next = *e >> 49 & 0x3fff;
                if (next && id + next >= limit)
                    return false;
                if (!next)
                    return true;
                // Of two levels the distance only leads to the page; there the search begins at the first entry.
                if (indirect && (id + next) / per_page != id / per_page)
                    next = per_page - id % per_page;
            }
            id += next;
        }
        return true;
    }
    bool read_events(u32 device, u64 raw) {
        const u64 itt = (raw >> 5 & 0xfff'ffff'ffff) << 8, size = (raw & 0x1f) + 1;
        if (size > 16)
            return false;
        devices.insert(device);
        for (u64 id = 0; id < u64{1} << size;) {
            const auto e = entry(itt + 8 * id);
            if (!e)
                return false;
            const u64 lpi = *e >> 16 & 0xffff'ffff, icid = *e & 0xffff, next = *e >> 48;
            if (!lpi) {
                id++;
                continue;
            }
            if (lpi < 8192 || lpi > 65535 || !collections.contains(static_cast<u32>(icid)) || events.size() == 65536)
                return false;
            events[{device, static_cast<u32>(id)}] = {static_cast<u32>(lpi), static_cast<u32>(icid)};
            if (!next)
                return true;
            if (id + next >= u64{1} << size)
                return false;
            id += next;
        }
        return true;
    }

    ItsMachine& i_;
    u64 devices_, collections_;
};

u64 table_register(Input& in, bool may_indirect) {
    const u8 shape = in.byte();
    u64 address = place(in);
    if ((shape & 4) && shape < 0xf0)
        address &= ~u64{0xffff};  // or it is far away
    return kValid | (may_indirect && (shape & 1) ? kIndirect : 0) | u64{shape >> 1 & 3u} << 8 | (shape >> 3 & 3) |
           (address & ~u64{0xfff});
}

void put_entry(ItsMachine& i, Input& in) {
    const u8 kind = in.byte(), where = in.byte(), index = in.byte();
    // Mostly near the beginning of what may be a table.
    const u64 address = kWindow + (where & 0x1f) * u64{0x1000} + (where & 0x20 ? index * u64{8} : (index & 7) * u64{8});
    const u32 a = in.word(), b = in.word();
    u64 value = 0;
    switch (kind % 6) {
    case 0:  // a device
        value = kValid | u64{a & 0x3fff} << 49 | place(in) >> 8 << 5 | (b & 0x40 ? b & 0x1f : b & 7);
        break;
    case 1:  // an event
        value = u64{a} << 48 | u64{8192 + b % 16} << 16 | (kind >> 5);
        break;
    case 2:  // a collection
        value = kValid | u64{a % 4} << 16 | (b % 8);
        break;
    case 3:  // a page of the second level
        value = kValid | place(in);
        break;
    case 4:
        value = u64{a} << 48 | u64{b} << 24 | kind;
        break;
    default:
        break;
    }
    i.set_word(address, value);
}

// Sound tables to begin with, as a save would leave them: a few devices of the first page, each with a few events.
void put_sound_tables(ItsMachine& i, Input& in, u64 devices, u64 collections) {
    const auto put = [&](u64 address, u64 value) {
        if (address >= kWindow && address < kRam + kRamSize - 8)
            i.set_word(address, value);
    };
    const u64 table = (devices & kIndirect) ? kWindow + 0xf000 : devices & 0xffff'ffff'f000;
    put(devices & 0xffff'ffff'f000, kValid | table);
    for (u64 n = 0; n < 4; n++)
        put((collections & 0xffff'ffff'f000) + 8 * n, kValid | (n == 3 ? u64{0xffff'ffff} : n) << 16 | n);
    const unsigned count = in.byte() % 8;
    for (u64 id = 0, n = 0; n < count; n++) {
        const u64 itt = kWindow + 0x1'0000 + n * 0x1000, bits = in.byte() % 9 + 1;
        const u64 distance = n + 1 < count ? in.byte() % 40 + 1 : 0;
        put(table + 8 * id, kValid | distance << 49 | itt >> 8 << 5 | (bits - 1));
        id += distance;
        for (u64 event = in.byte() % (1u << bits), more; event < u64{1} << bits; event += more) {
            more = in.byte() % 16;
            const bool last = more == 0 || event + more >= u64{1} << bits;
            put(itt + 8 * event, (last ? 0 : more) << 48 | u64{8192 + in.byte() % 16u} << 16 | in.byte() % 4);
            if (last)
                break;
        }
    }
}

void compare(ItsMachine& i, Reader& reader) {
    std::map<u32, int> targets;  // an LPI's last event says
    for (const auto& [where, e] : reader.events)
        targets[e.lpi] = reader.collections[e.icid];
    for (u32 lpi = 8192; lpi < 8192 + 16; lpi++)
        require(i.target(lpi) == (targets.contains(lpi) ? targets[lpi] : ItsMachine::kNone), "another target");
    i.set(kCtlr, 1);
    unsigned tried = 0;
    for (const auto& [where, e] : reader.events)
        if (++tried <= 200)
            require(i.send(where.first, where.second) == (targets[e.lpi] >= 0), "a message is lost, or not");
    for (const u32 device : reader.devices)
        for (u32 event = 0; event < 8; event++)
            require(reader.events.contains({device, event}) || !i.send(device, event), "an event out of nowhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static ItsMachine machine;
    if (size < 8 || size > 1000)
        return 0;
    ItsMachine& i = machine;
    std::memset(i.at(kWindow), 0, 0x2'0000);
    i.make();
    Input in{data, size};
    const u64 devices = table_register(in, true), collections = table_register(in, false);
    // What the sound ones are made of does not use the input up.
    u8 random[256];
    u32 state = in.word() | u32{in.byte()} << 16;
    for (u8& r : random) {
        state = state * 1664525 + 1013904223;
        r = static_cast<u8>(state >> 24);
    }
    Input sound_tables{random, sizeof(random)};
    put_sound_tables(i, sound_tables, devices, collections);
    while (in.size)
        put_entry(i, in);
    i.set64(kBaser0, devices);
    i.set64(kBaser1, collections);
    i.set64(kCbaser, kValid | kQueue);
    Reader reader(i, i.get(kBaser0), i.get(kBaser1));
    const bool sound = reader.read();
    const Status status = i.its().restore_tables();
    require(status.ok() == sound, "restored, or not");
    if (sound) {
        compare(i, reader);
        (void)i.its().save_tables();
    } else {
        require(status.error() == Errno::kInval || status.error() == Errno::kFault, "another error");
        require(!(i.get(kBaser0) >> 63) && !(i.get(kBaser1) >> 63) && !i.get(kCbaser), "registers are left");
    }
    i.remove();
    for (u32 lpi = 8192; lpi < 8192 + 16; lpi++)
        require(i.target(lpi) == ItsMachine::kNone, "an LPI outlives its ITS");
    return 0;
}
