// SPDX-License-Identifier: GPL-2.0-only
// Times one piece of an iteration; pausing the benchmark's own clock would cost more than most of what is measured.
#pragma once
#include <benchmark/benchmark.h>
#include <time.h>

namespace nest::bench {

// This thread's CPU time in seconds: on a busy machine the time of day fits no curve. Reading it costs some 0.1 us.
inline double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// For benchmarks with ->UseManualTime().
template <typename Fn>
void timed(benchmark::State& state, Fn fn) {
    const double start = cpu_seconds();
    fn();
    state.SetIterationTime(cpu_seconds() - start);
}

}  // namespace nest::bench
