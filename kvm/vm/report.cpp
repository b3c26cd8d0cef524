// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/report.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

constexpr unsigned kClasses = 64;

// The counters go on meanwhile.
u64 get(const u64& from) { return __atomic_load_n(&from, __ATOMIC_RELAXED); }

u64 sum(const u64 (&classes)[kClasses]) {
    u64 all = 0;
    for (const u64& value : classes)
        all += get(value);
    return all;
}

void show(void* to, u32 vm, int vcpu, const char* name, const u64* values, unsigned words) {
    for (unsigned i = 0; i < words; i++)
        if (const u64 value = get(values[i]))
            nest_port_stats_line(to, vm, vcpu, name, words == 1 ? -1 : static_cast<int>(i), value);
}

}  // namespace

void complete(VcpuStats& stats) {
    // A vCPU with virtual EL2 counts by world alone.
    for (unsigned ec = 0; ec < kClasses; ec++)
        if (const u64 both = get(stats.nested_vel2_exits_by_class[ec]) + get(stats.nested_l2_exits_by_class[ec]))
            set_stat(stats.exits_by_class[ec], both);
    const auto of = [&](arch::Ec ec) { return get(stats.exits_by_class[static_cast<unsigned>(ec)]); };
    set_stat(stats.hvc_exit_stat, of(arch::Ec::kHvc64) + of(arch::Ec::kHvc32));
    set_stat(stats.nested_erets, get(stats.nested_vel2_exits_by_class[static_cast<unsigned>(arch::Ec::kEret)]));
    set_stat(stats.nested_vel2_exits, sum(stats.nested_vel2_exits_by_class));
    set_stat(stats.nested_l2_exits, sum(stats.nested_l2_exits_by_class));
}

void complete(Vm& vm) {
    VmStats& to = vm.stats;
    vm.stage2.report(to);
    vm.nested_mmu.report(to);
    vm.nested_vncr.report(to);
    VmStats all{};
    vm.for_each_vcpu([&](Vcpu& vcpu) {
        complete(vcpu.stats);
        const VcpuStats& one = vcpu.stats;
#define SUM(field) all.field += get(one.field)
        SUM(exits), SUM(tier0_exits), SUM(tier1_exits), SUM(user_exits), SUM(irq_exits), SUM(nested_forwards);
        SUM(nested_erets), SUM(nested_tier0_switches);
        for (unsigned ec = 0; ec < kClasses; ec++) {
            SUM(exits_by_class[ec]), SUM(nested_vel2_exits_by_class[ec]), SUM(nested_l2_exits_by_class[ec]);
        }
#undef SUM
    });
    all.nested_vel2_exits = sum(all.nested_vel2_exits_by_class);
    all.nested_l2_exits = sum(all.nested_l2_exits_by_class);
#define COPY(field) set_stat(to.field, all.field)
    COPY(exits), COPY(tier0_exits), COPY(tier1_exits), COPY(user_exits), COPY(irq_exits), COPY(nested_vel2_exits);
    COPY(nested_l2_exits), COPY(nested_forwards), COPY(nested_erets), COPY(nested_tier0_switches);
    for (unsigned ec = 0; ec < kClasses; ec++) {
        COPY(exits_by_class[ec]), COPY(nested_vel2_exits_by_class[ec]), COPY(nested_l2_exits_by_class[ec]);
    }
#undef COPY
}

void list_vm(Vm& vm) {
    Guard guard(machine().vms_lock);
    vm.next_listed = machine().vms;
    machine().vms = &vm;
}

void unlist_vm(Vm& vm) {
    Guard guard(machine().vms_lock);
    Vm** link = &machine().vms;
    while (*link && *link != &vm)
        link = &(*link)->next_listed;
    if (*link)
        *link = vm.next_listed;
}

void show_all(void* to) {
    Guard guard(machine().vms_lock);
    for (Vm* vm = machine().vms; vm; vm = vm->next_listed) {
        // Without the VM's lock: its holder may be waiting for the VMM's memory, and whoever makes a VM for vms_lock.
        complete(*vm);
#define STAT(name, words, type, unit, exponent, bucket) \
    show(to, vm->number, -1, #name, reinterpret_cast<const u64*>(&vm->stats.name), words);
#include <kvm/stats/vm_stats.def>
#undef STAT
        vm->for_each_vcpu([&](Vcpu& vcpu) {
            complete(vcpu.stats);
#define STAT(name, words, type, unit, exponent, bucket) \
    show(to, vm->number, static_cast<int>(vcpu.id), #name, reinterpret_cast<const u64*>(&vcpu.stats.name), words);
#include <kvm/stats/vcpu_stats.def>
#undef STAT
        });
    }
}

}  // namespace nest::kvm
