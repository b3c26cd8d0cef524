// SPDX-License-Identifier: GPL-2.0-only
// Event: what a device's message means, and the lists that it is in.
#pragma once
#include <vgic/intid.hpp>

namespace nest::vgic {

struct Event;

struct EventLinks {
    Event* next = nullptr;
    Event* previous = nullptr;
};

struct Event {
    u16 device_id = 0;
    u16 event_id = 0;
    u16 lpi = 0;
    u16 collection_id = 0;
    u16 target = kNobody;             // the vCPU index that this ITS last gave the LPI to
    Event* next_in_bucket = nullptr;  // Translations'
    EventLinks of_device, of_collection;
};

// A list of events that are linked by one of their members. All zero is an empty one.
template <EventLinks Event::*kLinks>
class EventList {
public:
    Event* first() const { return first_; }
    static Event* next(const Event& event) { return (event.*kLinks).next; }
    bool empty() const { return !first_; }

    void add(Event& event) {
        event.*kLinks = {first_, nullptr};
        if (first_)
            (first_->*kLinks).previous = &event;
        first_ = &event;
    }
    void remove(Event& event) {
        const EventLinks links = event.*kLinks;
        (links.previous ? (links.previous->*kLinks).next : first_) = links.next;
        if (links.next)
            (links.next->*kLinks).previous = links.previous;
    }

    // Smallest event number first: runs of 1, 2, 4, … events are merged, which takes no memory.
    void sort() {
        for (unsigned run = 1; merge_runs(run); run *= 2) {
        }
        Event* previous = nullptr;
        for (Event* event = first_; event; previous = event, event = next(*event))
            (event->*kLinks).previous = previous;
    }

private:
    // Takes up to `count` events off `rest`.
    static Event* take(Event*& rest, unsigned count) {
        Event* const run = rest;
        Event* last = nullptr;
        for (; rest && count; count--) {
            last = rest;
            rest = next(*rest);
        }
        if (last)
            (last->*kLinks).next = nullptr;
        return run;
    }
    // One pass over the list; false: there was but one run. Only `next` is kept up.
    bool merge_runs(unsigned length) {
        Event* rest = first_;
        Event** end = &first_;
        bool several = false;
        while (rest) {
            Event* left = take(rest, length);
            Event* right = take(rest, length);
            several |= right != nullptr;
            while (left || right) {
                Event*& smaller = !right || (left && left->event_id < right->event_id) ? left : right;
                *end = smaller;
                smaller = next(*smaller);
                end = &((*end)->*kLinks).next;
            }
        }
        *end = nullptr;
        return several;
    }

    Event* first_ = nullptr;
};

}  // namespace nest::vgic
