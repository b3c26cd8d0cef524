// SPDX-License-Identifier: GPL-2.0-only
// nested/: the walk of L1's tables, the composition of a leaf, a whole shadow fault, and what an MMU notifier and a
// TLBI cost: against the range, against the guest, and against the number of shadows.
#include <benchmarks/host/stopwatch.hpp>
#include <memory>
#include <tests/unit/nested/mmu/counted_world.hpp>
#include <tuple>

namespace {
using namespace nest;
using bench::timed;
using test::CountedWorld;

constexpr u64 K4 = 4096, M2 = 2 << 20, G1 = 1 << 30;

// A filled world takes long to make, and each benchmark is called several times for the same one: keep the last.
CountedWorld& world(u64 bytes, unsigned leaf_shift, unsigned shadows) {
    static std::unique_ptr<CountedWorld> last;
    static std::tuple<u64, unsigned, unsigned> key;
    if (!last || key != std::tuple(bytes, leaf_shift, shadows)) {
        last.reset();
        last = std::make_unique<CountedWorld>(bytes, leaf_shift, shadows);
        last->fill();
        key = {bytes, leaf_shift, shadows};
    }
    return *last;
}

// The next page to take: always one that has not been touched for long, as in life.
u64 elsewhere(u64 at, u64 guest) { return (at + 1237 * K4) % guest; }

void walk_l1(benchmark::State& state) {
    const u64 guest = static_cast<u64>(state.range(0));
    CountedWorld& w = world(guest, 12, 1);
    u64 at = 0;
    for (auto _ : state) {
        Guard guard(w.lock);
        benchmark::DoNotOptimize(w.mmu.translate(&w.regime, at, false));
        at = elsewhere(at, guest);
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
void compose(benchmark::State& state) {
    nested::Stage2Result l1;
    l1.shift = 21;
    l1.attributes.prot = stage2::kProtRwx;
    stage2::Leaf canonical;
    canonical.valid = true;
    canonical.level = 2;
    canonical.attributes.prot = stage2::kProtRwx;
    for (auto _ : state) {
        benchmark::DoNotOptimize(l1);
        benchmark::DoNotOptimize(canonical);
        benchmark::DoNotOptimize(nested::compose(l1, canonical, 4, true));
    }
}
// One page comes, with all that is around it mapped: walk, composition, store, reverse map.
void fault(benchmark::State& state) {
    const u64 guest = static_cast<u64>(state.range(0));
    const unsigned shadows = static_cast<unsigned>(state.range(1));
    CountedWorld& w = world(guest, 12, shadows);
    u64 at = 0;
    for (auto _ : state) {
        w.unmap(at, K4);
        timed(state, [&] { benchmark::DoNotOptimize(w.touch(*w.shadows[0], at)); });
        w.fill(at, K4);
        at = elsewhere(at, guest);
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}

void unmap(benchmark::State& state, u64 guest, u64 bytes, unsigned shift, unsigned shadows) {
    CountedWorld& w = world(guest, shift, shadows);
    w.forget();
    for (auto _ : state) {
        timed(state, [&] { w.unmap(guest / 2, bytes); });
        w.fill(guest / 2, bytes);
    }
    state.counters["leaves"] = static_cast<double>(bytes >> shift) * shadows;
}
void notifier_range(benchmark::State& state) {
    unmap(state, G1 / 2, static_cast<u64>(state.range(0)), 12, 1);
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
void notifier_guest(benchmark::State& state) {
    unmap(state, static_cast<u64>(state.range(0)), M2, 12, 1);
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
// Each of them maps the range: the leaves grow with them.
void notifier_shadows(benchmark::State& state) {
    unmap(state, 32 * M2, M2, 12, static_cast<unsigned>(state.range(0)));
    state.SetComplexityN(state.range(0));
}
void notifier_blocks(benchmark::State& state) {
    unmap(state, static_cast<u64>(state.range(0)), M2, 21, 4);
    state.SetComplexityN(state.range(0) / static_cast<long>(M2));
}
// One of so many shadows maps the range: flat.
void notifier_other_shadows(benchmark::State& state) {
    CountedWorld w(32 * M2, 12, 1);
    w.fill();
    for (long i = 1; i < state.range(0); i++) {
        CountedWorld::Shadow& s = w.add_shadow();
        for (u64 at = 0; at < M2; at += K4)
            CountedWorld::check(w.touch(s, at) == nested::FaultOutcome::kResolved, "touch");
    }
    for (auto _ : state) {
        timed(state, [&] { w.unmap(16 * M2, M2); });
        for (u64 at = 16 * M2; at < 17 * M2; at += K4)
            w.touch(*w.shadows[0], at);
    }
    state.SetComplexityN(state.range(0));
}
void tlbi_page(benchmark::State& state) {
    const u64 guest = static_cast<u64>(state.range(0));
    CountedWorld& w = world(guest, 12, static_cast<unsigned>(state.range(1)));
    nested::ShadowTlbi t;
    t.what = nested::ShadowTlbi::What::kIpa;
    t.vmid = 1;
    t.start = 0;
    for (auto _ : state) {
        timed(state, [&] {
            CountedWorld::Mmu::Cursor cursor;
            Guard guard(w.lock);
            CountedWorld::check(w.mmu.invalidate(t, cursor), "TLBI");
        });
        w.touch(*w.shadows[0], t.start);
        t.start = elsewhere(t.start, guest);
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}

constexpr long kSmall = 32 * M2, kLarge = 512 * M2;
BENCHMARK(walk_l1)->RangeMultiplier(4)->Range(kSmall, kLarge)->Complexity(benchmark::o1);
BENCHMARK(compose);
BENCHMARK(fault)->UseManualTime()->ArgsProduct({{kSmall, 4 * kSmall, kLarge}, {1}})->Complexity(benchmark::o1);
BENCHMARK(notifier_range)->UseManualTime()->RangeMultiplier(4)->Range(M2, 64 * M2)->Complexity(benchmark::oN);
BENCHMARK(notifier_guest)->UseManualTime()->RangeMultiplier(4)->Range(kSmall, kLarge)->Complexity(benchmark::o1);
BENCHMARK(notifier_shadows)->UseManualTime()->RangeMultiplier(2)->Range(1, 16)->Complexity(benchmark::oN);
BENCHMARK(notifier_other_shadows)->UseManualTime()->RangeMultiplier(4)->Range(1, 64)->Complexity(benchmark::o1);
BENCHMARK(notifier_blocks)->UseManualTime()->RangeMultiplier(4)->Range(kSmall, kLarge)->Complexity(benchmark::o1);
BENCHMARK(tlbi_page)->UseManualTime()->ArgsProduct({{kSmall, 4 * kSmall, kLarge}, {1}})->Complexity(benchmark::o1);
BENCHMARK(fault)->Name("fault_four_shadows")->UseManualTime()->ArgsProduct({{kLarge}, {4}});
BENCHMARK(tlbi_page)->Name("tlbi_page_four_shadows")->UseManualTime()->ArgsProduct({{kLarge}, {4}});

}  // namespace
