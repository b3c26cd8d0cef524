// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/its/translations.hpp>

namespace nest::vgic {

Status Translations::init() {
    buckets_ = Buffer<Event*>(size_t{1} << kBucketBits);
    if (!buckets_)
        return Errno::kNoMem;
    nest_port_random(key_, sizeof(key_));
    return kOk;
}

// Multiplication by a random odd number, twice, of what a random number was added to.
Event** Translations::bucket(u32 device_id, u32 event_id) const {
    u64 hash = (u64{device_id} << 32 | event_id) + key_[0];
    hash *= key_[1] | 1;
    hash ^= hash >> 32;
    hash *= key_[0] | 1;
    return &buckets_[hash >> (64 - kBucketBits)];
}

Event* Translations::search(u32 device_id, u32 event_id) const {
    if (!buckets_)
        return nullptr;
    for (Event* event = *bucket(device_id, event_id); event; event = event->next_in_bucket)
        if (event->device_id == device_id && event->event_id == event_id)
            return event;
    return nullptr;
}

const Event* Translations::find_for_message(u32 device_id, u32 event_id) const {
    lock_.assert_held();
    return open_ ? search(device_id, event_id) : nullptr;
}

Event* Translations::find(u32 device_id, u32 event_id) {
    IrqGuard guard(lock_);
    return search(device_id, event_id);
}

void Translations::set_open(bool open) {
    IrqGuard guard(lock_);
    open_ = open;
}

void Translations::add(Event& event) {
    IrqGuard guard(lock_);
    Event** const first = bucket(event.device_id, event.event_id);
    event.next_in_bucket = *first;
    *first = &event;
    count_++;
}

void Translations::remove(Event& event) {
    IrqGuard guard(lock_);
    Event** link = bucket(event.device_id, event.event_id);
    while (*link != &event)
        link = &(*link)->next_in_bucket;
    *link = event.next_in_bucket;
    count_--;
}

}  // namespace nest::vgic
