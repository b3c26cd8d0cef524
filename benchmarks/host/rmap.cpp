// SPDX-License-Identifier: GPL-2.0-only
// nested/rmap: a visit of 512 frames and the change of one leaf, against the leaves that the map holds.
#include <benchmarks/host/stopwatch.hpp>
#include <nested/mmu/rmap.hpp>
#include <tests/unit/nested/mmu/counted_world.hpp>

namespace {
using namespace nest;
using nested::Rmap;

// `shadows` times the same frames, each at its own address.
struct Filled {
    Rmap rmap;
    Filled(u64 leaves, unsigned shadows) {
        test::CountedWorld::check(rmap.init().ok(), "rmap");
        for (u64 i = 0; i < leaves / shadows; i++)
            for (unsigned s = 0; s < shadows; s++)
                insert(static_cast<u16>(s), i);
    }
    void insert(u16 shadow, u64 page) {
        if (!rmap.has_node())
            rmap.add_page(nest_port_pages_alloc(0, false));
        test::CountedWorld::check(rmap.insert({shadow, 3, arch::L2Ipa(page << 12), page + 0x100}), "insert");
    }
};

void visit(benchmark::State& state) {
    Filled f(static_cast<u64>(state.range(0)), static_cast<unsigned>(state.range(1)));
    const u64 middle = static_cast<u64>(state.range(0) / state.range(1)) / 2;
    for (auto _ : state) {
        u64 seen = 0;
        f.rmap.for_each(middle, middle + 512, [&](const Rmap::Leaf& l) { seen += l.gfn; });
        benchmark::DoNotOptimize(seen);
    }
    state.SetComplexityN(state.range(0));
}
void replace_one(benchmark::State& state) {
    Filled f(static_cast<u64>(state.range(0)), static_cast<unsigned>(state.range(1)));
    const u64 pages = static_cast<u64>(state.range(0) / state.range(1));
    u64 page = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(f.rmap.remove(0, arch::L2Ipa(page << 12), 3));
        f.insert(0, page);
        page = (page + 4097) % pages;
    }
    state.SetComplexityN(state.range(0));
}

constexpr long kFew = 1 << 12, kMany = 1 << 18;
#define OF_ONE_SHADOW RangeMultiplier(4)->Ranges({{kFew, kMany}, {1, 1}})
#define OF_FOUR_SHADOWS RangeMultiplier(4)->Ranges({{4 * kFew, 4 * kMany}, {4, 4}})
BENCHMARK(visit)->OF_ONE_SHADOW->Complexity(benchmark::o1);
BENCHMARK(visit)->Name("visit_four_shadows")->OF_FOUR_SHADOWS->Complexity(benchmark::o1);
BENCHMARK(replace_one)->OF_ONE_SHADOW->Complexity();
BENCHMARK(replace_one)->Name("replace_one_four_shadows")->OF_FOUR_SHADOWS->Complexity();

}  // namespace
