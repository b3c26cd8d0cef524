// SPDX-License-Identifier: GPL-2.0-only
// A model of an ITS and of its LPIs, made of maps: it knows no lists, hash tables or budgets. Of its_commands.cpp.
#pragma once
#include <map>
#include <utility>
#include <tests/unit/vgic/its/its_machine.hpp>

namespace nest::test::its_model {

struct Lpi {
    unsigned users = 0;
    int target = ItsMachine::kNone;
    bool enabled = false, pending = false;
};
struct Mapped {
    u32 lpi, icid;
    int target;
};
struct ModelDevice {
    unsigned bits;
    std::map<u32, Mapped> events;
};

enum Table { kInvalid, kSmall, kLarge, kTwoLevels };

class Model {
public:
    bool enabled = false, queue_valid = false;
    Table device_table = kInvalid, collection_table = kInvalid;
    std::map<u32, ModelDevice> devices;
    std::map<u32, int> collections;
    std::map<u32, Lpi> lpis;
    std::map<u32, u8> properties;
    std::map<std::pair<int, u32>, bool> pending_bits;

    bool has_device(u64 id) const {
        switch (device_table) {
        case kSmall:
            return id < 512;
        case kLarge:
            return id < 65536;
        case kTwoLevels:
            return id < 512 || (id >= 65024 && id < 65536);
        default:
            return false;
        }
    }
    bool has_collection(u64 id) const { return collection_table != kInvalid && (collection_table == kLarge || id < 512); }
    int collection_target(u32 icid) const {
        const auto c = collections.find(icid);
        return c == collections.end() ? ItsMachine::kNone : c->second;
    }
    Mapped* find(u64 device, u64 event) {
        const auto d = devices.find(static_cast<u32>(device));
        if (d == devices.end() || device >> 32)
            return nullptr;
        const auto e = d->second.events.find(static_cast<u32>(event));
        return e == d->second.events.end() ? nullptr : &e->second;
    }
    void add(ModelDevice& device, u32 event, u32 lpi, u32 icid) {
        const int target = collection_target(icid);
        device.events[event] = {lpi, icid, target};
        Lpi& l = lpis[lpi];
        l.users++;
        l.enabled = properties[lpi] & 1;
        l.target = target;
        if (target >= 0 && std::exchange(pending_bits[{target, lpi}], false))
            l.pending = true;
    }
    void drop(const Mapped& event) {
        Lpi& l = lpis[event.lpi];
        if (--l.users == 0)
            l = {};
    }
    void drop_events(ModelDevice& device) {
        for (const auto& [id, e] : device.events)
            drop(e);
        device.events.clear();
    }
    void drop_devices() {
        for (auto& [id, d] : devices)
            drop_events(d);
        devices.clear();
    }
    template <typename F>
    void each_event(F&& f) {
        for (auto& [id, d] : devices)
            for (auto& [event, e] : d.events)
                f(e);
    }
    void aim(Mapped& event, int target) {
        event.target = target;
        lpis[event.lpi].target = target;
    }
    void set_collection(u32 icid, int target) {
        if (target < 0 && !collections.contains(icid))
            return;
        if (target < 0)
            collections.erase(icid);
        else
            collections[icid] = target;
        each_event([&](Mapped& e) {
            if (e.icid == icid)
                aim(e, target);
        });
    }
    bool send(u64 device, u64 event) {
        const Mapped* e = enabled ? find(device, event) : nullptr;
        if (!e || lpis[e->lpi].target < 0)
            return false;
        return lpis[e->lpi].pending = true;
    }

    static u64 processor(u64 word) { return word >> 16 & 0xf'ffff'ffff; }
    void execute(const Words& c) {
        const u64 device = c.w[0] >> 32, event = c.w[1] & 0xffff'ffff, lpi = c.w[1] >> 32, icid = c.w[2] & 0xffff;
        const bool valid = c.w[2] >> 63;
        Mapped* e = find(device, event);
        switch (c.w[0] & 0xff) {
        case 1:
            if (e && collections.contains(static_cast<u32>(icid))) {
                e->icid = static_cast<u32>(icid);
                aim(*e, collection_target(e->icid));
            }
            break;
        case 3: send(device, event); break;
        case 4:
            if (e)
                lpis[e->lpi].pending = false;
            break;
        case 8: map_device(device, valid, static_cast<unsigned>(c.w[1] & 0x1f) + 1); break;
        case 9:
            if (!valid)
                set_collection(static_cast<u32>(icid), ItsMachine::kNone);
            else if (has_collection(icid) && processor(c.w[2]) < 3)
                set_collection(static_cast<u32>(icid), static_cast<int>(processor(c.w[2])));
            break;
        case 10: map_event(device, event, lpi, icid); break;
        case 11: map_event(device, event, event, icid); break;
        case 12:
            if (e)
                lpis[e->lpi].enabled = properties[e->lpi] & 1;
            break;
        case 13:
            if (collections.contains(static_cast<u32>(icid)))
                each_event([&](Mapped& one) {
                    if (one.icid == icid)
                        lpis[one.lpi].enabled = properties[one.lpi] & 1;
                });
            break;
        case 14: move_all(processor(c.w[2]), processor(c.w[3])); break;
        case 15:
            if (e) {
                drop(*e);
                devices[static_cast<u32>(device)].events.erase(static_cast<u32>(event));
            }
            break;
        }
    }
    void map_device(u64 id, bool valid, unsigned bits) {
        if (!has_device(id))
            return;
        const u32 n = static_cast<u32>(id);
        if (valid && bits > 16)
            return;
        if (devices.contains(n))
            drop_events(devices[n]);
        if (valid)
            devices[n].bits = bits;
        else
            devices.erase(n);
    }
    void map_event(u64 device, u64 event, u64 lpi, u64 icid) {
        const auto d = devices.find(static_cast<u32>(device));
        if (d == devices.end() || event >> d->second.bits || find(device, event) || lpi < 8192 || lpi >= 65536 ||
            !has_collection(icid))
            return;
        add(d->second, static_cast<u32>(event), static_cast<u32>(lpi), static_cast<u32>(icid));
    }
    void move_all(u64 from, u64 to) {
        if (from >= 3 || to >= 3 || from == to)
            return;
        each_event([&](Mapped& e) {
            if (e.target == static_cast<int>(from))
                aim(e, static_cast<int>(to));
        });
    }

    // After a save, which leaves out what has no place.
    void restore() {
        const std::map<u32, ModelDevice> saved = devices;
        if (collection_table == kInvalid)
            collections.clear();
        drop_devices();
        for (const auto& [id, d] : saved) {
            if (!has_device(id))
                continue;
            devices[id].bits = d.bits;
            for (const auto& [event, e] : d.events)
                if (collection_table == kInvalid || has_collection(e.icid))
                    add(devices[id], event, e.lpi, e.icid);
        }
    }
};

}  // namespace nest::test::its_model
