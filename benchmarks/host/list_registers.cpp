// SPDX-License-Identifier: GPL-2.0-only
// vgic/list_registers: filling them before an entry and folding them after it, against the interrupts that are pending.
#include <benchmarks/host/stopwatch.hpp>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/hw/list_registers.hpp>

namespace {
using namespace nest;
using test::Machine;

// SPIs from 32 on, pending as edges, each of another priority than the one before.
void pend(Machine& m, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        m.make_edge(32 + i);
        m.enable(0, 32 + i);
        m.write(0, Machine::gicd(0x400) + 32 + i, (i % 16) * 8, 1);
        m.inject(0, 32 + i, true);
    }
    m.callbacks.kicks.clear();
}

void fill(benchmark::State& state) {
    Machine m(1, 4, 480);
    pend(m, static_cast<unsigned>(state.range(0)));
    const unsigned long flags = nest_port_irq_save();
    for (auto _ : state)
        vgic::fill_list_registers(m.cpu(0));
    nest_port_irq_restore(flags);
    state.SetComplexityN(state.range(0));
}
void fill_and_fold(benchmark::State& state) {
    Machine m(1, 4, 480);
    pend(m, static_cast<unsigned>(state.range(0)));
    u64 now[vgic::kMaxListRegisters];
    const unsigned long flags = nest_port_irq_save();
    for (auto _ : state) {
        vgic::fill_list_registers(m.cpu(0));
        std::copy(std::begin(m.cpu(0).hw.lr), std::end(m.cpu(0).hw.lr), now);
        vgic::fold_list_registers(m.cpu(0), now, 0);
    }
    nest_port_irq_restore(flags);
    state.SetComplexityN(state.range(0));
}

// Nothing pending: nearly every entry.
BENCHMARK(fill)->Name("fill_nothing")->Arg(0);
BENCHMARK(fill_and_fold)->Name("fill_and_fold_nothing")->Arg(0);
// N: interrupts pending at once, of four list registers.
BENCHMARK(fill)->RangeMultiplier(4)->Range(1, 256)->Complexity();
BENCHMARK(fill_and_fold)->RangeMultiplier(4)->Range(1, 256)->Complexity();

}  // namespace
