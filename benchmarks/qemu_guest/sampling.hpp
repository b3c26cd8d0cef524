// SPDX-License-Identifier: GPL-2.0-only
// An operation's samples, and its entry of JSON as Google Benchmark's entries look, in nanoseconds of CNTVCT_EL0.
#pragma once

#include "console.hpp"

namespace nest::qemu_guest {

constexpr u64 kWarmUp = 32, kSamples = 1000;
inline u64 samples[kSamples];

inline u64 now() {
    isb();
    return READ("cntvct_el0");
}

template <typename Work>
inline u64 timed(Work work) {
    const u64 before = now();
    work();
    return now() - before;
}

inline void sort() {
    for (u64 i = 1; i < kSamples; i++) {
        const u64 value = samples[i];
        u64 place = i;
        for (; place && samples[place - 1] > value; place--)
            samples[place] = samples[place - 1];
        samples[place] = value;
    }
}

inline void put_number(const char* name, u64 value) {
    put(", \"");
    put(name);
    put("\": ");
    put(value);
}

inline void put_entry(const char* name) {
    sort();
    const u64 frequency = READ("cntfrq_el0");
    const auto at = [&](u64 percent) { return samples[percent * (kSamples - 1) / 100] * 1'000'000'000 / frequency; };
    u64 disturbed = 0;
    for (const u64 sample : samples)
        disturbed += 2 * sample > 3 * samples[(kSamples - 1) / 2];
    put("{\"name\": \"flat/");
    put(name);
    put("/\"");
    put_number("iterations", kSamples);
    put_number("median", at(50));
    put_number("min", at(0));
    put_number("p90", at(90));
    put_number("max", at(100));
    put_number("disturbed", disturbed);
    put("}");
}

// `sample` gives the counts of one operation.
template <typename Sample>
void take_samples(Sample sample) {
    for (u64 i = 0; i < kWarmUp; i++)
        sample();
    for (u64& place : samples)
        place = sample();
}

template <typename Work>
void measure(const char* name, Work work) {
    take_samples([&] { return timed(work); });
    put_entry(name);
}

}  // namespace nest::qemu_guest
