// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/stats/totals.hpp>

#include <arch/syndrome.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;

constinit VcpuStats totals{};  // the counters that have a name in the totals; of the others nothing

constexpr bool totals_are_of_vcpus() {
    for (const Counter& counter : kCounters)
        if (counter.in_totals && counter.in_vcpu == Counter::kAbsent)
            return false;
    return true;
}
static_assert(totals_are_of_vcpus());

constexpr const char* class_name(unsigned ec, const char* other) {
    switch (static_cast<Ec>(ec)) {
    case Ec::kWfx: return "WFI and WFE";
    case Ec::kFpAccess: return "FP/SIMD";
    case Ec::kHvc64: return "HVC";
    case Ec::kSmc64: return "SMC";
    case Ec::kSysReg: return "system registers";
    case Ec::kInstrAbortLower: return "instruction aborts";
    case Ec::kDataAbortLower: return "data aborts";
    case Ec::kEret: return "ERET";
    default: return other;
    }
}

}  // namespace

void add_to_totals(const VcpuStats& stats) {
    for_each_counter(stats, [&](const Counter& counter, const u64* from) {
        for (unsigned i = 0; counter.in_totals && i < counter.words; i++)
            add_to_stat(words_of(totals, counter)[i], from[i]);
    });
}

bool totals_row(unsigned index, TotalsRow& row) {
    for (const Counter& counter : kCounters) {
        if (!counter.in_totals)
            continue;
        if (index < counter.words) {
            const char* name = counter.words == 1 ? counter.in_totals : class_name(index, counter.in_totals);
            row = {name, get_stat(words_of(totals, counter)[index])};
            return true;
        }
        index -= counter.words;
    }
    return false;
}

}  // namespace nest::kvm
