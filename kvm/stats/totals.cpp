// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/stats/totals.hpp>

#include <arch/syndrome.hpp>

namespace nest::kvm {
namespace {

using arch::Ec;

constexpr unsigned kClasses = 64;
constinit u64 exits, tier0, tier1, user, irqs, faults, from_vel2, from_l2, forwards, erets, switches, by_class[kClasses];

constexpr struct {
    const char* name;
    u64* value;
} kSums[] = {
    {"exits", &exits},
    {"handled in tier 0", &tier0},
    {"handled in tier 1", &tier1},
    {"to the VMM", &user},
    {"by interrupts", &irqs},
    {"stage-2 faults mapped", &faults},
    {"from virtual EL2", &from_vel2},
    {"from L2", &from_l2},
    {"forwarded to virtual EL2", &forwards},
    {"ERETs of virtual EL2", &erets},
    {"changes of world in tier 0", &switches},
};
constexpr unsigned kSumCount = sizeof(kSums) / sizeof(kSums[0]);

constexpr const char* class_name(unsigned ec) {
    switch (static_cast<Ec>(ec)) {
    case Ec::kWfx: return "WFI and WFE";
    case Ec::kFpAccess: return "FP/SIMD";
    case Ec::kHvc64: return "HVC";
    case Ec::kSmc64: return "SMC";
    case Ec::kSysReg: return "system registers";
    case Ec::kInstrAbortLower: return "instruction aborts";
    case Ec::kDataAbortLower: return "data aborts";
    case Ec::kEret: return "ERET";
    default: return "other classes";
    }
}

void add(u64& sum, u64 value) { __atomic_fetch_add(&sum, value, __ATOMIC_RELAXED); }

}  // namespace

void add_to_totals(const VcpuStats& stats) {
    add(exits, stats.exits);
    add(tier0, stats.tier0_exits);
    add(tier1, stats.tier1_exits);
    add(user, stats.user_exits);
    add(irqs, stats.irq_exits);
    add(faults, stats.stage2_faults);
    add(from_vel2, stats.nested_vel2_exits);
    add(from_l2, stats.nested_l2_exits);
    add(forwards, stats.nested_forwards);
    add(erets, stats.nested_erets);
    add(switches, stats.nested_tier0_switches);
    for (unsigned ec = 0; ec < kClasses; ec++)
        add(by_class[ec], stats.exits_by_class[ec]);
}

bool totals_row(unsigned index, TotalsRow& row) {
    if (index < kSumCount)
        row = {kSums[index].name, __atomic_load_n(kSums[index].value, __ATOMIC_RELAXED)};
    else if (index < kSumCount + kClasses)
        row = {class_name(index - kSumCount), __atomic_load_n(&by_class[index - kSumCount], __ATOMIC_RELAXED)};
    else
        return false;
    return true;
}

}  // namespace nest::kvm
