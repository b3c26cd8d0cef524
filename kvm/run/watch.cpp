// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/run/watch.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

constinit Atomic<bool> watched;

}  // namespace

void watch_from_first_run(Vcpu& vcpu) {
    // Pairs with the barrier in nest_watch_exits(): that call finds this vCPU in its VM, or this look finds `watched`.
    memory_barrier();
    if (watched.load_relaxed())
        vcpu.make_request(Request::kWatch);
}

void drop_watch_if_over(Vcpu& vcpu) {
    if (watched.load_relaxed())
        return;
    (void)vcpu.take_request(Request::kWatch);
    // nest_watch_exits(true) between the look and the taking: its request was taken as well, and is made again.
    memory_barrier();
    if (watched.load_relaxed())
        vcpu.make_request(Request::kWatch);
}

bool enter_if_watched(Vcpu& vcpu, Exit& exit) {
    if (!vcpu.has_requests() || vcpu.has_work() || vcpu.vm.halted() || nest_port_vcpu_entry_blocked() || this_cpu().disabled)
        return false;
    nest_port_trace_entry(vcpu.context.pc);
    nest_port_guest_enter();
    nest_trace_exit seen;
    exit = enter_guest_watched(vcpu, seen);
    nest_port_guest_exit();
    nest_port_trace_exit(vcpu.vm.number, vcpu.id, &seen);
    return true;
}

}  // namespace nest::kvm

extern "C" void nest_watch_exits(bool wanted) {
    using namespace nest;
    using namespace nest::kvm;
    watched.store_relaxed(wanted);
    memory_barrier();
    if (!wanted)
        return;  // each vCPU's thread ends its own watch: take_request() from here could race with its make_request()
    Guard guard(machine().vms_lock);
    for (Vm* vm = machine().vms; vm; vm = vm->next_listed)
        vm->for_each_vcpu([](Vcpu& vcpu) {
            vcpu.make_request(Request::kWatch);
            vcpu.kick();
        });
}
