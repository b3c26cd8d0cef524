// SPDX-License-Identifier: GPL-2.0-only
// stage2/: map, unmap and walk of a VM's own table, against the range and against what else is mapped.
#include <benchmarks/host/stopwatch.hpp>
#include <tests/unit/nested/mmu/counted_world.hpp>

namespace {
using namespace nest;
using bench::timed;
using Stage2 = stage2::Stage2<arch::Ipa>;

constexpr u64 K4 = 4096, M2 = 2 << 20, G1 = 1 << 30;

struct Table {
    Table() {
        cpu.record = arch::Cpu::Record::kCounts;
        test::CountedWorld::check(vmids.init(16, 4).ok() && tables.init(40, host).ok(), "tables");
    }
    ~Table() {
        tables.destroy();
        cache.drain();
    }
    void map(u64 start, u64 bytes, unsigned shift = 12) {
        for (u64 at = start; at < start + bytes; at += u64{1} << shift) {
            test::CountedWorld::check(tables.top_up(cache).ok(), "memory");
            const Status s = tables.map(cache, arch::Ipa(at), arch::Pa(G1 + at), shift, {stage2::kProtRwx});
            test::CountedWorld::check(s.ok(), "map");
        }
    }
    void unmap(u64 start, u64 bytes) {
        for (arch::Ipa at(start); at.raw < start + bytes;) {
            auto debt = tables.unmap(at, arch::Ipa(start + bytes));
            at = debt.resume();
            tables.complete(std::move(debt));
        }
    }
    void reap() { tables.free_retired(tables.take_retired()); }

    arch::Cpu cpu;
    stage2::HostFeatures host{.parange = 5, .haf = true, .vmid16 = true, .xnx = true, .fwb = true, .ttl = true};
    stage2::VmidAllocator vmids{cpu};
    stage2::TableCache cache;
    Stage2 tables{cpu, vmids};
};

// A range of so many bytes, mapped page by page and unmapped again.
void map_unmap_range(benchmark::State& state) {
    const u64 bytes = static_cast<u64>(state.range(0));
    Table t;
    for (auto _ : state) {
        t.map(G1, bytes);
        t.unmap(G1, bytes);
        t.reap();
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
// 2 MiB in pages, while the guest has so many bytes in all: flat.
void unmap_map_2m_of_guest(benchmark::State& state) {
    const u64 guest = static_cast<u64>(state.range(0));
    Table t;
    t.map(0, guest);
    for (auto _ : state) {
        t.unmap(guest / 2, M2);
        t.reap();
        t.map(guest / 2, M2);
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
// Only part of a table goes: page by page, or the table would go as one.
void unmap_1m(benchmark::State& state) {
    Table t;
    t.map(G1, M2);
    for (auto _ : state) {
        timed(state, [&] { t.unmap(G1, M2 / 2); });
        t.map(G1, M2 / 2);
    }
}
void walk(benchmark::State& state) {
    const u64 guest = static_cast<u64>(state.range(0));
    Table t;
    t.map(0, guest);
    u64 at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(t.tables.walk(arch::Ipa(at)));
        at = (at + 77 * K4) % guest;
    }
    state.SetComplexityN(state.range(0) / static_cast<long>(K4));
}
void map_unmap_block(benchmark::State& state) {
    Table t;
    t.map(G1 + M2, K4);
    for (auto _ : state) {
        t.map(G1, M2, 21);
        t.unmap(G1, M2);
    }
}

BENCHMARK(map_unmap_range)->RangeMultiplier(4)->Range(M2, 64 * M2)->Complexity(benchmark::oN);
BENCHMARK(unmap_map_2m_of_guest)->RangeMultiplier(4)->Range(8 * M2, 512 * M2)->Complexity(benchmark::o1);
BENCHMARK(unmap_1m)->UseManualTime();
BENCHMARK(walk)->RangeMultiplier(4)->Range(8 * M2, 512 * M2)->Complexity(benchmark::o1);
BENCHMARK(map_unmap_block);

}  // namespace
