// SPDX-License-Identifier: GPL-2.0-only
// Mappings: what the guest has told one ITS: its devices, their events, and the collections that say which vCPU takes them.
//
// A collection that an event names need not be mapped: then nobody takes the LPI. All of it is for those who hold the ITS's
// mutex, and sleeps. What is said of many events goes on to its end, but relaxes in between, and returns how many there were.
#pragma once
#include <vgic/distributor.hpp>
#include <vgic/its/event.hpp>
#include <vgic/its/sparse.hpp>
#include <vgic/its/translations.hpp>

namespace nest::vgic {

struct Device {
    u64 itt = 0;              // the guest's table of its events, 256-byte aligned
    u16 id = 0;
    u8 event_bits = 0;        // 1 to 16
    EventList<&Event::of_device> events;

    u32 event_limit() const { return u32{1} << event_bits; }
};

struct Collection {
    bool mapped;
    bool listed;              // restored, mapped or not
    u16 vcpu;                 // index, if mapped
    EventList<&Event::of_collection> events;

    unsigned target() const { return mapped ? vcpu : kNobody; }
};

class Mappings {
public:
    explicit Mappings(Distributor& distributor) : distributor_(distributor) {}
    Mappings(const Mappings&) = delete;
    Mappings& operator=(const Mappings&) = delete;
    ~Mappings() { clear(); }

    // ENOMEM.
    Status init() { return translations_.init(); }
    Translations& translations() { return translations_; }
    const Translations& translations() const { return translations_; }

    Device* find_device(u32 id) const;
    // One that is there loses its events. ENOMEM: then it is unmapped.
    Result<unsigned> map_device(u32 id, u64 itt, unsigned event_bits);
    unsigned unmap_device(u32 id);
    // f(device) in the order of their numbers, while it says true.
    template <typename F>
    void for_each_device(F&& f) const {
        devices_.for_each([&](u32, Device* device) { return !device || f(*device); });
    }

    // Null: neither mapped nor named by an event, or it could be.
    const Collection* find_collection(u32 id) const { return collections_.find(id); }
    // ENOMEM.
    Result<unsigned> map_collection(u32 id, unsigned vcpu);
    unsigned unmap_collection(u32 id);
    Status list_collection(u32 id);
    template <typename F>
    void for_each_collection(F&& f) const {
        collections_.for_each([&](u32 id, const Collection& c) { return (!c.mapped && c.events.empty()) || f(id, c); });
    }

    Event* find_event(u32 device_id, u32 event_id) { return translations_.find(device_id, event_id); }
    // An event that the device does not have yet, with the property and the pending bit of the guest's tables. ENOSPC: there
    // are too many; ENOMEM; EINVAL: no such LPI.
    Status map_event(Device& device, u32 event_id, u32 lpi, u32 collection_id);
    void unmap_event(Event& event);
    // To a collection that is mapped.
    void move_event(Event& event, u32 collection_id);

    // The LPIs' properties, from the guest's table.
    void refresh(const Event& event);
    unsigned refresh_collection(u32 id);
    // What the one vCPU was given goes to the other. Also counts what it looked at.
    unsigned move_all(unsigned from, unsigned to);

    void clear_devices();
    void clear_collections();
    void clear() {
        clear_devices();
        clear_collections();
    }

private:
    void drop_event(Device& device, Event& event);
    unsigned drop_events(Device& device);
    void set_target(Event& event, unsigned vcpu);
    unsigned set_targets(Collection& collection);
    void take_pending(const Event& event);

    Distributor& distributor_;
    Translations translations_;
    Sparse<Device*> devices_;
    Sparse<Collection> collections_;
};

}  // namespace nest::vgic
