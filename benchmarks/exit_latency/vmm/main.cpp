// SPDX-License-Identifier: GPL-2.0-only
// exit_latency [GOOGLE BENCHMARK'S OPTIONS]: what an exit costs, as the guest sees it.
//
// Names are MODE/OPERATION; the manual time of an iteration is one sample. Times are nanoseconds of CNTVCT_EL0; in a
// machine that counts (QEMU, -icount shift=0) a nanosecond is an instruction of the whole machine. Counters of each:
//   median, min, p90, max    of the samples, in nanoseconds
//   disturbed                samples above 1.5 times the median: outliers, such as an interrupt of the host
//   kvm.NAME                 KVM's statistics per sample (KVM_GET_STATS_FD), both vCPUs, those that are not zero
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "session.hpp"

namespace nest::bench {
namespace {

double nanoseconds_per_tick() {
    u64 frequency = 0;
    asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return 1e9 / double(frequency);
}

// Whether a statistic says how often something happened.
bool is_count(const std::string& name, double per_sample) {
    return std::abs(per_sample) >= 0.005 && name.find("_ns") == name.npos && name.find("halt_") == name.npos;
}

void run(benchmark::State& state, const Plan& plan, unsigned mode) try {
    const Outcome outcome = measure(guests::open_kvm(), plan, mode);
    const double unit = nanoseconds_per_tick();
    auto next = outcome.ticks.begin();
    for (auto _ : state)
        state.SetIterationTime(double(*next++) * unit / 1e9);

    std::vector<u64> sorted = outcome.ticks;
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](double part) { return double(sorted[size_t(part * double(sorted.size() - 1))]) * unit; };
    state.counters["median"] = at(0.5);
    state.counters["min"] = at(0);
    state.counters["p90"] = at(0.9);
    state.counters["max"] = at(1);
    state.counters["disturbed"] = double(std::count_if(
        sorted.begin(), sorted.end(), [&](u64 ticks) { return double(ticks) * unit > 1.5 * at(0.5); }));
    for (const auto& [name, per_sample] : outcome.exits)
        if (is_count(name, per_sample))
            state.counters["kvm." + name] = per_sample;
} catch (const std::exception& error) {
    state.SkipWithError(error.what());
}

const char* mode_name(unsigned mode) { return mode == kFlat ? "flat/" : mode == kVel2 ? "vel2/" : "l2/"; }

void register_all() {
    const unsigned offered = guests::has_virtual_el2(guests::open_kvm()) ? kFlat | kVel2 | kL2 : kFlat;
    for (const unsigned mode : {kFlat, kVel2, kL2})
        for (const Plan& plan : plans())
            if (plan.modes & mode & offered)
                benchmark::RegisterBenchmark((std::string(mode_name(mode)) + plan.name).c_str(), run, plan, mode)
                    ->UseManualTime()
                    ->Iterations(plan.samples);
}

}  // namespace
}  // namespace nest::bench

int main(int count, char** words) try {
    benchmark::Initialize(&count, words);
    if (benchmark::ReportUnrecognizedArguments(count, words))
        return 1;
    nest::bench::register_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
} catch (const std::exception& error) {
    std::printf("exit_latency: %s\n", error.what());
    return 1;
}
