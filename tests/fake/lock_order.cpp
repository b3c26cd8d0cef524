// SPDX-License-Identifier: GPL-2.0-only
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <tests/fake/lock_order.hpp>
#include <vector>

namespace nest::test {
namespace {

constexpr const char* kNames[] = {
#define NEST_LOCK_CLASS(enumerator, name) #name,
#include <port/lock_classes.def>
#undef NEST_LOCK_CLASS
};

struct Held {
    const void* lock;
    nest_lock_class kind;
};
thread_local std::vector<Held> held;

std::mutex mutex;
bool before[NEST_LOCK_CLASSES][NEST_LOCK_CLASSES];  // some thread waited for the second with the first held

// Has a chain of waits led from `first` to `second`? There is no circle among those that were let through.
bool leads_to(unsigned first, unsigned second) {
    if (before[first][second])
        return true;
    for (unsigned next = 0; next < NEST_LOCK_CLASSES; next++)
        if (before[first][next] && leads_to(next, second))
            return true;
    return false;
}

[[noreturn]] void fail(const char* why, nest_lock_class outer, nest_lock_class inner) {
    std::fprintf(stderr, "fake port: a lock %s taken with a lock %s held: %s\n", kNames[inner], kNames[outer], why);
    std::abort();
}

}  // namespace

void check_lock_order(nest_lock_class kind) {
    if (held.empty())
        return;
    const std::lock_guard guard(mutex);
    for (const Held& outer : held) {
        if (outer.kind == kind)
            fail("two of one class", outer.kind, kind);
        if (before[outer.kind][kind])
            continue;
        if (leads_to(kind, outer.kind))
            fail("elsewhere it is the other way round", outer.kind, kind);
        before[outer.kind][kind] = true;
    }
}

void lock_taken(const void* lock, nest_lock_class kind) { held.push_back({lock, kind}); }

void lock_released(const void* lock) {
    for (size_t i = held.size(); i--;)
        if (held[i].lock == lock) {
            held.erase(held.begin() + static_cast<long>(i));
            return;
        }
}

bool lock_held(const void* lock) {
    for (const Held& h : held)
        if (h.lock == lock)
            return true;
    return false;
}

}  // namespace nest::test
