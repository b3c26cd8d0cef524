// SPDX-License-Identifier: GPL-2.0-only
// Translations: from a device and its event to the LPI; what a message is looked up in.
//
// A hash table with a random key, so that no guest can choose numbers that end up in one chain, and with a fixed number of
// buckets: nothing is allocated where a message may be waiting.
#pragma once
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>
#include <vgic/its/event.hpp>

namespace nest::vgic {

class Translations {
public:
    static constexpr unsigned kMaxEvents = 65536;

    // ENOMEM. Sleeps. Until then there is nothing to find, and nothing may be added.
    Status init();

    RawSpinLock& lock() { return lock_; }
    // The lock held. Null: no such event, or no messages are taken.
    const Event* find_for_message(u32 device_id, u32 event_id) const;

    // The rest is for those who hold the ITS's mutex.

    // Are messages taken (GITS_CTLR.Enabled)?
    void set_open(bool open);
    bool open() const { return open_; }
    bool full() const { return count_ == kMaxEvents; }
    // Stays until it is removed, and can only be removed under the mutex.
    Event* find(u32 device_id, u32 event_id);
    // Not full; no such event is there yet.
    void add(Event& event);
    // After it no message finds the event.
    void remove(Event& event);

private:
    static constexpr unsigned kBucketBits = 14;

    Event** bucket(u32 device_id, u32 event_id) const;
    Event* search(u32 device_id, u32 event_id) const;

    RawSpinLock lock_{NEST_LOCK_VGIC_TRANSLATIONS};
    Buffer<Event*> buckets_;
    u64 key_[2] = {};
    unsigned count_ = 0;
    bool open_ = false;
};

}  // namespace nest::vgic
