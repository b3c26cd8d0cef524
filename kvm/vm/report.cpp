// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/report.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

constexpr unsigned kClasses = 64;

// vCPUs go on counting while this reads.
u64 sum(const u64 (&classes)[kClasses]) {
    u64 all = 0;
    for (const u64& value : classes)
        all += get_stat(value);
    return all;
}

// What is not a sum over the vCPUs.
void complete_own(Vm& vm) {
    vm.stage2.report(vm.stats);
    vm.nested_mmu.report(vm.stats);
    vm.nested_vncr.report(vm.stats);
}

// What is made of histograms that a vCPU and its VM have both.
template <typename Stats>
void sum_histograms(Stats& stats) {
    set_stat(stats.nested_erets, get_stat(stats.nested_vel2_exits_by_class[static_cast<unsigned>(arch::Ec::kEret)]));
    set_stat(stats.nested_vel2_exits, sum(stats.nested_vel2_exits_by_class));
    set_stat(stats.nested_l2_exits, sum(stats.nested_l2_exits_by_class));
}

template <typename Stats>
void show(void* to, u32 vm, int vcpu, const Stats& stats) {
    for_each_counter(stats, [&](const Counter& counter, const u64* values) {
        for (unsigned i = 0; i < counter.words; i++)
            if (const u64 value = get_stat(values[i]))
                nest_port_stats_line(to, vm, vcpu, counter.name, counter.words == 1 ? -1 : static_cast<int>(i), value);
    });
}

}  // namespace

void complete(VcpuStats& stats) {
    // A vCPU with virtual EL2 counts its exits by world only.
    for (unsigned ec = 0; ec < kClasses; ec++)
        if (const u64 both = get_stat(stats.nested_vel2_exits_by_class[ec]) + get_stat(stats.nested_l2_exits_by_class[ec]))
            set_stat(stats.exits_by_class[ec], both);
    const auto of = [&](arch::Ec ec) { return get_stat(stats.exits_by_class[static_cast<unsigned>(ec)]); };
    set_stat(stats.hvc_exit_stat, of(arch::Ec::kHvc64) + of(arch::Ec::kHvc32));
    sum_histograms(stats);
}

const Counter* single_counter(unsigned row) {
    for (const Counter& counter : kCounters)
        if (counter.words == 1 && row-- == 0)
            return &counter;
    return nullptr;
}

u64 value_of(Vm& vm, const Counter& counter) {
    if (counter.in_vcpu == Counter::kAbsent) {
        complete_own(vm);
        return get_stat(*words_of(vm.stats, counter));
    }
    u64 sum = 0;
    vm.for_each_vcpu([&](Vcpu& vcpu) {
        complete(vcpu.stats);
        sum += get_stat(*words_of(vcpu.stats, counter));
    });
    return sum;
}

u64 value_of_all(const Counter& counter) {
    Guard guard(machine().vms_lock);
    u64 sum = 0;
    for (Vm* vm = machine().vms; vm; vm = vm->next_listed)
        sum += value_of(*vm, counter);
    return sum;
}

void complete(Vm& vm) {
    VmStats& to = vm.stats;
    complete_own(vm);
    VmStats all{};
    vm.for_each_vcpu([&](Vcpu& vcpu) {
        complete(vcpu.stats);
        for_each_counter(all, [&](const Counter& counter, u64* sums) {
            for (unsigned i = 0; counter.is_sum() && i < counter.words; i++)
                sums[i] += get_stat(words_of(vcpu.stats, counter)[i]);
        });
    });
    sum_histograms(all);
    for_each_counter(to, [&](const Counter& counter, u64* values) {
        for (unsigned i = 0; counter.is_sum() && i < counter.words; i++)
            set_stat(values[i], words_of(all, counter)[i]);
    });
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
        // Without the VM's lock: its holder may wait for the VMM's memory for ever, while we hold vms_lock, which every new VM
        // needs.
        complete(*vm);
        nest_port_stats_line(to, vm->number, -1, "pid", -1, vm->process);
        show(to, vm->number, -1, vm->stats);
        vm->for_each_vcpu([&](Vcpu& vcpu) {
            complete(vcpu.stats);
            show(to, vm->number, static_cast<int>(vcpu.id), vcpu.stats);
        });
    }
}

}  // namespace nest::kvm
